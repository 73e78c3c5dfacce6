/* SPDX-License-Identifier: MIT */
/*
 * test-accel-bad-fds.c - device ioctls with descriptors of the wrong kind
 *
 *
 * A refused call must not leak: after each case the harness checks the daemon's
 * descriptors, and the end of each case checks the resources of the device and the user.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "child.h"
#include "harness.h"
#include "hostile.h"
#include "raw-accel.h"

/* ---- resources after a case -------------------------------------------------------- */

struct remains {
	const struct instance *instance;
	struct accel_device_info before;
};

static bool is_as_before(void *data)
{
	struct remains *remains = data;
	struct accel_device_info now;

	ASSERT_OK(raw_device_info(remains->instance, &now));
	return memcmp(&now, &remains->before, sizeof(now)) == 0;
}

/* Allocates up to the descriptor limit of the user, to compare with the count before. */
static int count_buffers(void *data)
{
	int context = ASSERT_OK(raw_context(data));
	long long result;
	int n = 0;

	do
		result = raw_accel_alloc(context, PAGE);
	while (result > 0 && ++n < 100000);
	ASSERT_ERR(result, EDQUOT);
	close(context);
	return n;
}

/* ---- wrong descriptors ------------------------------------------------------------- */

static int open_proc(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return ASSERT_OK(SYS(open(path, flags | O_CLOEXEC)));
}

struct wrong {
	const char *what;
	int fd;
	int error; /* of BUFFER_IMPORT */
};

#define MAX_WRONG 40

struct collection {
	struct wrong list[MAX_WRONG];
	size_t n;
};

static void add(struct collection *collection, const char *what, long long fd, int error)
{
	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%s: cannot be made: %s", what,
			  strerrorname_np((int)-fd));
	ASSERT(collection->n < MAX_WRONG);
	collection->list[collection->n++] = (struct wrong){what, (int)fd, error};
}

static void add_kernel_files(struct collection *collection)
{
	int ends[2];

	ASSERT_OK(SYS(pipe2(ends, O_CLOEXEC)));
	add(collection, "pipe, read end", ends[0], EBADFD);
	add(collection, "pipe, write end", ends[1], EBADFD);
	ASSERT_OK(SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)));
	add(collection, "unix socket", ends[0], EBADFD);
	add(collection, "its other end", ends[1], EBADFD);
	add(collection, "inet socket",
	    SYS(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), EBADFD);
	add(collection, "epoll", SYS(epoll_create1(EPOLL_CLOEXEC)), EBADFD);
	add(collection, "eventfd", SYS(eventfd(0, EFD_CLOEXEC)), EBADFD);
	add(collection, "pidfd", SYS(pidfd_open(getpid(), 0)), EBADFD);
	add(collection, "/dev/null", SYS(open("/dev/null", O_RDWR | O_CLOEXEC)), EBADFD);
	add(collection, "/dev/zero", SYS(open("/dev/zero", O_RDWR | O_CLOEXEC)), EBADFD);
	add(collection, "/dev/fuse", SYS(open("/dev/fuse", O_RDWR | O_CLOEXEC)), EBADFD);
	add(collection, "/", SYS(open("/", O_RDONLY | O_CLOEXEC)), EBADFD);
	add(collection, "/proc/self/mem", SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC)),
	    EBADFD);
}

static void add_files(struct collection *collection)
{
	char path[INSTANCE_PATH_SIZE + 16];
	int memfd = raw_memfd(PAGE);

	snprintf(path, sizeof(path), "%s/plain", test_work_dir);
	add(collection, "tmpfs file", SYS(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)),
	    EBADFD);
	ASSERT_OK(SYS(ftruncate(collection->list[collection->n - 1].fd, PAGE)));
	add(collection, "unnamed tmpfs file",
	    SYS(open(test_work_dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600)), EBADFD);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	add(collection, "O_PATH of a memfd", SYS(open(path, O_PATH | O_CLOEXEC)), EBADF);
	add(collection, "memfd O_WRONLY", SYS(open(path, O_WRONLY | O_CLOEXEC)), EACCES);
	add(collection, "empty memfd", SYS(memfd_create("empty", MFD_CLOEXEC)), EINVAL);
	close(memfd);
}

