/* SPDX-License-Identifier: MIT */
/* test-buffer.c - which descriptors are accepted as buffers */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "buffers/buffer.h"
#include "fd_identity.h"
#include "fixture.h"

static void init(void)
{
	cr_assert(zero(int, buffer_setup()));
}

TestSuite(buffer, .init = init);

/* ---- kinds ------------------------------------------------------------------------- */

static int open_tmp(const char *dir)
{
	return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static int one_of_pipe(void)
{
	int fds[2];

	cr_assert(zero(int, pipe(fds)));
	close(fds[1]);
	return fds[0];
}

static int new_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* A descriptor that a client may send; -1 if this system lacks it. */
static int stranger(int which)
{
	switch (which) {
	case 0:
		return memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	case 1:
		return (int)syscall(SYS_memfd_secret, 0);
	case 2:
		return open_tmp("/dev/shm");
	case 3:
		return open_tmp("/tmp");
	case 4:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 5:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 6:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case 7:
		return one_of_pipe();
	case 8:
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case 9:
		return eventfd(0, EFD_CLOEXEC);
	case 10:
		return epoll_create1(EPOLL_CLOEXEC);
	case 11:
		return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	case 12:
		return new_signalfd();
	case 13:
		return inotify_init1(IN_CLOEXEC);
	case 14:
		return (int)syscall(SYS_pidfd_open, getpid(), 0);
	case 15:
		return open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	case 16:
		return open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	case 17:
		return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	default:
		return -2;
	}
}

Test(buffer, strangers_are_refused)
{
	int fd, n = 0;

	for (int which = 0; (fd = stranger(which)) != -2; which++) {
		struct buffer buffer = {.fd = 77};

		if (fd < 0)
			continue;
		n++;
		cr_assert(eq(int, buffer_kind(fd), -EBADFD), "stranger %d", which);
		for (int readonly = 0; readonly < 2; readonly++)
			cr_assert(eq(int, buffer_init(&buffer, fd, readonly, NULL),
				     -EBADFD),
				  "stranger %d", which);
		cr_assert(eq(int, buffer.fd, 77), "output written on failure");
		cr_assert(is_open(fd), "the caller's descriptor was closed");
		close(fd);
	}
	cr_assert(ge(int, n, 12));
}

Test(buffer, memfds)
{
	int plain = memfd_create("plain", MFD_CLOEXEC), sealable = new_memfd(10);
	int readonly = reopen(sealable, O_RDONLY), writeonly = reopen(sealable, O_WRONLY);

	cr_assert(eq(int, buffer_kind(plain), DMABUFFS_KIND_MEMFD));
	cr_assert(eq(int, buffer_kind(sealable), DMABUFFS_KIND_MEMFD));
	cr_assert(eq(int, buffer_kind(readonly), DMABUFFS_KIND_MEMFD));
	cr_assert(eq(int, buffer_kind(writeonly), DMABUFFS_KIND_MEMFD));
	close(plain);
	close(sealable);
	close(readonly);
	close(writeonly);
}

Test(buffer, no_descriptor)
{
	struct buffer buffer;

	cr_assert(eq(int, buffer_kind(-1), -EBADF));
	cr_assert(eq(int, buffer_kind(999), -EBADF));
	cr_assert(eq(int, buffer_init(&buffer, -1, false, NULL), -EBADF));
	cr_assert(eq(int, buffer_init(&buffer, 999, true, NULL), -EBADF));
}

/* O_PATH needs no permission on the file. */
Test(buffer, a_path_is_no_buffer)
{
	int memfd = new_memfd(1), path = reopen(memfd, O_PATH);
	struct buffer buffer;

	cr_assert(eq(int, buffer_kind(path), -EBADFD));
	cr_assert(eq(int, buffer_init(&buffer, path, false, NULL), -EBADF));
	cr_assert(eq(int, buffer_init(&buffer, path, true, NULL), -EBADF));
	close(path);
	path = open("/", O_PATH | O_CLOEXEC);
	cr_assert(eq(int, buffer_init(&buffer, path, true, NULL), -EBADF));
	close(path);
	close(memfd);
}

/*
 * A file whose path begins like that of a dma-buf, below a root directory of the test.
 * Returns 0, or the number of the failed step.
 */
static int pretend(void *data)
{
	const char *dir = data;
	char proc[100], link[20] = "", path[40];
	int fd;

	if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) < 0)
		return 1;
	snprintf(proc, sizeof(proc), "%s/proc", dir);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", dir, "tmpfs", 0, NULL) < 0 || mkdir(proc, 0700) < 0 ||
	    mount("/proc", proc, NULL, MS_BIND | MS_REC, NULL) < 0 || chroot(dir) < 0)
		return 1;
	fd = open("/dmabuf:fake", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, link, sizeof(link) - 1) < 0 || strcmp(link, "/dmabuf:fake"))
		return 2;
	return buffer_kind(fd) == -EBADFD ? 0 : 3;
}

Test(buffer, a_path_may_lie)
{
	char dir[] = "/tmp/dmabuffs-test-XXXXXX";
	int r;

	cr_assert(ne(ptr, mkdtemp(dir), NULL));
	r = run_in_child(pretend, dir);
	rmdir(dir);
	if (r == 1)
		cr_skip_test("cannot create a mount namespace");
	cr_assert(zero(int, r));
}

