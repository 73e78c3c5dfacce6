/* SPDX-License-Identifier: MIT */
/* test-accel-context.c - devices in the mount, and contexts as open files */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

#define PATH (INSTANCE_PATH_SIZE + 48)

/* ---- the device directory ---------------------------------------------------------- */

/* Lists the directory without "." and ".."; a single entry is returned in ret_name. */
static int list_names(const char *path, char ret_name[256])
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int n = 0;

	ASSERT(directory);
	ret_name[0] = '\0';
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		strcpy(ret_name, entry->d_name);
		n++;
	}
	closedir(directory);
	return n;
}

static void directory(struct instance *instance)
{
	char path[PATH], name[256];
	struct stat st;

	device_path(instance, "", path);
	ASSERT_EQ(list_names(path, name), 1);
	ASSERT(strcmp(name, SOFT0) == 0);
	ASSERT_OK(SYS(stat(path, &st)));
	ASSERT_EQ(st.st_mode, S_IFDIR | 0755);
	device_path(instance, SOFT0, path);
	ASSERT_OK(SYS(stat(path, &st)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0666);
	ASSERT_EQ(st.st_uid, 0);
	/* The directory is not listed among the buffer names. */
	ASSERT_EQ(raw_count(instance), 0);
	ASSERT_ERR(SYS(unlink(path)), EPERM);
	device_path(instance, "other", path);
	ASSERT_ERR(SYS(stat(path, &st)), ENOENT);
	ASSERT_ERR(SYS(open(path, O_RDWR | O_CREAT, 0600)), EPERM);
	ASSERT_ERR(SYS(mkdir(path, 0700)), EPERM);
	ASSERT_ERR(SYS(unlink(path)), ENOENT);
	device_path(instance, "", path);
	ASSERT_ERR(SYS(rmdir(path)), EPERM);
}

static void access_modes(struct instance *instance)
{
	struct accel_event events[2];
	char path[PATH];
	void *address;
	int fd;

	device_path(instance, SOFT0, path);
	ASSERT_ERR(SYS(open(path, O_RDONLY)), EACCES);
	ASSERT_ERR(SYS(open(path, O_WRONLY)), EACCES);
	ASSERT_ERR(SYS(open(path, O_ACCMODE)), EACCES);
	fd = ASSERT_OK(SYS(open(path, O_RDWR | O_CLOEXEC)));
	/* Without events, the read does not block. */
	ASSERT_ERR(SYS(read(fd, events, sizeof(events))), EAGAIN);
	ASSERT_ERR(SYS(read(fd, events, sizeof(events[0]) - 1)), EINVAL);
	ASSERT(!wait_ready(fd, POLLIN, 0));
	ASSERT(SYS(write(fd, events, sizeof(events))) < 0);
	ASSERT_ERR(SYS(lseek(fd, 0, SEEK_END)), ESPIPE);
	ASSERT(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, &address) < 0);
	close(fd);
	expect_unused(instance, SOFT0);
}

static int try_context(void *data)
{
	int context = open_context(data, SOFT0);

	if (context >= 0)
		close(context);
	return MIN(context, 0);
}

static int try_chmod(void *data)
{
	char path[PATH];

	device_path(data, SOFT0, path);
	return (int)SYS(chmod(path, 0666));
}

/* Access is decided by owner, group and mode, as for any file. */
static void permissions(struct instance *instance)
{
	const struct identity member = {.uid = 1002, .gid = 1002, {2001}, 1};
	char path[PATH], top[PATH];

	device_path(instance, SOFT0, path);
	device_path(instance, "", top);
	ASSERT_OK(child_call(USER(1001), try_context, instance));
	ASSERT_ERR(child_call(USER(1001), try_chmod, instance), EPERM);
	ASSERT_OK(SYS(chmod(path, 0600)));
	ASSERT_ERR(child_call(USER(1001), try_context, instance), EACCES);
	ASSERT_OK(SYS(chown(path, 1001, 2001)));
	ASSERT_OK(child_call(USER(1001), try_context, instance));
	ASSERT_ERR(child_call(&member, try_context, instance), EACCES);
	ASSERT_OK(SYS(chmod(path, 0660)));
	ASSERT_OK(child_call(&member, try_context, instance));
	ASSERT_ERR(child_call(USER(1003), try_context, instance), EACCES);
	ASSERT_OK(child_call(USER(1001), try_chmod, instance));
	ASSERT_OK(child_call(USER(1003), try_context, instance));
	ASSERT_OK(SYS(chmod(top, 0700)));
	ASSERT_ERR(child_call(USER(1003), try_context, instance), EACCES);
}

