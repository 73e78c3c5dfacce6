/* SPDX-License-Identifier: MIT */
/* test-export-kinds.c - only memfds and dma-bufs can be exported */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "harness.h"
#include "raw.h"

static int make_pipe(void)
{
	int ends[2];

	return pipe2(ends, O_CLOEXEC) < 0 ? -errno : ends[0];
}

static int make_socket(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0 ? -errno : ends[0];
}

static int make_tcp(void)
{
	return (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
}

static int make_directory(void)
{
	return (int)SYS(open("/", O_RDONLY | O_DIRECTORY));
}

static int make_file(void)
{
	char path[INSTANCE_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/memfd:file", test_work_dir);
	return (int)SYS(open(path, O_RDWR | O_CREAT, 0600));
}

static int make_tmpfile(void)
{
	return (int)SYS(open(test_work_dir, O_RDWR | O_TMPFILE, 0600));
}

/* On an unmounted tmpfs the file's path reads "/memfd:x (deleted)". */
static int make_fake_memfd(void)
{
	int fs = (int)SYS(fsopen("tmpfs", 0));
	int mount, fd;

	if (fs < 0)
		return fs;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount = (int)SYS(fsmount(fs, 0, 0));
	if (mount < 0)
		return mount;
	fd = (int)SYS(openat(mount, "memfd:x", O_RDWR | O_CREAT, 0600));
	unlinkat(mount, "memfd:x", 0);
	return fd;
}

static int make_null(void)
{
	return (int)SYS(open("/dev/null", O_RDWR));
}

static int make_zero(void)
{
	return (int)SYS(open("/dev/zero", O_RDWR));
}

static int make_fuse(void)
{
	return (int)SYS(open("/dev/fuse", O_RDWR));
}

static int make_proc(void)
{
	return (int)SYS(open("/proc/self/mem", O_RDWR));
}

static int make_eventfd(void)
{
	return (int)SYS(eventfd(0, 0));
}

static int make_epoll(void)
{
	return (int)SYS(epoll_create1(0));
}

static int make_timerfd(void)
{
	return (int)SYS(timerfd_create(CLOCK_MONOTONIC, 0));
}

static int make_signalfd(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	return (int)SYS(signalfd(-1, &signals, 0));
}

static int make_inotify(void)
{
	return (int)SYS(inotify_init1(0));
}

static int make_pidfd(void)
{
	return (int)SYS(pidfd_open(getpid(), 0));
}

static int make_namespace(void)
{
	return (int)SYS(open("/proc/self/ns/net", O_RDONLY));
}

static int make_hugetlb(void)
{
	return (int)SYS(memfd_create("huge", MFD_HUGETLB));
}

static int make_secret(void)
{
	return (int)SYS(syscall(SYS_memfd_secret, 0));
}

static int make_io_uring(void)
{
	struct io_uring_params params = {0};

	return (int)SYS(syscall(SYS_io_uring_setup, 4, &params));
}

static const struct kind {
	const char *name;
	int (*make)(void);
	bool optional;   /* missing from some kernels */
	bool unsendable; /* refused by the kernel in SCM_RIGHTS */
	bool deposit;    /* accepted by the broker, for ioctls of contexts */
} kinds[] = {
	{"pipe", make_pipe},
	{"socket", make_socket},
	{"TCP socket", make_tcp},
	{"directory", make_directory},
	{"file on tmpfs", make_file},
	{"O_TMPFILE", make_tmpfile},
	{"file that looks like a memfd", make_fake_memfd},
	{"/dev/null", make_null},
	{"/dev/zero", make_zero},
	{"/dev/fuse", make_fuse},
	{"/proc/self/mem", make_proc, .deposit = true},
	{"eventfd", make_eventfd},
	{"epoll", make_epoll},
	{"timerfd", make_timerfd},
	{"signalfd", make_signalfd},
	{"inotify", make_inotify},
	{"pidfd", make_pidfd},
	{"namespace", make_namespace},
	{"hugetlb memfd", make_hugetlb, true},
	{"memfd_secret", make_secret, true},
	{"io_uring", make_io_uring, true, true},
};

/* Returns -1, with a note, if the kernel does not support the kind. */
static int make_kind(const struct kind *kind)
{
	int fd = kind->make();

	if (fd < 0 && kind->optional) {
		test_note("no %s on this kernel: %s", kind->name, strerrorname_np(-fd));
		return -1;
	}
	if (fd < 0)
		test_fail(__FILE__, __LINE__, "cannot make a %s: %s", kind->name,
			  strerrorname_np(-fd));
	return fd;
}

static void expect(const char *name, const char *what, int result, int error)
{
	char got[32];

	if (result != -error)
		test_fail(__FILE__, __LINE__, "%s of %s: expected %s, got %s", what, name,
			  strerrorname_np(error),
			  test_result_text(result, got, sizeof(got)));
}

static void refused_by_export(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	uint8_t uuid[16];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = make_kind(&kinds[i]);

		if (fd < 0)
			continue;
		expect(kinds[i].name, "export", raw_export_fd(root, fd, 0, 0, uuid),
		       EBADFD);
		expect(kinds[i].name, "read-only export",
		       raw_export_fd(root, fd, DMABUFFS_EXPORT_READONLY, 0, uuid),
		       EBADFD);
		close(fd);
	}
	ASSERT_EQ(raw_count(instance), 0);
	close(root);
}

static int export_ticket(int root, const uint8_t ticket[DMABUFFS_TICKET_SIZE])
{
	struct dmabuffs_export arg = {
		.size = sizeof(arg),
		.flags = DMABUFFS_EXPORT_TICKET,
		.fd = -1,
	};

	memcpy(arg.ticket, ticket, sizeof(arg.ticket));
	return raw_export(root, &arg);
}

static void refused_by_broker(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = kinds[i].unsendable ? -1 : make_kind(&kinds[i]);

		if (fd < 0)
			continue;
		expect(kinds[i].name, "ticket", raw_ticket(connection, fd, ticket),
		       kinds[i].deposit ? 0 : EBADFD);
		if (kinds[i].deposit)
			expect(kinds[i].name, "export", export_ticket(root, ticket),
			       EBADFD);
		expect(kinds[i].name, "exchange", raw_exchange(connection, fd), EBADFD);
		close(fd);
	}
	close(connection);
	close(root);
}

