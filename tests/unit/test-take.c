/* SPDX-License-Identifier: MIT */
/* test-take.c - what the helper takes from a client, and what it refuses */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "broker/take.h"
#include "buffers/buffer.h"
#include "names/caller.h"
#include "fd_identity.h"
#include "util.h"

#define ALL (TAKE_BUFFER | TAKE_NAME | TAKE_MEMORY)

static void set_up(void)
{
	uint64_t dev, ino;
	_cleanup_close_ int root = open("/", O_PATH | O_CLOEXEC);

	caller_setup();
	cr_assert(zero(int, buffer_setup()));
	cr_assert(zero(int, fd_identity(root, &dev, &ino)));
	take_setup(dev, false);
}

TestSuite(take, .init = set_up);

/* Closes @fd, too. */
static int take(int fd, unsigned kinds, struct take *ret_take)
{
	int r;

	cr_assert(ge(int, fd, 0));
	*ret_take = TAKE_NONE;
	r = take_here(gettid(), fd, kinds, ret_take);
	close(fd);
	return r;
}

static void expect_refused(int fd, unsigned kinds, int error)
{
	struct take taken;

	cr_assert(eq(int, take(fd, kinds, &taken), error));
	cr_assert(eq(int, taken.fd, -1), "it would be sent to the service");
	cr_assert(ge(int, taken.rest, 0), "nobody closes it");
	close(taken.rest);
}

static void expect_taken(int fd, unsigned kinds)
{
	struct take taken;

	cr_assert(zero(int, take(fd, kinds, &taken)));
	cr_assert(ge(int, taken.fd, 0));
	cr_assert(not(taken.is_own));
	cr_assert(eq(int, taken.rest, -1));
	close(taken.fd);
}

static int a_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

Test(take, memfd_is_opened_anew)
{
	struct take taken;
	int access;

	for (access = O_RDONLY; access <= O_RDWR; access += O_RDWR) {
		int memfd = memfd_create("test", MFD_CLOEXEC);
		char path[40];
		int opened;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
		opened = open(path, access | O_APPEND | O_CLOEXEC);
		close(memfd);
		cr_assert(zero(int, take(opened, TAKE_BUFFER, &taken)));
		cr_assert(taken.is_own);
		cr_assert(eq(int, fcntl(taken.fd, F_GETFL) & O_ACCMODE, access));
		cr_assert(zero(int, fcntl(taken.fd, F_GETFL) & O_APPEND),
			  "it is the client's description");
		close(taken.fd);
		close(taken.rest);
	}
}

Test(take, other_files_are_refused)
{
	expect_refused(a_socket(), ALL, -EBADFD);
	expect_refused(open("/proc/self", O_RDONLY | O_DIRECTORY), ALL, -EBADFD);
	expect_refused(open("/dev/null", O_RDWR), TAKE_BUFFER, -EBADFD);
	expect_refused(open("/proc/self/status", O_RDONLY), ALL, -EBADFD);
	expect_refused(open("/proc/self/mem", O_RDWR), TAKE_BUFFER, -EBADFD);
	expect_refused(open("/", O_RDONLY | O_DIRECTORY), TAKE_BUFFER, -EBADFD);
	expect_refused(memfd_create("test", MFD_CLOEXEC), TAKE_NAME, -EBADFD);
	expect_refused(memfd_create("test", MFD_CLOEXEC), TAKE_MEMORY, -EBADFD);
	expect_refused(memfd_create("test", MFD_CLOEXEC), 0, -EBADFD);
}

Test(take, o_path_is_refused)
{
	expect_refused(open("/", O_PATH), ALL, -EBADF);
	expect_refused(open("/", O_PATH), TAKE_NAME, -EBADFD);
	expect_refused(open("/proc/self/mem", O_PATH), TAKE_MEMORY, -EBADFD);
}

Test(take, files_of_the_mount_and_memory)
{
	expect_taken(open("/", O_RDONLY | O_DIRECTORY), TAKE_NAME | TAKE_BUFFER);
	expect_taken(open("/proc/self/mem", O_RDWR), TAKE_MEMORY);
	expect_taken(open("/proc/self/maps", O_RDONLY), TAKE_MEMORY);
}

Test(take, nothing_to_take)
{
	struct take taken = TAKE_NONE;

	cr_assert(eq(int, take_here(gettid(), 999, ALL, &taken), -EBADF));
	cr_assert(eq(int, take_here(gettid(), -1, ALL, &taken), -EBADF));
	cr_assert(eq(int, take_here(0, 0, ALL, &taken), -EREMOTE));
	cr_assert(eq(int, taken.fd, -1));
	cr_assert(eq(int, taken.rest, -1));
}

Test(take, reopens_with_no_more_access)
{
	int memfd = memfd_create("test", MFD_CLOEXEC), readonly, again;
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	readonly = open(path, O_RDONLY | O_CLOEXEC);
	again = buffer_reopen_fd(readonly, O_RDONLY);
	cr_assert(ge(int, again, 0));
	close(again);
	cr_assert(eq(int, buffer_reopen_fd(readonly, O_RDWR), -EACCES));
	cr_assert(eq(int, buffer_reopen_fd(readonly, O_WRONLY), -EACCES));
	cr_assert(eq(int, buffer_reopen_fd(memfd, O_RDWR | O_TRUNC), -EBADFD));
	cr_assert(eq(int, buffer_reopen_fd(STDIN_FILENO, O_RDONLY), -EBADFD));
	cr_assert(eq(int, buffer_reopen_fd(-1, O_RDONLY), -EBADFD));
	close(readonly);
	close(memfd);
}
