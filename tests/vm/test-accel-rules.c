/* SPDX-License-Identifier: MIT */
/*
 * test-accel-rules MOUNT_POINT: operations on dma-bufs that contexts must reject
 *
 * The instance must have the device soft0, an exclusive one named own0, and the limit
 * max-pinned-per-uid=64K; see init.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "job.h"
#include "pattern.h"
#include "producers.h"
#include "tap.h"

#define SHARED       "soft0"
#define EXCLUSIVE    "own0"
#define PINNED_LIMIT (64 << 10)

/* ---- read-only --------------------------------------------------------------------- */

struct trial {
	char what[32];
	struct job job;
	struct buffer dmabuf, memfd;
};

static void check_read_only(struct trial *t, uint32_t buffer)
{
	struct accel_buffer_info info = {0};
	struct accel_fault fault = {0};
	struct place place, memfd;
	uint32_t id;
	int r = job_info(&t->job, buffer, &info);

	tap_check(r == 0 && info.flags & ACCEL_BUFFER_READONLY, t->what,
		  "info reports read-only: flags %#x", info.flags);
	r = job_map(&t->job, buffer, 0, PATTERN_SIZE, PLACE_READ_WRITE, &place);
	tap_check(r == -EPERM, t->what, "a writable mapping is refused: %d", r);
	r = job_map(&t->job, buffer, 0, PATTERN_SIZE, ACCEL_MAP_READ, &place);
	if (r == 0)
		r = job_import(&t->job, t->memfd.fd, &id);
	if (r == 0)
		r = job_map(&t->job, id, 0, PATTERN_SIZE, PLACE_READ_WRITE, &memfd);
	memset(t->memfd.data, 0xee, PATTERN_SIZE);
	if (r == 0)
		r = job_copy(&t->job, &memfd, 0, &place, 0, PATTERN_SIZE);
	tap_check(r == 0 && t->memfd.data[0] == 0 && t->memfd.data[PATTERN_SIZE - 1] == 0,
		  t->what, "a copy reads it: %d", r);
	r = job_fill(&t->job, &place, 0, 8, 1);
	dmabuffs_accel_queue_fault(t->job.queue, &fault);
	tap_check(r == -EIO && fault.reason == ACCEL_FAULT_PERMISSION, t->what,
		  "a command that writes it faults: %d, reason %u", r, fault.reason);
}

static void test_read_only(const char *mount_point, bool by_name)
{
	struct trial t = {.what = ""};
	uint32_t buffer;
	int r = vm_dma_heap(PATTERN_SIZE, O_RDONLY);

	snprintf(t.what, sizeof(t.what), "read-only by %s",
		 by_name ? "name" : "descriptor");
	if (r >= 0)
		r = buffer_init(&t.dmabuf, r, PROT_READ);
	if (r == 0)
		r = buffer_init(&t.memfd, vm_memfd(PATTERN_SIZE), PROT_READ | PROT_WRITE);
	if (r == 0)
		r = job_open(&t.job, mount_point, SHARED);
	if (!tap_check(r == 0, t.what, "dma-buf and context: %d", r))
		return;
	r = by_name ? job_import_name(&t.job, mount_point, t.dmabuf.fd, O_RDONLY,
				      DMABUFFS_EXPORT_READONLY, &buffer)
		    : job_import(&t.job, t.dmabuf.fd, &buffer);
	if (tap_check(r == 0, t.what, "imported: %d", r))
		check_read_only(&t, buffer);
	job_close(&t.job);
	buffer_finish(&t.memfd);
	buffer_finish(&t.dmabuf);
}