/* Kinds that need kernel support or reserved huge pages. */
static void add_rare_files(struct collection *collection)
{
	long long fd = SYS(memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB));

	if (fd >= 0)
		add(collection, "huge pages", fd, EBADFD);
	fd = SYS(syscall(SYS_memfd_secret, O_CLOEXEC));
	if (fd >= 0)
		add(collection, "secret memory", fd, EBADFD);
}

static void add_own_files(struct collection *collection, const struct instance *instance,
			  int context)
{
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	char path[INSTANCE_PATH_SIZE + 40];

	add(collection, "context", raw_context(instance), EBADFD);
	add(collection, "the context itself", context, EBADFD);
	add(collection, "root directory", raw_directory(instance, O_RDONLY), EBADFD);
	add(collection, "control file", raw_root(instance), EBADFD);
	add(collection, ".accel", raw_devices(instance), EBADFD);
	add(collection, "connection to the broker", raw_connect(instance), EBADFD);
	add(collection, "opened ASID", raw_accel_export(instance, context, asid, NULL),
	    EBADFD);
	snprintf(path, sizeof(path), "%s/%s", instance->dir, DMABUFFS_ACCEL_DIR);
	add(collection, "O_PATH of .accel", SYS(open(path, O_PATH | O_CLOEXEC)), EBADF);
	snprintf(path, sizeof(path), "%s/%s", instance->dir, DMABUFFS_BROKER_NAME);
	add(collection, "O_PATH of .broker", SYS(open(path, O_PATH | O_CLOEXEC)), EBADF);
	snprintf(path, sizeof(path), "%s/%s/" RAW_DEVICE, instance->dir,
		 DMABUFFS_ACCEL_DIR);
	add(collection, "O_PATH of a device", SYS(open(path, O_PATH | O_CLOEXEC)), EBADF);
}

/* Does not close the context itself. */
static void close_all(const struct collection *collection, int context)
{
	for (size_t i = 0; i < collection->n; i++)
		if (collection->list[i].fd != context)
			close(collection->list[i].fd);
}

static void expect_result(const struct wrong *wrong, const char *command,
			  long long result, int error)
{
	char got[32], wanted[32];

	if (result != -error)
		test_fail(__FILE__, __LINE__, "%s of %s: expected %s, got %s", command,
			  wrong->what, test_result_text(-error, wanted, sizeof(wanted)),
			  test_result_text(result, got, sizeof(got)));
}

static int import_asid(int context, int fd)
{
	struct dmabuffs_accel_import arg = {.fd = fd};

	return raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_IMPORT, &arg);
}

static void try_all(int context, const struct wrong *wrong)
{
	int mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
	int maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));
	bool is_mem = strcmp(wrong->what, "/proc/self/mem") == 0;
	bool is_asid = strcmp(wrong->what, "opened ASID") == 0;

	expect_result(wrong, "BUFFER_IMPORT", raw_accel_import(context, wrong->fd),
		      wrong->error);
	/* The context already has this ASID, under its original id. */
	expect_result(wrong, "ASID_IMPORT", import_asid(context, wrong->fd),
		      is_asid ? EEXIST : EBADFD);
	if (!is_mem)
		expect_result(wrong, "ASID_SVA, mem",
			      raw_accel_sva(context, wrong->fd, maps), EBADFD);
	expect_result(wrong, "ASID_SVA, maps", raw_accel_sva(context, mem, wrong->fd),
		      EBADFD);
	expect_result(wrong, "ASID_SVA, both",
		      raw_accel_sva(context, wrong->fd, wrong->fd), EBADFD);
	close(mem);
	close(maps);
}

static void every_wrong_kind(struct instance *instance)
{
	struct remains remains = {.instance = instance};
	struct collection collection = {.n = 0};
	int buffers, context;

	ASSERT_OK(raw_device_info(instance, &remains.before));
	buffers = count_buffers(instance);
	context = ASSERT_OK(raw_context(instance));
	add_kernel_files(&collection);
	add_files(&collection);
	add_rare_files(&collection);
	add_own_files(&collection, instance, context);
	for (size_t i = 0; i < collection.n; i++)
		try_all(context, &collection.list[i]);
	ASSERT_OK(raw_accel_import(context, raw_memfd(PAGE)));
	close_all(&collection, context);
	close(context);
	ASSERT(wait_until(is_as_before, &remains));
	ASSERT_EQ(count_buffers(instance), buffers);
}

