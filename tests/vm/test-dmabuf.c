/* SPDX-License-Identifier: MIT */
/*
 * test-dmabuf MOUNT_POINT: real dma-bufs, exported by one process and imported by another
 * process of another user. This file has the exporter; importer.c has the importer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "client.h"
#include "importer.h"
#include "pattern.h"
#include "producers.h"
#include "talk.h"
#include "tap.h"

/* A name is removed on RELEASEDIR, which the kernel sends after close(2) has returned. */
#define NAME_ENDS_WITHIN_MS 20000

struct kind {
	const char *name;
	const char *device; /* that makes it */
	enum dmabuffs_kind expected;
	int (*make)(void); /* a descriptor of PATTERN_SIZE bytes, or -errno */
};

static int make_udmabuf(void)
{
	return vm_udmabuf(PATTERN_SIZE);
}

static int make_dma_heap(void)
{
	return vm_dma_heap(PATTERN_SIZE, O_RDWR);
}

/* The dma-buf keeps the GEM object alive: its DRM file can be closed. */
static int make_vgem(void)
{
	uint32_t handle;
	int drm_fd, fd;

	fd = vm_vgem_gem(PATTERN_SIZE, &drm_fd, &handle);
	if (fd >= 0)
		close(drm_fd);
	return fd;
}

static int make_memfd(void)
{
	return vm_memfd(PATTERN_SIZE);
}

static const struct kind kinds[] = {
	{"udmabuf", VM_UDMABUF, DMABUFFS_KIND_DMABUF, make_udmabuf},
	{"dma-heap", VM_DMA_HEAP, DMABUFFS_KIND_DMABUF, make_dma_heap},
	{"vgem", "/dev/dri", DMABUFFS_KIND_DMABUF, make_vgem},
	{"memfd", "/", DMABUFFS_KIND_MEMFD, make_memfd},
};

static bool make_buffer(const struct kind *kind, struct buffer *b)
{
	int r = kind->make();

	if (!tap_check(r >= 0, kind->name, "buffer is made: %d", r))
		return false;
	r = buffer_init(b, r, PROT_READ | PROT_WRITE);
	if (!tap_check(r == 0, kind->name, "exporter maps it: %d", r))
		return false;
	r = buffer_fill(b, PAGE_FROM_EXPORTER);
	return tap_check(r == 0, kind->name, "and fills it: %d", r);
}

static bool check_export(const struct kind *kind, int root, int fd,
			 struct client_uuid *uuid)
{
	uint64_t bytes = 0;
	struct client_uuid again;
	int r = client_export(root, fd, 0, uuid, &bytes);

	if (!tap_check(r == 0 && bytes == PATTERN_SIZE, kind->name,
		       "export gives %d and %llu bytes", r, (unsigned long long)bytes))
		return false;
	r = client_export(root, fd, 0, &again, &bytes);
	tap_check(r == 0 && memcmp(&again, uuid, sizeof(again)) == 0, kind->name,
		  "a second export returns the same name: %d", r);
	return true;
}

/* Starts the importer, which keeps only its end of the pipes. */
static pid_t start_importer(const struct kind *kind, const char *mount_point,
			    struct talk *ours, struct talk *theirs, int root,
			    struct buffer *b)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	talk_finish(ours);
	close(root);
	buffer_finish(b);
	tap_reset();
	_exit(importer_run(mount_point, kind->name, kind->expected, theirs));
}

/* The exporter's half of the exchange with the importer. */
static void talk_with(const struct kind *kind, struct talk *importer, struct buffer *b,
		      const struct client_uuid *uuid)
{
	int r = talk_send(importer, uuid, sizeof(*uuid));

	if (r == 0)
		r = talk_wait(importer);
	if (r == 0)
		r = buffer_fill(b, PAGE_LATER);
	if (r == 0)
		r = talk_go(importer);
	tap_check(r == 0, kind->name, "exporter takes its turn: %d", r);
}

static void check_importer(const struct kind *kind, const char *mount_point, int root,
			   struct buffer *b, const struct client_uuid *uuid)
{
	struct talk ours, theirs;
	int status = -1;
	pid_t pid;

	if (!tap_check(talk_create(&ours, &theirs) == 0, kind->name, "pipes"))
		return;
	pid = start_importer(kind, mount_point, &ours, &theirs, root, b);
	talk_finish(&theirs);
	talk_with(kind, &ours, b, uuid);
	talk_finish(&ours);
	pid = pid > 0 ? waitpid(pid, &status, 0) : -1;
	tap_check(pid > 0 && status == 0, kind->name, "importer exits with status %#x",
		  (unsigned int)status);
}

static void check_answers(const struct kind *kind, struct buffer *b)
{
	tap_check(buffer_has(b, PAGE_FROM_MAPPING) == 1, kind->name,
		  "exporter sees what the importer wrote through its mapping");
	tap_check(buffer_has(b, PAGE_FROM_WRITE) == 1, kind->name,
		  "and what it wrote to the file");
}