static void own_mount(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE], uuid[16];
	struct shared shared;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(raw_export_fd(shared.root, fd, 0, 0, uuid), EBADFD);
	ASSERT_ERR(raw_export_fd(shared.root, shared.root, 0, 0, uuid), EBADFD);
	ASSERT_ERR(raw_export_fd(shared.root, connection, 0, 0, uuid), EBADFD);
	ASSERT_OK(raw_ticket(connection, fd, ticket));
	ASSERT_ERR(export_ticket(shared.root, ticket), EBADFD);
	ASSERT_ERR(raw_ticket(connection, shared.root, ticket), EBADFD);
	ASSERT_ERR(raw_ticket(connection, connection, ticket), EBADFD);
	close(fd);
	close(connection);
	unshare_buffer(&shared);
}

static void not_open(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	char path[64];
	uint8_t uuid[16];
	int fd = raw_memfd(PAGE);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ASSERT_ERR(raw_export_fd(root, ASSERT_OK(SYS(open(path, O_PATH))), 0, 0, uuid),
		   EBADF);
	close(fd);
	ASSERT_ERR(raw_export_fd(root, fd, 0, 0, uuid), EBADF);
	ASSERT_ERR(raw_export_fd(root, 1000000000, 0, 0, uuid), EBADF);
	ASSERT_ERR(raw_export_fd(root, -1, 0, 0, uuid), EBADF);
	ASSERT_ERR(raw_export_fd(root, AT_FDCWD, 0, 0, uuid), EBADF);
	ASSERT_ERR(raw_export_fd(root, INT32_MIN, 0, 0, uuid), EBADF);
	close(root);
}

static void narrow_descriptors(struct instance *instance)
{
	int root = ASSERT_OK(raw_root(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	int fd = raw_memfd(PAGE);
	int reader = ASSERT_OK(SYS(reopen(fd, O_RDONLY)));
	int writer = ASSERT_OK(SYS(reopen(fd, O_WRONLY)));
	int neither = ASSERT_OK(SYS(reopen(fd, O_ACCMODE)));
	uint8_t ticket[DMABUFFS_TICKET_SIZE], uuid[16];

	ASSERT_ERR(raw_export_fd(root, reader, 0, 0, uuid), EACCES);
	ASSERT_ERR(raw_export_fd(root, writer, 0, 0, uuid), EACCES);
	ASSERT_ERR(raw_export_fd(root, writer, DMABUFFS_EXPORT_READONLY, 0, uuid),
		   EACCES);
	ASSERT_ERR(raw_export_fd(root, neither, 0, 0, uuid), EACCES);
	ASSERT_ERR(raw_export_fd(root, neither, DMABUFFS_EXPORT_READONLY, 0, uuid),
		   EACCES);
	ASSERT_EQ(raw_count(instance), 0);
	ASSERT_OK(raw_export_fd(root, reader, DMABUFFS_EXPORT_READONLY, 0, uuid));
	ASSERT_ERR(raw_open(instance, uuid, O_RDWR), EPERM);
	close(ASSERT_OK(raw_open(instance, uuid, O_RDONLY)));
	/* The broker accepts it; access is checked by the export. */
	ASSERT_OK(raw_ticket(connection, reader, ticket));
	close(connection);
	close(root);
}

const struct test_case test_cases[] = {
	{"refused_by_export", refused_by_export},
	{"refused_by_broker", refused_by_broker},
	{"own_mount", own_mount},
	{"not_open", not_open},
	{"narrow_descriptors", narrow_descriptors},
	{0},
};