static void closed_descriptors(struct instance *instance)
{
	static const int numbers[] = {-1, -2, 1000, 1 << 20, INT32_MAX, INT32_MIN, -100};
	int context = ASSERT_OK(raw_context(instance));
	int maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		ASSERT_ERR(raw_accel_import(context, numbers[i]), EBADF);
		ASSERT_ERR(import_asid(context, numbers[i]), EBADF);
		ASSERT_ERR(raw_accel_sva(context, numbers[i], maps), EBADF);
		ASSERT_ERR(raw_accel_sva(context, maps, numbers[i]), EBADF);
	}
	close(maps);
	close(context);
}

/* ---- opened names ------------------------------------------------------------------ */

static void names_of_other_kinds(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance)), root, opened, other;
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	uint8_t uuid[DMABUFFS_UUID_SIZE];
	struct dmabuffs_info info;
	struct shared shared;
	char byte = 0;

	share(&shared, instance, PAGE, 0, 0);
	opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_ERR(import_asid(context, opened), EBADFD);
	close(opened);
	opened = ASSERT_OK(raw_accel_export(instance, context, asid, uuid));
	other = ASSERT_OK(raw_context(instance));
	root = ASSERT_OK(raw_root(instance));
	ASSERT_ERR(raw_accel_import(other, opened), EBADFD);
	ASSERT_ERR(raw_exchange(ASSERT_OK(raw_connect(instance)), opened), EBADFD);
	ASSERT_ERR(raw_export_fd(root, opened, 0, 0, (uint8_t[16]){0}), EBADFD);
	/* An ASID is not memory. */
	ASSERT_ERR(SYS(pread(opened, &byte, 1, 0)), EBADF);
	ASSERT_ERR(SYS(pwrite(opened, &byte, 1, 0)), EBADF);
	ASSERT(SYS(ftruncate(opened, PAGE)) < 0);
	ASSERT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, opened, 0) == MAP_FAILED);
	ASSERT_OK(raw_info(opened, &info));
	ASSERT_EQ(info.kind, DMABUFFS_KIND_ASID);
	ASSERT_EQ(info.bytes, 0);
	ASSERT_ERR(raw_revoke(root, uuid), EBUSY);
	ASSERT_OK(import_asid(other, opened));
	ASSERT_ERR(import_asid(other, opened), EEXIST);
	close(opened);
	close(other);
	close(root);
	close(context);
	unshare_buffer(&shared);
}

/*
 * Importing an ASID needs a descriptor open for reading and writing, but no longer the
 * name.
 */
static void opened_for_less(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int other = ASSERT_OK(raw_context(instance)), opened;
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	close(ASSERT_OK(raw_accel_export(instance, context, asid, uuid)));
	opened = ASSERT_OK(raw_open(instance, uuid, O_RDONLY));
	ASSERT_ERR(import_asid(other, opened), EACCES);
	close(opened);
	opened = ASSERT_OK(raw_open(instance, uuid, O_WRONLY));
	ASSERT_ERR(import_asid(other, opened), EACCES);
	close(opened);
	opened = ASSERT_OK(raw_open(instance, uuid, O_PATH));
	ASSERT_ERR(import_asid(other, opened), EBADFD);
	close(opened);
	opened = ASSERT_OK(raw_open(instance, uuid, O_RDWR));
	close(context);
	/*
	 * Closing the context removes the name; descriptors that are already open stay
	 * valid.
	 */
	ASSERT_OK(import_asid(other, opened));
	ASSERT_ERR(raw_open(instance, uuid, O_RDWR), ENOENT);
	close(opened);
	close(other);
}