/* ---- device information ------------------------------------------------------------ */

static void information(struct instance *instance)
{
	struct accel_device_info info = device_info(instance, SOFT0), own = {0};
	struct seat seat;

	ASSERT(strcmp(info.name, SOFT0) == 0);
	ASSERT(strcmp(info.backend, "soft") == 0);
	ASSERT_EQ(info.operations, (1ULL << ACCEL_OP_COUNT) - 1);
	ASSERT(info.flags & ACCEL_DEVICE_REVOCABLE);
	ASSERT(!(info.flags & ACCEL_DEVICE_EXCLUSIVE));
	ASSERT_EQ(info.page_size, PAGE);
	ASSERT(info.n_reserved > 0 && info.n_reserved <= ACCEL_MAX_RANGES);
	ASSERT(info.aperture.first <= info.reserved_ranges[0].first);
	ASSERT_EQ(info.queues_free, info.queues);
	ASSERT_EQ(info.memory_free, info.memory);
	ASSERT_EQ(info.contexts, 0);

	seat_open(&seat, instance, SOFT0);
	ASSERT_OK(
		dmabuffs_accel_call(seat.context, DMABUFFS_ACCEL_IOC_DEVICE_INFO, &own));
	info = device_info(instance, SOFT0);
	ASSERT_EQ(memcmp(&own, &info, sizeof(own)), 0);
	ASSERT_EQ(own.contexts, 1);
	ASSERT_ERR(dmabuffs_accel_query(seat.library, "other", &info, sizeof(info)),
		   ENOENT);
	ASSERT_ERR(dmabuffs_accel_query(seat.library, "", &info, sizeof(info)), ENOENT);
	ASSERT_ERR(dmabuffs_accel_query(seat.library, "../" SOFT0, &info, sizeof(info)),
		   ENOENT);
	seat_close(&seat);
}

/* Creates one object of each kind and 1 MiB of memory. */
static void furnish(struct seat *seat, struct region *region,
		    struct dmabuffs_accel_queue **ret_queue)
{
	uint32_t buffer;

	ASSERT_OK(alloc_buffer(seat->context, 1 << 20, 0, &buffer));
	region_create(seat, region, PAGE);
	*ret_queue = make_queue(seat);
	attach_region(seat, *ret_queue, region);
}

static void counts(struct instance *instance)
{
	struct accel_device_info before = device_info(instance, SOFT0), info;
	struct dmabuffs_accel_queue *queue;
	struct region region;
	struct seat seat;
	int second;

	seat_open(&seat, instance, SOFT0);
	furnish(&seat, &region, &queue);
	second = ASSERT_OK(open_context(instance, SOFT0));
	info = device_info(instance, SOFT0);
	ASSERT_EQ(info.contexts, 2);
	ASSERT_EQ(info.asids, 1);
	ASSERT_EQ(info.queues_free, before.queues - 1);
	ASSERT_EQ(info.memory_free, before.memory - (1 << 20));
	close(second);
	dmabuffs_accel_queue_close(queue);
	region_finish(&region);
	seat_close(&seat);
	expect_unused(instance, SOFT0);
}

struct list {
	struct dmabuffs *library;
	int n;
	struct accel_device_info infos[4];
};

static int add_to_list(const char *name, void *data)
{
	struct list *list = data;
	struct accel_device_info *info = &list->infos[list->n++];

	ASSERT_OK(dmabuffs_accel_query(list->library, name, info, sizeof(*info)));
	return list->n < 4 ? 0 : -E2BIG;
}

