/* SPDX-License-Identifier: MIT */
/*
 * test-accel MOUNT_POINT: real dma-bufs as memory of a device's commands.
 *
 * The instance must have the device soft0, an exclusive one named own0, and the limit
 * max-pinned-per-uid=64K; see init.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "client.h"
#include "job.h"
#include "pattern.h"
#include "producers.h"
#include "tap.h"

#define SHARED	     "soft0"
#define EXCLUSIVE    "own0"
#define PINNED_LIMIT (64 << 10)

/* For what follows the end of a context: FUSE's RELEASE comes after close(2) returned. */
#define ENDS_WITHIN_MS 20000

#define BUFINFO "/sys/kernel/debug/dma_buf/bufinfo"

static bool wait_until(bool (*holds)(const void *data), const void *data)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };

	for (int ms = 0; ms < ENDS_WITHIN_MS; ms += 20) {
		if (holds(data))
			return true;
		nanosleep(&moment, NULL);
	}
	return holds(data);
}

/* ---- buffers ----------------------------------------------------------------------- */

struct kind {
	const char *name;
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

static int make_vgem(void)
{
	uint32_t handle;
	int drm_fd, fd = vm_vgem_gem(PATTERN_SIZE, &drm_fd, &handle);

	if (fd >= 0)
		close(drm_fd);
	return fd;
}

static const struct kind kinds[] = {
	{ "udmabuf", make_udmabuf },
	{ "dma-heap", make_dma_heap },
	{ "vgem", make_vgem },
};

static int make_memfd(void)
{
	int fd = memfd_create("test-accel", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd >= 0 && ftruncate(fd, PATTERN_SIZE) == 0 ? fd : -errno;
}

/* The kernel's number of the dma-buf; 0: it is none. */
static unsigned long dmabuf_number(int fd)
{
	struct stat st;

	return fd_is_dmabuf(fd) && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* Does it exist in this kernel, whoever holds it? Lines are "SIZE FLAGS MODE COUNT
 * EXPORTER INO NAME". */
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

/* Opens the name of the dma-buf for as long as the import takes. */
static int import_name(struct trial *t, int access, uint32_t flags, uint32_t *ret_buffer)
{
	int root = client_open_root(t->mount_point), file, r;
	struct client_uuid uuid;
	uint64_t bytes;

	r = client_export(root, t->dmabuf.fd, flags, &uuid, &bytes);
	file = r < 0 ? r : client_open(root, &uuid, access);
	r = file < 0 ? file : job_import(&t->job, file, ret_buffer);
	if (file >= 0)
		close(file);
	close(root);
	return r;
}

static bool start(struct trial *t, const struct kind *kind)
{
	int r = buffer_init(&t->dmabuf, kind->make(), PROT_READ | PROT_WRITE);

	if (!tap_check(r == 0, t->what, "dma-buf is made: %d", r))
		return false;
	r = buffer_init(&t->memfd, make_memfd(), PROT_READ | PROT_WRITE);
	if (r == 0)
		r = buffer_fill(&t->dmabuf, PAGE_FROM_EXPORTER);
	if (r == 0)
		r = job_open(&t->job, t->mount_point, SHARED);
	return tap_check(r == 0, t->what, "context with a queue: %d", r);
}

static bool map_both(struct trial *t)
{
	uint32_t dmabuf, memfd;
	int r = t->by_name ? import_name(t, O_RDWR, 0, &dmabuf)
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
	const uint32_t expected = ACCEL_BUFFER_DMABUF | ACCEL_BUFFER_PINNED |
				  ACCEL_BUFFER_IMPORTED;
	struct accel_buffer_info info = { 0 };
	int r = job_info(&t->job, t->at_dmabuf.buffer, &info);

	tap_check(r == 0 && info.flags == expected && info.bytes == PATTERN_SIZE &&
			  info.mappings == 1,
		  t->what, "info gives %d: flags %#x, %llu bytes, %u mappings", r,
		  info.flags, (unsigned long long)info.bytes, info.mappings);
	r = job_object(&t->job, ACCEL_IOC_BUFFER_REVOKE, t->at_dmabuf.buffer);
	tap_check(r == -EPERM, t->what, "it is not ours to revoke: %d", r);
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

/* Drivers are known that show page 0 wherever a mapping begins. */
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
		  t->what, "a part that is mapped alone is that part: %d", r);
	r = job_copy(&t->job, &part, PATTERN_PAGE, &t->at_memfd, 0, 1);
	tap_check(r == -EIO && dmabuffs_queue_reset(t->job.queue) == 0, t->what,
		  "and ends where it ends: %d", r);
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

/* Of 8 bytes at the memfd's third page, where results go. */
static uint64_t result(const struct trial *t)
{
	const volatile unsigned char *place = t->memfd.data +
					      PAGE_FROM_WRITE * PATTERN_PAGE;

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

/* Out of the context again it is the same dma-buf. */
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

/* Everybody else lets go of it: it lives as long as the context has it. */
static void check_lifetime(struct trial *t)
{
	unsigned long number = dmabuf_number(t->dmabuf.fd);

	buffer_finish(&t->dmabuf);
	tap_check(number && exists(number), t->what,
		  "dma-buf %lu is there after its maker closed it", number);
	check_crc(t, " then");
	check_again(t, number);
	tap_check(exists(number), t->what, "dma-buf %lu is there before the end", number);
	job_close(&t->job);
	tap_check(wait_until(is_gone, &number), t->what,
		  "dma-buf %lu is gone with the context", number);
	buffer_finish(&t->memfd);
}

static void test_kind(const struct kind *kind, const char *mount_point, bool by_name)
{
	struct trial t = { .mount_point = mount_point, .by_name = by_name };

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

/* ---- read-only --------------------------------------------------------------------- */

static void check_read_only(struct trial *t, uint32_t buffer)
{
	struct accel_buffer_info info = { 0 };
	struct accel_fault fault = { 0 };
	struct place place, memfd;
	uint32_t id;
	int r = job_info(&t->job, buffer, &info);

	tap_check(r == 0 && info.flags & ACCEL_BUFFER_READONLY, t->what,
		  "info says so: flags %#x", info.flags);
	r = job_map(&t->job, buffer, 0, PATTERN_SIZE, PLACE_READ_WRITE, &place);
	tap_check(r == -EPERM, t->what, "it is not mapped writable: %d", r);
	r = job_map(&t->job, buffer, 0, PATTERN_SIZE, ACCEL_MAP_READ, &place);
	if (r == 0)
		r = job_import(&t->job, t->memfd.fd, &id);
	if (r == 0)
		r = job_map(&t->job, id, 0, PATTERN_SIZE, PLACE_READ_WRITE, &memfd);
	memset(t->memfd.data, 0xee, PATTERN_SIZE);
	if (r == 0)
		r = job_copy(&t->job, &memfd, 0, &place, 0, PATTERN_SIZE);
	tap_check(r == 0 && t->memfd.data[0] == 0 && t->memfd.data[PATTERN_SIZE - 1] == 0,
		  t->what, "but readable, and copied: %d", r);
	r = job_fill(&t->job, &place, 0, 8, 1);
	tap_check(r == -EIO && dmabuffs_queue_fault(t->job.queue, &fault) == 0 &&
			  fault.reason == ACCEL_FAULT_PERMISSION,
		  t->what, "a command that writes it faults: %d, reason %u", r,
		  fault.reason);
}

static void test_read_only(const char *mount_point, bool by_name)
{
	struct trial t = { .mount_point = mount_point };
	uint32_t buffer;
	int r = vm_dma_heap(PATTERN_SIZE, O_RDONLY);

	snprintf(t.what, sizeof(t.what), "read-only by %s",
		 by_name ? "name" : "descriptor");
	if (r >= 0)
		r = buffer_init(&t.dmabuf, r, PROT_READ);
	if (r == 0)
		r = buffer_init(&t.memfd, make_memfd(), PROT_READ | PROT_WRITE);
	if (r == 0)
		r = job_open(&t.job, mount_point, SHARED);
	if (!tap_check(r == 0, t.what, "dma-buf and context: %d", r))
		return;
	r = by_name ? import_name(&t, O_RDONLY, DMABUFFS_EXPORT_READONLY, &buffer)
		    : job_import(&t.job, t.dmabuf.fd, &buffer);
	if (tap_check(r == 0, t.what, "imported: %d", r))
		check_read_only(&t, buffer);
	job_close(&t.job);
	buffer_finish(&t.memfd);
	buffer_finish(&t.dmabuf);
}

/* A dma-buf has one description: less than that cannot be given. */
static void test_lesser_name(const char *mount_point)
{
	struct trial t = { .what = "opened for reading", .mount_point = mount_point };
	uint32_t buffer;
	int r = buffer_init(&t.dmabuf, make_udmabuf(), PROT_READ | PROT_WRITE);

	if (r == 0)
		r = job_open(&t.job, mount_point, SHARED);
	if (!tap_check(r == 0, t.what, "dma-buf and context: %d", r))
		return;
	r = import_name(&t, O_RDONLY, 0, &buffer);
	tap_check(r == -EACCES, t.what, "a writable dma-buf is refused: %d", r);
	job_close(&t.job);
	buffer_finish(&t.dmabuf);
}

/* ---- accounting -------------------------------------------------------------------- */

#define PINNED_COUNT (PINNED_LIMIT / PATTERN_SIZE)

static void check_pinned(struct job *job, const int fds[PINNED_COUNT], int last, int memfd)
{
	static const char what[] = "pinned";
	uint32_t ids[PINNED_COUNT], id;
	size_t n = 0;
	int r = 0;

	while (n < PINNED_COUNT && (r = job_import(job, fds[n], &ids[n])) == 0)
		n++;
	tap_check(n == PINNED_COUNT, what, "%zu dma-bufs fit in the limit: %d", n, r);
	r = job_import(job, last, &id);
	tap_check(r == -EDQUOT, what, "one more does not: %d", r);
	r = job_import(job, memfd, &id);
	tap_check(r == 0, what, "a memfd that can be taken back does: %d", r);
	fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK);
	r = job_import(job, memfd, &id);
	tap_check(r == -EDQUOT, what, "and does not once it is sealed: %d", r);
	r = job_object(job, ACCEL_IOC_BUFFER_FREE, ids[0]);
	if (r == 0)
		r = job_import(job, last, &ids[0]);
	tap_check(r == 0, what, "freeing one makes room: %d", r);
	r = job_import(job, fds[0], &id);
	tap_check(r == -EDQUOT, what, "for just one: %d", r);
}

/* As a user who has nothing else, with descriptors that root has made. */
static int pinned_child(const char *mount_point)
{
	int fds[PINNED_COUNT], last = make_dma_heap(), memfd = make_memfd(), r = 0;
	struct job job;

	for (size_t i = 0; i < PINNED_COUNT; i++)
		fds[i] = kinds[i % 3].make();
	if (setresgid(2000, 2000, 2000) < 0 || setresuid(2000, 2000, 2000) < 0)
		r = -errno;
	if (r == 0)
		r = job_open(&job, mount_point, SHARED);
	if (!tap_check(r == 0, "pinned", "context of another user: %d", r))
		return 1;
	check_pinned(&job, fds, last, memfd);
	job_close(&job);
	return tap_exit_status();
}

static void test_pinned(const char *mount_point)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		tap_reset();
		_exit(pinned_child(mount_point));
	}
	pid = pid > 0 ? waitpid(pid, &status, 0) : -1;
	tap_check(pid > 0 && status == 0, "pinned", "all of it: status %#x",
		  (unsigned int)status);
}

/* ---- an exclusive device ----------------------------------------------------------- */

static bool is_unused(const void *data)
{
	struct accel_device_info info = { .contexts = 1 };
	struct dmabuffs *instance;

	if (dmabuffs_open(data, &instance) < 0)
		return false;
	dmabuffs_accel_query(instance, EXCLUSIVE, &info);
	dmabuffs_close(instance);
	return info.contexts == 0;
}

static int open_exclusive(const char *mount_point)
{
	struct job job;
	int r = job_open(&job, mount_point, EXCLUSIVE);

	if (r == 0)
		job_close(&job);
	return r;
}

static bool is_free(const void *data)
{
	return open_exclusive(data) == 0;
}

/* Pinned memory of the device as a udmabuf, or -errno; the context is closed. */
static int leave_pinned(const char *mount_point)
{
	struct accel_buffer_alloc alloc = { .flags = ACCEL_BUFFER_PINNED,
					    .bytes = PATTERN_SIZE };
	struct job job;
	int fd, dmabuf, r = job_open(&job, mount_point, EXCLUSIVE);

	if (r < 0)
		return r;
	r = dmabuffs_accel_call(job.context, ACCEL_IOC_BUFFER_ALLOC, &alloc);
	if (r == 0)
		r = dmabuffs_accel_buffer_fd(job.instance, job.context, alloc.id, &fd);
	if (r == 0) {
		dmabuf = vm_udmabuf_of(fd, PATTERN_SIZE);
		close(fd);
		r = dmabuf;
	}
	tap_check(open_exclusive(mount_point) == -EBUSY, EXCLUSIVE,
		  "a second context is refused");
	job_close(&job);
	return r;
}

static void test_exclusive(const char *mount_point)
{
	struct buffer held;
	int r = leave_pinned(mount_point);

	if (r >= 0)
		r = buffer_init(&held, r, PROT_READ | PROT_WRITE);
	if (!tap_check(r == 0, EXCLUSIVE, "its pinned memory becomes a udmabuf: %d", r))
		return;
	buffer_fill(&held, PAGE_FROM_EXPORTER);
	tap_check(wait_until(is_unused, mount_point), EXCLUSIVE, "the context ends");
	r = open_exclusive(mount_point);
	tap_check(r == -EBUSY, EXCLUSIVE, "no new owner while the udmabuf is there: %d", r);
	tap_check(buffer_has(&held, PAGE_FROM_EXPORTER) == 1, EXCLUSIVE,
		  "nothing is taken from its holder");
	buffer_finish(&held);
	tap_check(wait_until(is_free, mount_point), EXCLUSIVE,
		  "with the udmabuf gone, the next owner gets it");
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
		test_kind(&kinds[i], argv[1], false);
		test_kind(&kinds[i], argv[1], true);
	}
	test_read_only(argv[1], false);
	test_read_only(argv[1], true);
	test_lesser_name(argv[1]);
	test_pinned(argv[1]);
	test_exclusive(argv[1]);
	return tap_exit_status();
}