static void write_sealed_memory(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance)), fd = raw_memfd(PAGE);
	struct accel_buffer_info info = {0};
	struct accel_asid_map map = {.flags = ACCEL_MAP_WRITE, .length = PAGE};

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)));
	map.buffer = info.id = (uint32_t)ASSERT_OK(raw_accel_import(context, fd));
	map.asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	ASSERT_OK(raw_accel(context, DMABUFFS_ACCEL_IOC_BUFFER_INFO, &info));
	ASSERT(info.flags & ACCEL_BUFFER_READONLY);
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_MAP, &map), EPERM);
	ASSERT_ERR(raw_accel_fd(instance, context, info.id, O_RDWR), EACCES);
	close(ASSERT_OK(raw_accel_fd(instance, context, info.id, O_RDONLY)));
	close(fd);
	close(context);
}

/*
 * A sparse memfd uses no memory, only address space of the daemon, which is shared by all
 * users.
 */
static long long import_sparse(int context, off_t bytes)
{
	int fd = ASSERT_OK(SYS(memfd_create("vast", MFD_CLOEXEC)));
	long long result;

	ASSERT_OK(SYS(ftruncate(fd, bytes)));
	result = raw_accel_import(context, fd);
	close(fd);
	return result;
}

static void imports_without_end(int peer, void *data)
{
	int context = ASSERT_OK(raw_context(data)), n = 0;

	/* First the largest size that fits, then the gaps. */
	for (off_t bytes = 64L << 40; bytes >= (off_t)PAGE; bytes /= 2)
		while (n < 500 && import_sparse(context, bytes) >= 0)
			n++;
	test_note("%d imports", n);
	peer_signal(peer);
	peer_wait(peer);
}

static int import_a_little(void *data)
{
	struct job job;
	int fd = ASSERT_OK(SYS(memfd_create("fair", MFD_CLOEXEC)));
	long long result;

	ASSERT_OK(SYS(ftruncate(fd, 64 << 20)));
	job_start(&job, data);
	job_round(&job);
	result = raw_accel_import(job.ring.context, fd);
	job_end(&job);
	return (int)MIN(result, 0);
}

static void vast_imports(struct instance *instance)
{
	struct child child;

	child_start(&child, USER(1001), imports_without_end, instance);
	peer_wait(child.peer);
	ASSERT_OK(child_call(USER(1002), import_a_little, instance));
	peer_signal(child.peer);
	child_wait(&child);
}

/* ---- tickets ----------------------------------------------------------------------- */

static int sva_by_tickets(int context, const uint8_t *mem, const uint8_t *maps)
{
	struct dmabuffs_accel_sva arg = {
		.mem = -1, .maps = -1, .flags = DMABUFFS_ACCEL_TICKET};

	memcpy(arg.mem_ticket, mem, sizeof(arg.mem_ticket));
	memcpy(arg.maps_ticket, maps, sizeof(arg.maps_ticket));
	return raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &arg);
}

static void tickets(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int connection = ASSERT_OK(raw_connect(instance)), fd = raw_memfd(PAGE);
	uint8_t ticket[DMABUFFS_TICKET_SIZE], zero[DMABUFFS_TICKET_SIZE] = {0};

	ASSERT_ERR(raw_accel_import_ticket(context, zero), ENOENT);
	ASSERT_OK(raw_ticket(connection, fd, ticket));
	ticket[3] ^= 1;
	ASSERT_ERR(raw_accel_import_ticket(context, ticket), ENOENT);
	ticket[3] ^= 1;
	ASSERT_OK(raw_accel_import_ticket(context, ticket));
	ASSERT_ERR(raw_accel_import_ticket(context, ticket), ENOENT);
	ASSERT_OK(raw_ticket(connection, fd, ticket));
	close(connection);
	/* The ticket is removed once the service sees that the connection closed. */
	connection = ASSERT_OK(raw_connect(instance));
	while (raw_accel_import_ticket(context, ticket) >= 0)
		ASSERT_OK(raw_ticket(connection, fd, ticket));
	close(fd);
	close(connection);
	close(context);
}

/* A request cannot have both a ticket and a descriptor. */
static void tickets_and_descriptors(struct instance *instance)
{
	struct dmabuffs_accel_import import = {.fd = raw_memfd(PAGE)};
	struct dmabuffs_accel_sva sva = {.flags = DMABUFFS_ACCEL_TICKET};
	int context = ASSERT_OK(raw_context(instance));

	import.ticket[15] = 1;
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_BUFFER_IMPORT, &import), EINVAL);
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_IMPORT, &import), EINVAL);
	import.flags = DMABUFFS_ACCEL_TICKET;
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_BUFFER_IMPORT, &import), EINVAL);
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_IMPORT, &import), EINVAL);
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &sva), EINVAL);
	sva.mem = -1;
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &sva), EINVAL);
	sva.flags = 0;
	sva.maps_ticket[0] = 1;
	sva.mem = import.fd;
	ASSERT_ERR(raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &sva), EINVAL);
	close(import.fd);
	close(context);
}

