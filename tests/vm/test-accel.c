/* SPDX-License-Identifier: MIT */
/* test-accel MOUNT_POINT: real dma-bufs as memory of a device's commands. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "job.h"
#include "pattern.h"
#include "producers.h"
#include "tap.h"

#define DEVICE "soft0"

#define BUFINFO "/sys/kernel/debug/dma_buf/bufinfo"

/* ---- buffers ----------------------------------------------------------------------- */

struct kind {
	const char *name;
	const char *device; /* that makes it */
	int (*make)(void);  /* a descriptor of PATTERN_SIZE bytes, or -errno */
};

static int make_udmabuf(void)
{
	return vm_udmabuf(PATTERN_SIZE);
}

static int make_dma_heap(void)
{
	return vm_dma_heap(PATTERN_SIZE, O_RDWR);
}

static int make_vgem(void)
{
	uint32_t handle;
	int drm_fd, fd = vm_vgem_gem(PATTERN_SIZE, &drm_fd, &handle);

	if (fd >= 0)
		close(drm_fd);
	return fd;
}

static const struct kind kinds[] = {
	{"udmabuf", VM_UDMABUF, make_udmabuf},
	{"dma-heap", VM_DMA_HEAP, make_dma_heap},
	{"vgem", "/dev/dri", make_vgem},
};