/* A dma-buf has only one description, so its access cannot be reduced. */
static void test_lesser_name(const char *mount_point)
{
	struct trial t = {.what = "opened for reading"};
	uint32_t buffer;
	int r = buffer_init(&t.dmabuf, vm_udmabuf(PATTERN_SIZE), PROT_READ | PROT_WRITE);

	if (r == 0)
		r = job_open(&t.job, mount_point, SHARED);
	if (!tap_check(r == 0, t.what, "dma-buf and context: %d", r))
		return;
	r = job_import_name(&t.job, mount_point, t.dmabuf.fd, O_RDONLY, 0, &buffer);
	tap_check(r == -EACCES, t.what, "a writable dma-buf is refused: %d", r);
	job_close(&t.job);
	buffer_finish(&t.dmabuf);
}

/* ---- accounting -------------------------------------------------------------------- */

#define PINNED_COUNT (PINNED_LIMIT / PATTERN_SIZE)

static void check_pinned(struct job *job, const int fds[PINNED_COUNT], int last,
			 int memfd)
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
	tap_check(r == -EDQUOT, what, "nor does a memfd, which can be sealed later: %d",
		  r);
	r = job_object(job, DMABUFFS_ACCEL_IOC_BUFFER_FREE, ids[0]);
	if (r == 0)
		r = job_import(job, last, &ids[0]);
	tap_check(r == 0, what, "after freeing one, another fits: %d", r);
	r = job_import(job, fds[0], &id);
	tap_check(r == -EDQUOT, what, "after that, none fits: %d", r);
}

/* As a user without other objects, with descriptors that root has made. */
static int pinned_child(const char *mount_point)
{
	int fds[PINNED_COUNT], last = vm_udmabuf(PATTERN_SIZE), r = 0;
	int memfd = vm_memfd(PATTERN_SIZE);
	struct job job;

	for (size_t i = 0; i < PINNED_COUNT; i++)
		fds[i] = i % 2 ? vm_udmabuf(PATTERN_SIZE)
			       : vm_dma_heap(PATTERN_SIZE, O_RDWR);
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
	tap_check(pid > 0 && status == 0, "pinned", "the child succeeds: status %#x",
		  (unsigned int)status);
}

/* ---- an exclusive device ----------------------------------------------------------- */

static bool is_unused(const void *data)
{
	struct accel_device_info info = {.contexts = 1};
	struct dmabuffs *instance;

	if (dmabuffs_open(data, &instance) < 0)
		return false;
	dmabuffs_accel_query(instance, EXCLUSIVE, &info, sizeof(info));
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

/*
 * Leaves pinned memory of the device as a udmabuf; returns it or -errno. The context is
 * closed.
 */
static int leave_pinned(const char *mount_point)
{
	struct accel_buffer_alloc alloc = {.flags = ACCEL_BUFFER_PINNED,
					   .bytes = PATTERN_SIZE};
	struct job job;
	int fd, dmabuf, r = job_open(&job, mount_point, EXCLUSIVE);

	if (r < 0)
		return r;
	r = dmabuffs_accel_call(job.context, DMABUFFS_ACCEL_IOC_BUFFER_ALLOC, &alloc);
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
	tap_check(wait_until(is_unused, mount_point), EXCLUSIVE,
		  "the context is destroyed");
	r = open_exclusive(mount_point);
	tap_check(r == -EBUSY, EXCLUSIVE, "no new owner while the udmabuf is there: %d",
		  r);
	tap_check(buffer_has(&held, PAGE_FROM_EXPORTER) == 1, EXCLUSIVE,
		  "the udmabuf keeps its contents");
	buffer_finish(&held);
	tap_check(wait_until(is_free, mount_point), EXCLUSIVE,
		  "without the udmabuf, the next owner gets it");
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: test-accel-rules MOUNT_POINT\n");
		return 2;
	}
	if (!vm_skips("read-only", VM_DMA_HEAP)) {
		test_read_only(argv[1], false);
		test_read_only(argv[1], true);
	}
	if (!vm_skips("the other rules", VM_UDMABUF)) {
		test_lesser_name(argv[1]);
		test_pinned(argv[1]);
		test_exclusive(argv[1]);
	}
	return tap_exit_status();
}