/* Tickets of a kind that the ioctl does not accept. */
static void tickets_of_other_kinds(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE], other[DMABUFFS_TICKET_SIZE];
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
	int maps = open_proc(getpid(), "maps", O_RDONLY);
	int files[] = {open_proc(getpid(), "mem", O_RDWR), maps,
		       ASSERT_OK(raw_accel_export(instance, context, asid, NULL))};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_OK(raw_ticket(connection, files[i], ticket));
		ASSERT_ERR(raw_accel_import_ticket(context, ticket), EBADFD);
		ASSERT_ERR(raw_accel_import_ticket(context, ticket), ENOENT);
		ASSERT_OK(raw_ticket(connection, files[i], ticket));
		ASSERT_OK(raw_ticket(connection, maps, other));
		if (i == 0)
			ASSERT_OK(sva_by_tickets(context, ticket, other));
		else
			ASSERT_ERR(sva_by_tickets(context, ticket, other), EBADFD);
		/* A ticket cannot be used for two arguments. */
		ASSERT_OK(raw_ticket(connection, files[i], ticket));
		ASSERT_ERR(sva_by_tickets(context, ticket, ticket), ENOENT);
		close(files[i]);
		maps = open_proc(getpid(), "maps", O_RDONLY);
	}
	close(maps);
	close(connection);
	close(context);
}

/* The last reference to a context is in a message that the service has received. */
static void contexts_in_messages(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	struct remains remains = {.instance = instance};
	uint8_t ticket[DMABUFFS_TICKET_SIZE];

	ASSERT_OK(raw_device_info(instance, &remains.before));
	for (uint32_t i = 0; i < 10; i++) {
		int connection = ASSERT_OK(raw_connect(instance));
		int context = ASSERT_OK(raw_context(instance));

		ASSERT_OK(raw_accel_queue(context, i & 1, ACCEL_RING_MIN));
		ASSERT_ERR(raw_ticket(connection, context, ticket), EBADFD);
		ASSERT_ERR(raw_exchange(connection, context), EBADFD);
		request.op = 1 + i % 3;
		ASSERT_OK(raw_send(connection, &request, sizeof(request), &context, 1));
		close(context);
		if (i & 4)
			close(connection);
		ASSERT(wait_until(is_as_before, &remains));
		if (!(i & 4))
			close(connection);
	}
}

/* ---- fetch ------------------------------------------------------------------------- */

static void fetch(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int connection = ASSERT_OK(raw_connect(instance)), fd;
	uint32_t buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, PAGE));
	uint8_t ticket[DMABUFFS_TICKET_SIZE], zero[DMABUFFS_TICKET_SIZE] = {0};

	ASSERT_ERR(raw_fetch(connection, zero), ENOENT);
	ASSERT_OK(raw_accel_open(context, buffer, O_RDWR, ticket));
	ticket[0] ^= 0x80;
	ASSERT_ERR(raw_fetch(connection, ticket), ENOENT);
	ticket[0] ^= 0x80;
	fd = ASSERT_OK(raw_fetch(connection, ticket));
	ASSERT_ERR(raw_fetch(connection, ticket), ENOENT);
	close(fd);
	/* The ticket is removed once the service notices that the context was closed. */
	ASSERT_OK(raw_accel_open(context, buffer, O_RDWR, ticket));
	close(context);
	context = ASSERT_OK(raw_context(instance));
	while ((fd = raw_fetch(connection, ticket)) >= 0) {
		int next = ASSERT_OK(raw_context(instance));

		close(fd);
		buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, PAGE));
		ASSERT_OK(raw_accel_open(context, buffer, O_RDWR, ticket));
		close(context);
		context = next;
	}
	ASSERT_ERR(fd, ENOENT);
	close(context);
	close(connection);
}