/* ---- buffer_init() ----------------------------------------------------------------- */

static void expect_init(int access, bool readonly, int result, int own_access)
{
	int memfd = new_memfd(10), fd = reopen(memfd, access);
	struct buffer buffer = {.fd = 77};

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, buffer_init(&buffer, fd, readonly, NULL), result));
	if (result < 0) {
		cr_assert(is_open(fd));
		cr_assert(eq(int, buffer.fd, 77));
		close(fd);
	} else {
		cr_assert(eq(int, fcntl(fd, F_GETFD), -1), "the descriptor stays open");
		cr_assert(eq(int, buffer.access, own_access));
		cr_assert(eq(int, fcntl(buffer.fd, F_GETFL) & O_ACCMODE, own_access));
		cr_assert(eq(int, fcntl(buffer.fd, F_GETFD), FD_CLOEXEC));
		cr_assert(eq(u32, buffer.kind, DMABUFFS_KIND_MEMFD));
		buffer_finish(&buffer);
		cr_assert(eq(int, buffer.fd, -1));
	}
	close(memfd);
}

Test(buffer, access_modes)
{
	expect_init(O_RDWR, false, 0, O_RDWR);
	expect_init(O_RDWR, true, 0, O_RDWR);
	expect_init(O_RDWR | O_APPEND | O_NONBLOCK, false, 0, O_RDWR);
	expect_init(O_RDONLY, true, 0, O_RDONLY);
	expect_init(O_RDONLY, false, -EACCES, 0);
	expect_init(O_WRONLY, true, -EACCES, 0);
	expect_init(O_WRONLY, false, -EACCES, 0);
}

/* A description that allows ioctl(2) only: neither read nor write. */
Test(buffer, a_description_that_cannot_read)
{
	expect_init(O_ACCMODE, false, -EACCES, 0);
	expect_init(O_ACCMODE, true, -EACCES, 0);
}

Test(buffer, its_own_description)
{
	int memfd = new_memfd(10), kept = fcntl(memfd, F_DUPFD_CLOEXEC, 0);
	struct buffer buffer;

	cr_assert(eq(long, write(memfd, "abc", 3), 3));
	cr_assert(zero(int, buffer_init(&buffer, memfd, false, NULL)));
	cr_assert(zero(long, lseek(buffer.fd, 0, SEEK_CUR)));
	cr_assert(eq(long, lseek(kept, 0, SEEK_CUR), 3));
	buffer_finish(&buffer);
	close(kept);
}

/* Without CAP_DAC_OVERRIDE the memfd's own mode applies. */
Test(buffer, a_memfd_of_mode_0)
{
	int memfd = new_memfd(10);
	struct buffer buffer = {.fd = -1};
	int r;

	cr_assert(zero(int, fchmod(memfd, 0)));
	r = buffer_init(&buffer, memfd, false, NULL);
	if (geteuid())
		cr_assert(eq(int, r, -EACCES));
	if (r < 0)
		close(memfd);
	else
		buffer_finish(&buffer);
}

Test(buffer, identity)
{
	int a = new_memfd(1), b = new_memfd(1), again = reopen(a, O_RDONLY);
	uint64_t dev[3], ino[3];

	cr_assert(zero(int, fd_identity(a, &dev[0], &ino[0])));
	cr_assert(zero(int, fd_identity(b, &dev[1], &ino[1])));
	cr_assert(zero(int, fd_identity(again, &dev[2], &ino[2])));
	cr_assert(eq(u64, dev[0], dev[1]));
	cr_assert(ne(u64, ino[0], ino[1]));
	cr_assert(eq(u64, dev[0], dev[2]));
	cr_assert(eq(u64, ino[0], ino[2]));
	close(a);
	close(b);
	close(again);
	cr_assert(eq(int, fd_identity(a, &dev[0], &ino[0]), -EBADF));
}

Test(buffer, size)
{
	static const size_t sizes[] = {0, 1, 4096, (size_t)5 << 30};
	struct buffer buffer;
	uint64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		new_buffer(&buffer, sizes[i]);
		cr_assert(zero(int, buffer_size(&buffer, &size)));
		cr_assert(eq(u64, size, sizes[i]));
		cr_assert(zero(int, buffer_memory(&buffer, &size)));
		cr_assert(eq(u64, size, sizes[i]));
		buffer_finish(&buffer);
	}
}

/* Pages beyond the end count, and so do holes before it. */
Test(buffer, memory)
{
	struct buffer buffer;
	uint64_t size, bytes;

	new_buffer(&buffer, 4096);
	cr_assert(zero(int, fallocate(buffer.fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20)));
	cr_assert(zero(int, buffer_size(&buffer, &size)));
	cr_assert(zero(int, buffer_memory(&buffer, &bytes)));
	cr_assert(eq(u64, size, 4096));
	cr_assert(ge(u64, bytes, 1 << 20));
	cr_assert(lt(u64, bytes, 2 << 20));
	buffer_finish(&buffer);
}
