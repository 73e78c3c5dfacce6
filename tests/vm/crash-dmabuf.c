/* SPDX-License-Identifier: MIT */
/*
 * crash-dmabuf.c - kills of a service whose names are real dma-bufs
 *
 * A program of the harness of the integration tests, which test-crash runs in the guest.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../crash/campaign.h"
#include "producers.h"

#define OBJECTS_LINE "Total %u objects"

static int make_heap(size_t bytes)
{
	return vm_dma_heap(bytes, O_RDWR);
}

/* dma-bufs of the whole guest, as the kernel counts them; -1: it does not. */
static long long count_objects(void)
{
	char path[INSTANCE_PATH_SIZE], line[200];
	unsigned n = 0, found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/debug", test_work_dir);
	mkdir(path, 0700);
	if (mount("debugfs", path, "debugfs", 0, NULL) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/debug/dma_buf/bufinfo", test_work_dir);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		found += sscanf(line, OBJECTS_LINE, &n) == 1;
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "%s/debug", test_work_dir);
	umount2(path, MNT_DETACH);
	return found ? (long long)n : -1;
}

static bool no_objects(void *data)
{
	return count_objects() <= *(long long *)data;
}

static void kill_with(int (*make)(size_t bytes))
{
	const struct load_config config = {.n_clients = 3,
					   .n_kept = 6,
					   .bytes = 16384,
					   .flags = LOAD_NO_MAP | LOAD_FIXED |
						    LOAD_CONTEXTS_END,
					   .seed = 3,
					   .make = make};
	long long before = count_objects();
	struct campaign campaign;

	if (before < 0)
		test_note("this kernel does not count dma-bufs");
	campaign_begin(&campaign, NULL, &config);
	campaign_kill_often(&campaign, campaign_kills(5, 50));
	campaign_end(&campaign);
	if (!wait_until(no_objects, &before))
		test_fail(__FILE__, __LINE__, "%lld dma-bufs are left, %lld were there",
			  count_objects(), before);
}

static void udmabufs(struct instance *instance)
{
	if (!vm_skips("udmabufs", VM_UDMABUF))
		kill_with(vm_udmabuf);
}

static void heap(struct instance *instance)
{
	if (!vm_skips("heap", VM_DMA_HEAP))
		kill_with(make_heap);
}

/* On kernels without FUSE passthrough, and without FUSE_NOTIFY_RESEND, too. */
static void memfds(struct instance *instance)
{
	struct load_config load = CAMPAIGN_LOAD;
	struct campaign campaign;

	load.n_clients = 4;
	load.n_kept = 6;
	if (!vm_has_passthrough())
		load.flags |= LOAD_NO_MAP;
	campaign_begin(&campaign, NULL, &load);
	campaign_kill_often(&campaign, campaign_kills(10, 50));
	campaign_end(&campaign);
}

const struct test_case test_cases[] = {
	{"udmabufs", udmabufs, NULL, 0, CASE_NO_INSTANCE},
	{"heap", heap, NULL, 0, CASE_NO_INSTANCE},
	{"memfds", memfds, NULL, 0, CASE_NO_INSTANCE},
	{0},
};