static void fetch_messages(struct instance *instance)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_FETCH};
	int connection = ASSERT_OK(raw_connect(instance)), memfd = raw_memfd(PAGE), fd;
	int fds[2] = {memfd, memfd};
	struct dmabuffs_broker_reply reply;

	for (int n = 1; n <= 2; n++) {
		ASSERT_OK(raw_send(connection, &request, sizeof(request), fds, n));
		ASSERT_ERR(raw_receive(connection, &reply, &fd), EINVAL);
	}
	request.reserved = 1;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), NULL, 0));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EINVAL);
	request.reserved = 0;
	request.flags = 1;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), NULL, 0));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EOPNOTSUPP);
	request.flags = 0;
	/*
	 * The first protocol version has no ticket field, which reads as an invalid zero
	 * ticket.
	 */
	request.size = 16;
	ASSERT_OK(raw_send(connection, &request, 16, NULL, 0));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), ENOENT);
	request.size = sizeof(request);
	request.ticket[0] = 1;
	request.op = DMABUFFS_BROKER_TICKET;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), fds, 1));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EINVAL);
	request.op = DMABUFFS_BROKER_EXCHANGE;
	ASSERT_OK(raw_send(connection, &request, sizeof(request), fds, 1));
	ASSERT_ERR(raw_receive(connection, &reply, &fd), EINVAL);
	close(memfd);
	close(connection);
}

/* FETCH returns descriptors from device calls only, not deposited ones. */
static void fetch_of_deposits(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	struct shared shared;
	int files[2];

	share(&shared, instance, PAGE, 0, 0);
	files[0] = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	files[1] = open_proc(getpid(), "mem", O_RDWR);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_OK(raw_ticket(connection, files[i], ticket));
		ASSERT_ERR(raw_fetch(connection, ticket), ENOENT);
		close(files[i]);
	}
	close(connection);
	unshare_buffer(&shared);
}

#define TICKETS_OF_A_CONTEXT 16

/* Beyond the limit of unfetched tickets, a new one replaces the oldest after a delay. */
struct one_more {
	int context;
	uint32_t buffer;
	uint8_t *ticket;
};

static bool is_granted(void *data)
{
	struct one_more *more = data;

	return raw_accel_open(more->context, more->buffer, O_RDWR, more->ticket) == 0;
}

static void open_too_many(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int connection = ASSERT_OK(raw_connect(instance));
	uint32_t buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, PAGE));
	uint8_t tickets_got[TICKETS_OF_A_CONTEXT + 1][DMABUFFS_TICKET_SIZE];
	size_t n = ARRAY_SIZE(tickets_got);
	struct one_more more = {context, buffer, tickets_got[n - 1]};

	for (size_t i = 0; i < n - 1; i++)
		ASSERT_OK(raw_accel_open(context, buffer, O_RDWR, tickets_got[i]));
	ASSERT_ERR(raw_accel_open(context, buffer, O_RDWR, tickets_got[n - 1]), EDQUOT);
	/* Unfetched tickets delay further requests only for a moment. */
	ASSERT(wait_until(is_granted, &more));
	ASSERT_ERR(raw_fetch(connection, tickets_got[0]), ENOENT);
	for (size_t i = 1; i < n; i++)
		close(ASSERT_OK(raw_fetch(connection, tickets_got[i])));
	close(connection);
	close(context);
}