/* The export keeps the buffer alive: the exporter has closed its descriptors. */
static void check_held(const struct kind *kind, int root, const struct client_uuid *uuid)
{
	unsigned char data[PATTERN_PAGE];
	int file = client_open(root, uuid, O_RDONLY);
	ssize_t n = pread(file, data, sizeof(data), PAGE_LATER * PATTERN_PAGE);

	tap_check(n == (ssize_t)sizeof(data) && pattern_is(data, PAGE_LATER), kind->name,
		  "the name works after the exporter has closed its buffer: %zd", n);
	if (file >= 0)
		close(file);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void check_name_ends(const struct kind *kind, const char *mount_point,
			    const struct client_uuid *uuid)
{
	int root = client_open_root(mount_point);
	long end = now_ms() + NAME_ENDS_WITHIN_MS;
	int file;

	while ((file = client_open(root, uuid, O_RDONLY)) >= 0) {
		close(file);
		if (now_ms() > end)
			break;
	}
	tap_check(file == -ENOENT, kind->name, "the name is removed with its root: %d",
		  file);
	close(root);
}

static void test_kind(const struct kind *kind, const char *mount_point)
{
	int root = client_open_root(mount_point);
	struct client_uuid uuid;
	struct buffer b;

	if (!tap_check(root >= 0, kind->name, "root opens: %d", root) ||
	    !make_buffer(kind, &b) || !check_export(kind, root, b.fd, &uuid))
		return;
	check_importer(kind, mount_point, root, &b, &uuid);
	check_answers(kind, &b);
	buffer_finish(&b);
	check_held(kind, root, &uuid);
	close(root);
	check_name_ends(kind, mount_point, &uuid);
}

/*
 * A read-only dma-buf is the only kind whose real descriptor a read-only import can
 * return.
 */
static void check_read_only_import(int root, int broker, const struct client_uuid *uuid)
{
	struct dmabuffs_broker_reply reply = {0};
	int file = client_open(root, uuid, O_RDWR);
	int fd, r;

	tap_check(file == -EPERM, "read-only", "opening it for writing gives %d", file);
	file = client_open(root, uuid, O_RDONLY);
	fd = client_exchange(broker, file, &reply);
	tap_check(fd >= 0 && fd_is_dmabuf(fd) &&
			  (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY,
		  "read-only", "exchange gives a read-only dma-buf: %d", fd);
	r = try_map(fd, PROT_WRITE);
	tap_check(r == -EACCES, "read-only", "mapping that for writing gives %d", r);
	close(fd);
	close(file);
}

static void test_read_only(const char *mount_point)
{
	int root = client_open_root(mount_point), broker = client_connect(mount_point);
	int fd = vm_dma_heap(PATTERN_SIZE, O_RDONLY);
	struct client_uuid uuid;
	uint64_t bytes;
	int r;

	tap_check(fd >= 0, "read-only", "dma-buf is made: %d", fd);
	r = client_export(root, fd, 0, &uuid, &bytes);
	tap_check(r == -EACCES, "read-only", "export without READONLY gives %d", r);
	r = client_export(root, fd, DMABUFFS_EXPORT_READONLY, &uuid, &bytes);
	if (tap_check(r == 0, "read-only", "export with READONLY gives %d", r))
		check_read_only_import(root, broker, &uuid);
	close(fd);
	close(broker);
	close(root);
}

/*
 * An import must return the real memfd: udmabuf checks its seals, which a FUSE file
 * lacks.
 */
static void test_memfd_as_dmabuf(const char *mount_point)
{
	int root = client_open_root(mount_point), broker = client_connect(mount_point);
	int memfd = vm_sealed_memfd(PATTERN_SIZE);
	struct dmabuffs_broker_reply reply;
	struct client_uuid uuid;
	uint64_t bytes;
	int r, file, fd, dmabuf;

	r = client_export(root, memfd, 0, &uuid, &bytes);
	file = client_open(root, &uuid, O_RDWR);
	fd = client_exchange(broker, file, &reply);
	tap_check(r == 0 && file >= 0 && fd >= 0, "memfd-to-udmabuf",
		  "export %d, open %d, exchange %d", r, file, fd);
	r = vm_udmabuf_of(file, PATTERN_SIZE);
	tap_check(r < 0, "memfd-to-udmabuf", "udmabuf refuses the FUSE file: %d", r);
	dmabuf = vm_udmabuf_of(fd, PATTERN_SIZE);
	tap_check(dmabuf >= 0, "memfd-to-udmabuf", "and accepts the real memfd: %d",
		  dmabuf);
	close(dmabuf);
	close(fd);
	close(file);
	close(memfd);
	close(broker);
	close(root);
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: test-dmabuf MOUNT_POINT\n");
		return 2;
	}
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!vm_skips(kinds[i].name, kinds[i].device))
			test_kind(&kinds[i], argv[1]);
	if (!vm_skips("read-only", VM_DMA_HEAP))
		test_read_only(argv[1]);
	if (!vm_skips("memfd-to-udmabuf", VM_UDMABUF))
		test_memfd_as_dmabuf(argv[1]);
	return tap_exit_status();
}
