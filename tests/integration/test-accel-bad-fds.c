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
	struct raw_remains remains;
	struct collection collection = {.n = 0};
	int buffers, context;

	raw_remember(&remains, instance);
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
	ASSERT(wait_until(raw_is_as_before, &remains));
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
	expect_no_name(instance, uuid);
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
	int fd = new_memfd((uint64_t)bytes);
	long long result;

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
	int fd = new_memfd(64 << 20);
	long long result;

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
	mem = raw_open_proc(getpid(), "mem", O_RDWR);
	maps = raw_open_proc(getpid(), "maps", O_RDONLY);
	other_mem = raw_open_proc(child.pid, "mem", O_RDWR);
	other_maps = raw_open_proc(child.pid, "maps", O_RDONLY);
	ASSERT_ERR(raw_accel_sva(context, mem, other_maps), EBADFD);
	ASSERT_ERR(raw_accel_sva(context, other_mem, maps), EBADFD);
	ASSERT_ERR(raw_accel_sva(context, maps, mem), EBADFD);
	ASSERT_ERR(raw_accel_sva(context, raw_open_proc(getpid(), "mem", O_RDONLY), maps),
		   EBADFD);
	ASSERT_ERR(raw_accel_sva(context, raw_open_proc(getpid(), "mem", O_WRONLY), maps),
		   EBADFD);
	ASSERT_ERR(raw_accel_sva(context, raw_open_proc(getpid(), "mem", O_PATH), maps),
		   EBADFD);
	ASSERT_ERR(raw_accel_sva(context, mem, raw_open_proc(getpid(), "maps", O_PATH)),
		   EBADFD);
	ASSERT_ERR(
		raw_accel_sva(context, mem, raw_open_proc(getpid(), "smaps", O_RDONLY)),
		EBADFD);
	ASSERT_ERR(
		raw_accel_sva(context, mem, raw_open_proc(getpid(), "status", O_RDONLY)),
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
	int mem = raw_open_proc(getpid(), "mem", O_RDWR);
	char path[64];
	int maps;

	snprintf(path, sizeof(path), "task/%d/maps", getpid());
	maps = raw_open_proc(getpid(), path, O_RDONLY);
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
	int maps = raw_open_proc(getpid(), "maps", O_RDONLY);

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
	{"files_of_processes", files_of_processes},
	{"files_of_tasks", files_of_tasks},
	{"files_mixed_by_mounts", files_mixed_by_mounts},
	{"files_of_own_make", files_of_own_make},
	{"flushless_files", flushless_files},
	{"silent_files", silent_files},
	{0},
};