static void open_for_more(struct instance *instance)
{
	static const uint32_t access[] = {O_WRONLY,         O_ACCMODE, O_RDWR | O_APPEND,
					  O_RDWR | O_TRUNC, O_PATH,    UINT32_MAX};
	int context = ASSERT_OK(raw_context(instance)), memfd = raw_memfd(PAGE), fd;
	uint32_t queue = (uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	char path[64];
	uint32_t buffer;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	fd = ASSERT_OK(SYS(open(path, O_RDONLY | O_CLOEXEC)));
	buffer = (uint32_t)ASSERT_OK(raw_accel_import(context, fd));
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(access); i++) {
		ASSERT_ERR(raw_accel_open(context, buffer, access[i], ticket), EINVAL);
		ASSERT_ERR(raw_accel_open(context, queue, access[i], ticket), EINVAL);
	}
	ASSERT_ERR(raw_accel_open(context, buffer, O_RDWR, ticket), EACCES);
	ASSERT_ERR(raw_accel_open(context, queue, O_RDONLY, ticket), EACCES);
	fd = ASSERT_OK(raw_accel_fd(instance, context, buffer, O_RDONLY));
	ASSERT(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	close(fd);
	close(memfd);
	close(context);
}

/* ---- /proc files of processes ------------------------------------------------------ */

static void live(int peer, void *data)
{
	peer_wait(peer);
}

static void files_of_processes(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance)), maps, mem, other_mem, other_maps;
	struct child child;

	child_start(&child, NULL, live, NULL);
	mem = open_proc(getpid(), "mem", O_RDWR);
	maps = open_proc(getpid(), "maps", O_RDONLY);
	other_mem = open_proc(child.pid, "mem", O_RDWR);
	other_maps = open_proc(child.pid, "maps", O_RDONLY);
	ASSERT_ERR(raw_accel_sva(context, mem, other_maps), EBADFD);
	ASSERT_ERR(raw_accel_sva(context, other_mem, maps), EBADFD);
	ASSERT_ERR(raw_accel_sva(context, maps, mem), EBADFD);
	ASSERT_ERR(raw_accel_sva(context, open_proc(getpid(), "mem", O_RDONLY), maps),
		   EBADFD);
	ASSERT_ERR(raw_accel_sva(context, open_proc(getpid(), "mem", O_WRONLY), maps),
		   EBADFD);
	ASSERT_ERR(raw_accel_sva(context, open_proc(getpid(), "mem", O_PATH), maps),
		   EBADFD);
	ASSERT_ERR(raw_accel_sva(context, mem, open_proc(getpid(), "maps", O_PATH)),
		   EBADFD);
	ASSERT_ERR(raw_accel_sva(context, mem, open_proc(getpid(), "smaps", O_RDONLY)),
		   EBADFD);
	ASSERT_ERR(raw_accel_sva(context, mem, open_proc(getpid(), "status", O_RDONLY)),
		   EBADFD);
	ASSERT_OK(raw_accel_sva(context, mem, maps));
	/* Of a process that has exited. */
	peer_signal(child.peer);
	child_wait(&child);
	ASSERT_ERR(raw_accel_sva(context, other_mem, other_maps), ESRCH);
	close(context);
}

/* Files of the same process, opened through /proc/PID/task. */
static void files_of_tasks(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance));
	int mem = open_proc(getpid(), "mem", O_RDWR);
	char path[64];
	int maps;

	snprintf(path, sizeof(path), "task/%d/maps", getpid());
	maps = open_proc(getpid(), path, O_RDONLY);
	/* Refused: the service does not identify the process by this path. */
	ASSERT_ERR(raw_accel_sva(context, mem, maps), EBADFD);
	close(mem);
	close(maps);
	close(context);
}

/* Bind mounts let a client choose the path; these files are of two processes. */
static void mix_by_mounts(int peer, void *data)
{
	static const char *const names[] = {"mem", "maps"};
	const struct instance *instance = data;
	int fds[2], context = ASSERT_OK(raw_context(instance));
	struct child other;
	char from[64], to[200];

	child_start(&other, NULL, live, NULL);
	ASSERT_OK(SYS(unshare(CLONE_NEWNS)));
	ASSERT_OK(SYS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)));
	snprintf(to, sizeof(to), "%s/77", test_work_dir);
	ASSERT_OK(SYS(mkdir(to, 0755)));
	for (int i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "/proc/%d/%s", i ? other.pid : getpid(),
			 names[i]);
		snprintf(to, sizeof(to), "%s/77/%s", test_work_dir, names[i]);
		close(ASSERT_OK(SYS(open(to, O_CREAT | O_RDWR, 0600))));
		ASSERT_OK(SYS(mount(from, to, NULL, MS_BIND, NULL)));
		fds[i] = ASSERT_OK(SYS(open(to, (i ? O_RDONLY : O_RDWR) | O_CLOEXEC)));
	}
	ASSERT_ERR(raw_accel_sva(context, fds[0], fds[1]), EBADFD);
	peer_signal(other.peer);
	child_wait(&other);
}