/* The inode number of the dma-buf; 0: it is none. */
static unsigned long dmabuf_number(int fd)
{
	struct stat st;

	return fd_is_dmabuf(fd) && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/*
 * Whether the dma-buf exists in the kernel. Lines are "SIZE FLAGS MODE COUNT EXPORTER INO
 * NAME".
 */
static bool exists(unsigned long number)
{
	FILE *file = fopen(BUFINFO, "re");
	char line[256];
	unsigned long ino;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*x %*x %*x %*x %*s %lu", &ino) == 1 &&
			ino == number;
	if (file)
		fclose(file);
	return found;
}

static bool is_gone(const void *data)
{
	return !exists(*(const unsigned long *)data);
}

/* ---- one kind, imported by its descriptor or by its name --------------------------- */

struct trial {
	char what[40];
	const char *mount_point;
	bool by_name;
	struct job job;
	struct buffer dmabuf, memfd;
	struct place at_dmabuf, at_memfd;
};

static bool start(struct trial *t, const struct kind *kind)
{
	int r = buffer_init(&t->dmabuf, kind->make(), PROT_READ | PROT_WRITE);

	if (!tap_check(r == 0, t->what, "dma-buf is made: %d", r))
		return false;
	r = buffer_init(&t->memfd, vm_memfd(PATTERN_SIZE), PROT_READ | PROT_WRITE);
	if (r == 0)
		r = buffer_fill(&t->dmabuf, PAGE_FROM_EXPORTER);
	if (r == 0)
		r = job_open(&t->job, t->mount_point, DEVICE);
	return tap_check(r == 0, t->what, "context with a queue: %d", r);
}

static bool map_both(struct trial *t)
{
	uint32_t dmabuf, memfd;
	int r = t->by_name ? job_import_name(&t->job, t->mount_point, t->dmabuf.fd,
					     O_RDWR, 0, &dmabuf)
			   : job_import(&t->job, t->dmabuf.fd, &dmabuf);

	if (!tap_check(r == 0, t->what, "imported: %d", r))
		return false;
	r = job_map(&t->job, dmabuf, 0, PATTERN_SIZE, PLACE_READ_WRITE, &t->at_dmabuf);
	if (r == 0)
		r = job_import(&t->job, t->memfd.fd, &memfd);
	if (r == 0)
		r = job_map(&t->job, memfd, 0, PATTERN_SIZE, PLACE_READ_WRITE,
			    &t->at_memfd);
	return tap_check(r == 0, t->what, "mapped, beside a memfd: %d", r);
}

static void check_info(struct trial *t)
{
	const uint32_t expected =
		ACCEL_BUFFER_DMABUF | ACCEL_BUFFER_PINNED | ACCEL_BUFFER_IMPORTED;
	struct accel_buffer_info info = {0};
	int r = job_info(&t->job, t->at_dmabuf.buffer, &info);

	tap_check(r == 0 && info.flags == expected && info.bytes == PATTERN_SIZE &&
			  info.mappings == 1,
		  t->what, "info gives %d: flags %#x, %llu bytes, %u mappings", r,
		  info.flags, (unsigned long long)info.bytes, info.mappings);
	r = job_object(&t->job, DMABUFFS_ACCEL_IOC_BUFFER_REVOKE, t->at_dmabuf.buffer);
	tap_check(r == -EPERM, t->what, "the context cannot revoke it: %d", r);
	r = job_info(&t->job, t->at_memfd.buffer, &info);
	tap_check(r == 0 && info.flags == ACCEL_BUFFER_IMPORTED, t->what,
		  "the memfd is neither a dma-buf nor pinned: flags %#x", info.flags);
}

static void check_copy(struct trial *t)
{
	int r = job_copy(&t->job, &t->at_memfd, 0, &t->at_dmabuf, 0, PATTERN_PAGE);

	tap_check(r == 0 && buffer_has(&t->memfd, PAGE_FROM_EXPORTER) == 1, t->what,
		  "copy reads it: %d", r);
	buffer_fill(&t->memfd, PAGE_FROM_MAPPING);
	r = job_copy(&t->job, &t->at_dmabuf, PAGE_FROM_MAPPING * PATTERN_PAGE,
		     &t->at_memfd, PAGE_FROM_MAPPING * PATTERN_PAGE, PATTERN_PAGE);
	tap_check(r == 0 && buffer_has(&t->dmabuf, PAGE_FROM_MAPPING) == 1, t->what,
		  "copy writes it: %d", r);
}

/* Some drivers map page 0 at any offset. */
static void check_part(struct trial *t)
{
	const uint64_t offset = PAGE_LATER * PATTERN_PAGE;
	struct place part;
	int r = job_map(&t->job, t->at_dmabuf.buffer, offset, PATTERN_PAGE,
			PLACE_READ_WRITE, &part);

	buffer_fill(&t->memfd, PAGE_LATER);
	if (r == 0)
		r = job_copy(&t->job, &part, 0, &t->at_memfd, offset, PATTERN_PAGE);
	tap_check(r == 0 && buffer_has(&t->dmabuf, PAGE_LATER) == 1 &&
			  buffer_has(&t->dmabuf, PAGE_FROM_EXPORTER) == 1,
		  t->what, "a mapped part has the right offset: %d", r);
	r = job_copy(&t->job, &part, PATTERN_PAGE, &t->at_memfd, 0, 1);
	tap_check(r == -EIO && dmabuffs_accel_queue_reset(t->job.queue) == 0, t->what,
		  "and the right length: %d", r);
}

static bool page_is(struct buffer *b, enum pattern_page page, unsigned char byte)
{
	const volatile unsigned char *data = b->data + page * PATTERN_PAGE;
	size_t i = 0;

	if (vm_dmabuf_sync(b->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ) < 0)
		return false;
	while (i < PATTERN_PAGE && data[i] == byte)
		i++;
	return vm_dmabuf_sync(b->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ) == 0 &&
	       i == PATTERN_PAGE;
}

static void check_fill(struct trial *t)
{
	int r = job_fill(&t->job, &t->at_dmabuf, PAGE_FROM_WRITE * PATTERN_PAGE,
			 PATTERN_PAGE, 0xa5a5a5a5a5a5a5a5);

	tap_check(r == 0 && page_is(&t->dmabuf, PAGE_FROM_WRITE, 0xa5) &&
			  buffer_has(&t->dmabuf, PAGE_LATER) == 1,
		  t->what, "fill writes this page: %d", r);
}

/* Of 8 bytes at the memfd's third page, which holds results. */
static uint64_t result(const struct trial *t)
{
	const volatile unsigned char *place =
		t->memfd.data + PAGE_FROM_WRITE * PATTERN_PAGE;

	return *(const volatile uint64_t *)place;
}

static void check_compare(struct trial *t)
{
	const uint64_t at = PAGE_FROM_WRITE * PATTERN_PAGE;
	int r = job_compare(&t->job, &t->at_dmabuf, &t->at_memfd, 0, PATTERN_PAGE,
			    &t->at_memfd, at);

	tap_check(r == 0 && result(t) == ACCEL_EQUAL, t->what,
		  "compare finds its copy equal: %d", r);
	t->memfd.data[100] ^= 1;
	r = job_compare(&t->job, &t->at_dmabuf, &t->at_memfd, 0, PATTERN_PAGE,
			&t->at_memfd, at);
	tap_check(r == 0 && result(t) == 100, t->what,
		  "compare finds the byte that differs: %d, %llu", r,
		  (unsigned long long)result(t));
}

/* RFC 3720, bit by bit. */
static uint32_t crc32c_of_page(enum pattern_page page)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < PATTERN_PAGE; i++) {
		crc ^= pattern_byte(page, i);
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void check_crc(struct trial *t, const char *when)
{
	const uint64_t at = PAGE_FROM_WRITE * PATTERN_PAGE;
	uint32_t expected = crc32c_of_page(PAGE_FROM_MAPPING);
	int r = job_crc32c(&t->job, &t->at_dmabuf, PAGE_FROM_MAPPING * PATTERN_PAGE,
			   PATTERN_PAGE, &t->at_memfd, at);

	tap_check(r == 0 && (uint32_t)result(t) == expected, t->what,
		  "crc32c of it%s: %d, %#x", when, r, (uint32_t)result(t));
}

/* The context returns a descriptor of the same dma-buf. */
static void check_again(struct trial *t, unsigned long number)
{
	struct buffer again;
	int fd = -1, r;

	r = dmabuffs_accel_buffer_fd(t->job.instance, t->job.context, t->at_dmabuf.buffer,
				     &fd);
	if (!tap_check(r == 0 && dmabuf_number(fd) == number, t->what,
		       "the context gives it out again: %d", r))
		return;
	r = buffer_init(&again, fd, PROT_READ);
	tap_check(r == 0 && buffer_has(&again, PAGE_LATER) == 1, t->what,
		  "with its contents: %d", r);
	if (r == 0)
		buffer_finish(&again);
}

/* The context's reference keeps it alive when all others are gone. */
static void check_lifetime(struct trial *t)
{
	unsigned long number = dmabuf_number(t->dmabuf.fd);

	buffer_finish(&t->dmabuf);
	tap_check(number && exists(number), t->what,
		  "dma-buf %lu exists after its creator closed it", number);
	check_crc(t, " then");
	check_again(t, number);
	tap_check(exists(number), t->what,
		  "dma-buf %lu exists before the context is closed", number);
	job_close(&t->job);
	tap_check(wait_until(is_gone, &number), t->what,
		  "dma-buf %lu is freed with the context", number);
	buffer_finish(&t->memfd);
}

static void test_kind(const struct kind *kind, const char *mount_point, bool by_name)
{
	struct trial t = {.mount_point = mount_point, .by_name = by_name};

	snprintf(t.what, sizeof(t.what), "%s by %s", kind->name,
		 by_name ? "name" : "descriptor");
	if (!start(&t, kind) || !map_both(&t))
		return;
	check_info(&t);
	check_copy(&t);
	check_part(&t);
	check_fill(&t);
	check_compare(&t);
	check_crc(&t, "");
	check_lifetime(&t);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: test-accel MOUNT_POINT\n");
		return 2;
	}
	if (access(BUFINFO, R_OK) < 0)
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (vm_skips(kinds[i].name, kinds[i].device))
			continue;
		test_kind(&kinds[i], argv[1], false);
		test_kind(&kinds[i], argv[1], true);
	}
	return tap_exit_status();
}