static void several(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	struct list list = {library};
	struct seat alpha, beta;

	ASSERT_OK(dmabuffs_accel_list(library, add_to_list, &list));
	ASSERT_EQ(list.n, 2);
	ASSERT(strcmp(list.infos[0].name, "alpha") == 0);
	ASSERT_EQ(list.infos[0].queues, 3);
	ASSERT_EQ(list.infos[0].memory, 2 << 20);
	ASSERT_EQ(list.infos[0].asid_bits, 4);
	ASSERT_EQ(list.infos[0].latency_ns, 1000);
	ASSERT(!(list.infos[0].flags & ACCEL_DEVICE_EXCLUSIVE));
	ASSERT(strcmp(list.infos[1].name, "beta") == 0);
	ASSERT(list.infos[1].flags & ACCEL_DEVICE_EXCLUSIVE);

	/* Each device accounts its resources separately. */
	seat_open(&alpha, instance, "alpha");
	seat_open(&beta, instance, "beta");
	for (int i = 0; i < 15; i++)
		make_asid(alpha.context);
	ASSERT_ERR(try_asid(alpha.context), ENOSPC);
	make_asid(beta.context);
	ASSERT_EQ(device_info(instance, "alpha").asids, 15);
	ASSERT_EQ(device_info(instance, "beta").asids, 1);
	seat_close(&alpha);
	seat_close(&beta);
	dmabuffs_close(library);
}

static void none(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	struct accel_device_info info;
	struct list list = {library};
	char path[PATH];
	struct stat st;
	int context;

	device_path(instance, "", path);
	ASSERT_ERR(SYS(stat(path, &st)), ENOENT);
	ASSERT_ERR(dmabuffs_accel_list(library, add_to_list, &list), ENOENT);
	ASSERT_ERR(dmabuffs_accel_query(library, SOFT0, &info, sizeof(info)), ENOENT);
	ASSERT_ERR(dmabuffs_accel_open(library, SOFT0, &context), ENOENT);
	dmabuffs_close(library);
}

/* ---- a context is its descriptor --------------------------------------------------- */

/* Objects of a context that another process with its descriptor must be able to use. */
struct work {
	const struct instance *instance;
	uint32_t queue, asid, buffer;
	uint64_t iova;
};

/* Works like the opener: queries, maps memory, creates objects, runs commands. */
static void do_work(const struct work *work, int context, uint8_t byte)
{
	struct dmabuffs_accel_queue *queue;
	uint32_t own = make_asid(context);
	struct seat seat;
	uint8_t *bytes;
	int fd;

	seat_take(&seat, work->instance, context);
	ASSERT_OK(dmabuffs_accel_queue_open(seat.library, context, work->queue, &queue));
	expect_done(queue, fill(work->asid, work->iova, PAGE, byte));
	ASSERT_OK(dmabuffs_accel_buffer_fd(seat.library, context, work->buffer, &fd));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&bytes));
	ASSERT_EQ(bytes[0], byte);
	ASSERT_EQ(bytes[PAGE - 1], byte);
	ASSERT_OK(object_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, own));
	munmap(bytes, PAGE);
	close(fd);
	dmabuffs_accel_queue_close(queue);
	dmabuffs_close(seat.library);
}

/* The opener creates a buffer, an ASID and a queue. */
static int prepare_work(struct instance *instance, struct work *work)
{
	struct dmabuffs_accel_queue *queue;
	struct seat seat;

	work->instance = instance;
	seat_open(&seat, instance, SOFT0);
	ASSERT_OK(alloc_buffer(seat.context, PAGE, 0, &work->buffer));
	work->asid = make_asid(seat.context);
	ASSERT_OK(map_anywhere(seat.context, work->asid, work->buffer, PAGE, READ_WRITE,
			       &work->iova));
	queue = make_queue(&seat);
	work->queue = dmabuffs_accel_queue_id(queue);
	ASSERT_OK(attach(seat.context, work->queue, work->asid));
	dmabuffs_accel_queue_close(queue);
	dmabuffs_close(seat.library);
	return seat.context;
}

static void receive_and_work(int peer, void *data)
{
	int context = peer_get_fd(peer);
	struct work work;

	peer_get(peer, &work, sizeof(work));
	work.instance = data;
	do_work(&work, context, 0x11);
	peer_signal(peer);
	/* The opener has been killed; the context must still work. */
	peer_wait(peer);
	do_work(&work, context, 0x22);
}

static void open_and_pass(int peer, void *data)
{
	struct work work;
	int context = prepare_work(data, &work);

	do_work(&work, context, 0x33);
	peer_put_fd(peer, context);
	peer_put(peer, &work, sizeof(work));
	peer_wait(peer);
}