static void files_mixed_by_mounts(struct instance *instance)
{
	struct child child;

	child_start(&child, NULL, mix_by_mounts, instance);
	child_wait(&child);
}

/* Files with the names of procfs, on a file system of the client. */
static void files_of_own_make(struct instance *instance)
{
	int context = ASSERT_OK(raw_context(instance)), fds[2];
	static const char *const names[] = {"mem", "maps"};
	char path[200];

	snprintf(path, sizeof(path), "%s/1", test_work_dir);
	if (SYS(mkdir(path, 0755)) < 0)
		ASSERT_EQ(errno, EEXIST);
	snprintf(path, sizeof(path), "%s/%d", test_work_dir, 4711);
	ASSERT_OK(SYS(mkdir(path, 0755)));
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/4711/%s", test_work_dir, names[i]);
		close(ASSERT_OK(SYS(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600))));
		fds[i] = ASSERT_OK(SYS(open(path, (i ? O_RDONLY : O_RDWR) | O_CLOEXEC)));
	}
	ASSERT_ERR(raw_accel_sva(context, fds[0], fds[1]), EBADFD);
	close(fds[0]);
	close(fds[1]);
	close(context);
}

/* ---- files of a server that never replies ------------------------------------------ */

/* Passes the hostile file to all ioctls; each returns in time, finally with EBUSY. */
static void offer_hostile(int peer, void *data)
{
	const struct scene *scene = data;
	int context = ASSERT_OK(raw_context(scene->instance));
	int fd = ASSERT_OK(SYS(open(scene->file, O_RDWR | O_CLOEXEC)));
	int maps = open_proc(getpid(), "maps", O_RDONLY);

	peer_signal(peer);
	peer_wait(peer);
	for (int i = 0; i < 100; i++) {
		uint64_t start = now_ms();
		long long results[] = {raw_accel_import(context, fd),
				       import_asid(context, fd),
				       raw_accel_sva(context, fd, maps),
				       raw_accel_sva(context, maps, fd)};

		ASSERT(now_ms() - start < PROMPT_MS);
		for (size_t j = 0; j < ARRAY_SIZE(results); j++)
			if (results[j] != -EBADFD)
				ASSERT_ERR(results[j], EBUSY);
	}
	peer_signal(peer);
	pause();
}

static void offer(struct instance *instance, bool silent)
{
	struct scene scene;
	struct child child;
	struct job job;

	scene_start(&scene, instance);
	job_start(&job, instance);
	child_start(&child, USER(1001), offer_hostile, &scene);
	peer_wait(child.peer);
	if (silent)
		scene_fall_silent(&scene);
	peer_signal(child.peer);
	peer_wait(child.peer);
	scene_expect_service(&scene);
	job_round(&job);
	job_end(&job);
	scene_kill_server(&scene);
	child_kill(&child, SIGKILL);
	scene_end(&scene);
}

static void flushless_files(struct instance *instance)
{
	offer(instance, false);
}

static void silent_files(struct instance *instance)
{
	offer(instance, true);
}

#define FEW_BUFFERS "max-buffers-per-uid=40"

const struct test_case test_cases[] = {
	{"every_wrong_kind", every_wrong_kind, FEW_BUFFERS},
	{"closed_descriptors", closed_descriptors},
	{"names_of_other_kinds", names_of_other_kinds},
	{"opened_for_less", opened_for_less},
	{"write_sealed_memory", write_sealed_memory},
	{"vast_imports", vast_imports},
	{"tickets", tickets},
	{"tickets_and_descriptors", tickets_and_descriptors},
	{"tickets_of_other_kinds", tickets_of_other_kinds},
	{"contexts_in_messages", contexts_in_messages},
	{"fetch", fetch},
	{"fetch_messages", fetch_messages},
	{"fetch_of_deposits", fetch_of_deposits},
	{"open_too_many", open_too_many},
	{"open_for_more", open_for_more},
	{"files_of_processes", files_of_processes},
	{"files_of_tasks", files_of_tasks},
	{"files_mixed_by_mounts", files_mixed_by_mounts},
	{"files_of_own_make", files_of_own_make},
	{"flushless_files", flushless_files},
	{"silent_files", silent_files},
	{0},
};