/* Passes a context from @opener to @receiver without keeping a copy. */
static void pass(struct instance *instance, const struct identity *opener,
		 const struct identity *receiver)
{
	struct child from, to;
	struct work work;
	int context;

	child_start(&from, opener, open_and_pass, instance);
	child_start(&to, receiver, receive_and_work, instance);
	context = peer_get_fd(from.peer);
	peer_get(from.peer, &work, sizeof(work));
	peer_put_fd(to.peer, context);
	peer_put(to.peer, &work, sizeof(work));
	close(context);
	peer_wait(to.peer);
	child_kill(&from, SIGKILL);
	ASSERT_EQ(device_info(instance, SOFT0).contexts, 1);
	peer_signal(to.peer);
	child_wait(&to);
	expect_unused(instance, SOFT0);
}

static void passed(struct instance *instance)
{
	pass(instance, USER(1001), USER(1001));
	pass(instance, USER(1001), USER(1002));
	pass(instance, NULL, USER(1002));
}

static void passed_into_container(struct instance *instance)
{
	const struct identity inside = {.uid = 1002,
					.gid = 1002,
					.namespaces = ALL_NAMESPACES,
					.sees = instance->dir};
	const struct identity other = {.uid = 1003,
				       .gid = 1003,
				       .namespaces = ALL_NAMESPACES,
				       .sees = instance->dir};

	pass(instance, USER(1001), &inside);
	pass(instance, &inside, USER(1001));
	pass(instance, &inside, &other);
}

/* The receiver has no permission to open the device; the descriptor suffices. */
static void passed_without_permission(struct instance *instance)
{
	char path[PATH];

	device_path(instance, SOFT0, path);
	ASSERT_OK(SYS(chmod(path, 0600)));
	ASSERT_ERR(child_call(USER(1002), try_context, instance), EACCES);
	pass(instance, NULL, USER(1002));
}

struct inheritance {
	struct work work;
	int context;
};

static void use_inherited(int peer, void *data)
{
	const struct inheritance *inheritance = data;

	do_work(&inheritance->work, inheritance->context, 0x44);
	peer_signal(peer);
	peer_wait(peer);
	do_work(&inheritance->work, inheritance->context, 0x55);
}

static void inherited(struct instance *instance)
{
	struct inheritance inheritance;
	struct child child;

	inheritance.context = prepare_work(instance, &inheritance.work);
	child_start(&child, NULL, use_inherited, &inheritance);
	peer_wait(child.peer);
	do_work(&inheritance.work, inheritance.context, 0x66);
	close(inheritance.context);
	peer_signal(child.peer);
	child_wait(&child);
	expect_unused(instance, SOFT0);
}

static void duplicated(struct instance *instance)
{
	struct work work;
	int context = prepare_work(instance, &work);
	int copy = ASSERT_OK(SYS(dup(context)));

	close(context);
	do_work(&work, copy, 0x77);
	ASSERT_EQ(device_info(instance, SOFT0).contexts, 1);
	close(copy);
	expect_unused(instance, SOFT0);
}

/* Each open(2) creates a separate context; ids are valid in their own context only. */
static void separate(struct instance *instance)
{
	struct work work;
	int context = prepare_work(instance, &work);
	int other = ASSERT_OK(open_context(instance, SOFT0));
	struct accel_asid_info asid = {.id = work.asid};
	struct accel_buffer_info buffer = {.id = work.buffer};
	struct accel_queue_info queue = {.id = work.queue};

	ASSERT_ERR(dmabuffs_accel_call(other, DMABUFFS_ACCEL_IOC_ASID_INFO, &asid),
		   ENOENT);
	ASSERT_ERR(dmabuffs_accel_call(other, DMABUFFS_ACCEL_IOC_BUFFER_INFO, &buffer),
		   ENOENT);
	ASSERT_ERR(dmabuffs_accel_call(other, DMABUFFS_ACCEL_IOC_QUEUE_INFO, &queue),
		   ENOENT);
	ASSERT_ERR(object_call(other, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY, work.queue),
		   ENOENT);
	ASSERT_ERR(attach(other, work.queue, work.asid), ENOENT);
	do_work(&work, context, 0x88);
	close(other);
	close(context);
}

/* ---- closing ----------------------------------------------------------------------- */

/* Keeps objects, a command that never completes and an unread event. */
static void hold_busy(int peer, void *data)
{
	struct dmabuffs_accel_queue *queue;
	struct accel_command command;
	struct region region;
	struct seat seat;
	uint64_t index;

	seat_open(&seat, data, SOFT0);
	furnish(&seat, &region, &queue);
	command = nop();
	command.flags = ACCEL_COMMAND_NOTIFY;
	ASSERT_OK(dmabuffs_accel_queue_submit(queue, &command, 1, NULL));
	command = wait_fence(make_fence(seat.context), 1);
	ASSERT_OK(dmabuffs_accel_queue_submit(queue, &command, 1, &index));
	ASSERT_ERR(dmabuffs_accel_queue_wait(queue, index, 1000000), ETIMEDOUT);
	bind_self(&seat, 0);
	peer_signal(peer);
	peer_wait(peer);
}

static void killed(struct instance *instance)
{
	struct child children[8];

	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_start(&children[i], i % 2 ? USER(1001) : NULL, hold_busy, instance);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		peer_wait(children[i].peer);
	ASSERT_EQ(device_info(instance, SOFT0).contexts, ARRAY_SIZE(children));
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	expect_unused(instance, SOFT0);
}

/* Waits for a command that fails only when the service stops. */
static void wait_for_the_end(int peer, void *data)
{
	struct dmabuffs_accel_queue *queue;
	struct accel_command command;
	struct region region;
	struct seat seat;
	uint64_t index;

	seat_open(&seat, data, SOFT0);
	furnish(&seat, &region, &queue);
	command = wait_fence(make_fence(seat.context), 1);
	ASSERT_OK(dmabuffs_accel_queue_submit(queue, &command, 1, &index));
	peer_signal(peer);
	ASSERT_ERR(dmabuffs_accel_queue_wait(queue, index, WAIT_NS), ENODEV);
	/* Existing mappings stay valid. */
	region.bytes[0] = 1;
	ASSERT_ERR(dmabuffs_accel_queue_submit(queue, &command, 1, &index), ENODEV);
	ASSERT_ERR(
		object_call(seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, region.asid),
		ENOTCONN);
}

static void end_of_daemon(struct instance *instance)
{
	struct instance own;
	struct child child, idle;

	instance_start(&own, "log=debug");
	child_start(&child, USER(1001), wait_for_the_end, &own);
	child_start(&idle, NULL, hold_busy, &own);
	peer_wait(child.peer);
	peer_wait(idle.peer);
	ASSERT_OK(SYS(kill(own.pid, SIGTERM)));
	instance_expect_exit(&own, 0);
	child_wait(&child);
	child_kill(&idle, SIGKILL);
	ASSERT(!is_mounted(own.dir));
}

/* After a lazy unmount open contexts keep working; the last one ends the service. */
static void detached(struct instance *instance)
{
	struct instance own;
	struct child child;

	instance_start(&own, NULL);
	child_start(&child, NULL, hold_busy, &own);
	peer_wait(child.peer);
	ASSERT_OK(SYS(umount2(own.dir, MNT_DETACH)));
	child_kill(&child, SIGKILL);
	instance_expect_exit(&own, 0);
}

const struct test_case test_cases[] = {
	{"accel_directory", directory},
	{"accel_access_modes", access_modes},
	{"accel_permissions", permissions},
	{"accel_information", information},
	{"accel_counts", counts},
	{"accel_several", several,
	 "accel=alpha:queues=3:memory=2M:asid-bits=4:latency=1000,accel=beta:exclusive"},
	{"accel_none", none, "noaccel"},
	{"accel_passed", passed},
	{"accel_passed_nopassthrough", passed, "nopassthrough"},
	{"accel_passed_into_container", passed_into_container},
	{"accel_passed_without_permission", passed_without_permission},
	{"accel_inherited", inherited},
	{"accel_duplicated", duplicated},
	{"accel_separate", separate},
	{"accel_killed", killed},
	{"accel_killed_slow", killed, "accel=soft0:latency=1000000000"},
	{"accel_end_of_daemon", end_of_daemon, .flags = CASE_NO_INSTANCE},
	{"accel_detached", detached, .flags = CASE_NO_INSTANCE},
	{0},
};
