/* SPDX-License-Identifier: MIT */
/*
 * test-accel-rootless.c - devices with a service without root privileges, a service that
 * cannot name its clients, and clients in containers that see only the mount
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

/* ---- the work of each client ------------------------------------------------------- */

/* Device memory, accessed by this process and by commands. */
static void use_device_memory(struct seat *seat, struct dmabuffs_accel_queue *queue,
			      const struct region *region)
{
	uint32_t buffer, asid = make_asid(seat->context);
	uint8_t *bytes;
	uint64_t iova;
	int fd;

	ASSERT_OK(alloc_buffer(seat->context, PAGE, 0, &buffer));
	ASSERT_OK(map_anywhere(seat->context, asid, buffer, PAGE, READ_WRITE, &iova));
	ASSERT_OK(attach(seat->context, dmabuffs_accel_queue_id(queue), asid));
	ASSERT_OK(dmabuffs_accel_buffer_fd(seat->library, seat->context, buffer, &fd));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&bytes));
	close(fd);
	expect_done(queue, copy(asid, iova, region->asid, region->iova, PAGE));
	ASSERT_EQ(bytes[PAGE - 1], 0x5a);
	bytes[7] = 0x11;
	expect_done(queue, copy(region->asid, region->iova, asid, iova, PAGE));
	ASSERT(is_filled(region, 7, 8, 0x11));
	munmap(bytes, PAGE);
}

/* A ring, an imported buffer and a device buffer. */
static void use_memory(struct seat *seat)
{
	struct dmabuffs_accel_queue *queue = make_queue(seat);
	struct region region;

	region_create(seat, &region, PAGE);
	attach_region(seat, queue, &region);
	expect_done(queue, fill(region.asid, region.iova, PAGE, 0x5a));
	ASSERT(is_filled(&region, 0, PAGE, 0x5a));
	use_device_memory(seat, queue, &region);
	region_finish(&region);
	dmabuffs_accel_queue_close(queue);
}

/* Binds the heap of this process. */
static void use_own_memory(struct seat *seat)
{
	struct dmabuffs_accel_queue *queue = make_queue(seat);
	uint32_t asid = bind_self(seat, 0);
	uint8_t *heap = calloc(2, PAGE);
	uintptr_t address = (uintptr_t)heap;

	ASSERT(heap);
	ASSERT_OK(attach(seat->context, dmabuffs_accel_queue_id(queue), asid));
	expect_done(queue, fill(asid, address, PAGE, 0x3c));
	expect_done(queue, copy(asid, address + PAGE, asid, address, PAGE));
	ASSERT_EQ(heap[0], 0x3c);
	ASSERT_EQ(heap[2 * PAGE - 1], 0x3c);
	free(heap);
	dmabuffs_accel_queue_close(queue);
}

/* ---- an exported address space ----------------------------------------------------- */

struct named {
	const struct instance *instance;
	dmabuffs_uuid uuid;
	uint64_t iova;
};

/* In a separate context. */
static int fill_named(void *data)
{
	const struct named *named = data;
	struct dmabuffs_accel_queue *queue;
	struct seat seat;
	uint32_t asid;
	int r;

	seat_open(&seat, named->instance, SOFT0);
	r = dmabuffs_accel_import_asid(seat.library, seat.context, &named->uuid, &asid);
	if (r < 0)
		return r;
	queue = make_queue(&seat);
	ASSERT_OK(attach(seat.context, dmabuffs_accel_queue_id(queue), asid));
	expect_done(queue, fill(asid, named->iova, PAGE, 0x77));
	dmabuffs_accel_queue_close(queue);
	seat_close(&seat);
	return 0;
}

/* Another process, as @who, writes through the exported name. */
static void use_named(const struct instance *instance, struct seat *seat,
		      const struct identity *who)
{
	const struct dmabuffs_export_options options = {
		.size = sizeof(options), .flags = DMABUFFS_EXPORT_MODE, .mode = 0666};
	struct named named = {.instance = instance};
	struct region region;

	region_create(seat, &region, PAGE);
	named.iova = region.iova;
	ASSERT_OK(dmabuffs_accel_export_asid(seat->context, region.asid, &options,
					     &named.uuid));
	ASSERT_OK(child_call(who, fill_named, &named));
	ASSERT(is_filled(&region, 0, PAGE, 0x77));
	region_finish(&region);
}

/* ---- descriptors the service can take itself --------------------------------------- */

static int import_plainly(struct seat *seat)
{
	struct dmabuffs_accel_import arg = {.fd = raw_memfd(PAGE)};
	int r = dmabuffs_accel_call(seat->context, DMABUFFS_ACCEL_IOC_BUFFER_IMPORT,
				    &arg);

	close(arg.fd);
	return r;
}

static int bind_plainly(struct seat *seat)
{
	struct dmabuffs_accel_sva arg = {
		.mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC))),
		.maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC))),
	};
	int r = dmabuffs_accel_call(seat->context, DMABUFFS_ACCEL_IOC_ASID_SVA, &arg);

	close(arg.mem);
	close(arg.maps);
	return r;
}

static int use_by_itself(void *data)
{
	const struct instance *instance = data;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	ASSERT_OK(import_plainly(&seat));
	ASSERT_OK(bind_plainly(&seat));
	use_memory(&seat);
	use_own_memory(&seat);
	seat_close(&seat);
	return 0;
}

/* The library deposits descriptors that the service cannot take itself. */
static int use_by_tickets(void *data)
{
	const struct instance *instance = data;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	ASSERT_ERR(import_plainly(&seat), EREMOTE);
	ASSERT_ERR(bind_plainly(&seat), EREMOTE);
	use_memory(&seat);
	use_named(instance, &seat, NULL);
	seat_close(&seat);
	return 0;
}

static void finish(struct instance *instance)
{
	expect_unused(instance, SOFT0);
	instance_settle(instance);
	instance_stop(instance);
}

/* ---- rootless service -------------------------------------------------------------- */

/* Service and clients in the user namespace of one unprivileged user. */
static void in_user_namespace(void (*fn)(int peer, void *data))
{
	const struct identity who = {
		.uid = 1000, .gid = 1000, .namespaces = CLONE_NEWUSER | CLONE_NEWNS};
	struct child child;

	open_fuse_to_all();
	/* Must be writable for the daemon's log and mount points. */
	ASSERT_OK(SYS(chmod(test_work_dir, 0777)));
	child_start(&child, &who, fn, NULL);
	child_wait_ms(&child, 2 * WAIT_MS);
}

static void run_rootless(int peer, void *data)
{
	struct instance instance;
	struct seat seat;

	instance_start(&instance, NULL);
	use_by_itself(&instance);
	seat_open(&seat, &instance, SOFT0);
	use_named(&instance, &seat, NULL);
	seat_close(&seat);
	finish(&instance);
}

static void rootless(struct instance *instance)
{
	in_user_namespace(run_rootless);
}

/* A client in nested namespaces, like a container of the same user. */
static void run_container_below(int peer, void *data)
{
	const struct identity inside = {.namespaces = ALL_NAMESPACES, .own_proc = true};
	struct instance instance;

	instance_start(&instance, NULL);
	ASSERT_OK(child_call(&inside, use_by_itself, &instance));
	finish(&instance);
}

static void rootless_container(struct instance *instance)
{
	in_user_namespace(run_container_below);
}

/* Only root of the initial user namespace may access an undumpable process. */
static int use_undumpable(void *data)
{
	struct seat seat;

	ASSERT_OK(SYS(prctl(PR_SET_DUMPABLE, 0)));
	seat_open(&seat, data, SOFT0);
	ASSERT_ERR(import_plainly(&seat), EREMOTE);
	use_memory(&seat);
	use_named(data, &seat, NULL);
	seat_close(&seat);
	return 0;
}

static void run_with_undumpable(int peer, void *data)
{
	struct instance instance;

	instance_start(&instance, NULL);
	ASSERT_OK(child_call(NULL, use_undumpable, &instance));
	finish(&instance);
}

static void rootless_undumpable(struct instance *instance)
{
	in_user_namespace(run_with_undumpable);
}

/*
 * The service has another PID namespace, so it cannot use any procfs file of this
 * process.
 */
static void run_above(int peer, void *data)
{
	struct instance below;
	struct seat seat;
	uint32_t asid;

	instance_start_in_pid_namespace(&below, NULL);
	use_by_tickets(&below);
	seat_open(&seat, &below, SOFT0);
	ASSERT_ERR(dmabuffs_accel_bind_self(seat.library, seat.context, 0, 0, &asid),
		   EBADFD);
	seat_close(&seat);
	finish(&below);
}

static void rootless_below(struct instance *instance)
{
	in_user_namespace(run_above);
}

/* ---- root service without CAP_SYS_PTRACE ------------------------------------------- */

static int use_own_memory_by_tickets(void *data)
{
	struct seat seat;

	seat_open(&seat, data, SOFT0);
	ASSERT_ERR(bind_plainly(&seat), EREMOTE);
	use_own_memory(&seat);
	seat_close(&seat);
	return 0;
}

/* Only the mount is shared with the outside. */
static struct identity container(const struct instance *instance, uid_t uid)
{
	return (struct identity){.uid = uid,
				 .gid = uid,
				 .namespaces = ALL_NAMESPACES,
				 .sees = instance->dir,
				 .own_proc = true};
}

static void without_ptrace(struct instance *instance)
{
	struct identity inside;
	struct instance weak;

	/* Dropped for the programs executed from here on; this process keeps it. */
	ASSERT_OK(SYS(prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0)));
	instance_start(&weak, NULL);
	use_by_tickets(&weak);
	use_own_memory_by_tickets(&weak);
	ASSERT_OK(child_call(USER(1001), use_by_tickets, &weak));
	ASSERT_OK(child_call(USER(1001), use_own_memory_by_tickets, &weak));
	inside = container(&weak, 1001);
	ASSERT_OK(child_call(&inside, use_by_tickets, &weak));
	ASSERT_OK(child_call(&inside, use_own_memory_by_tickets, &weak));
	finish(&weak);
}

/* ---- containers -------------------------------------------------------------------- */

static int use_from_inside(void *data)
{
	ASSERT_EQ(getpid(), 1);
	ASSERT_EQ(access("/dev", F_OK), -1);
	return use_by_itself(data);
}

static void from_container(struct instance *instance)
{
	const struct identity inside = container(instance, 1001);
	struct seat seat;

	ASSERT_OK(child_call(&inside, use_from_inside, instance));
	seat_open(&seat, instance, SOFT0);
	use_named(instance, &seat, &inside);
	seat_close(&seat);
	expect_unused(instance, SOFT0);
	instance_settle(instance);
}

/* Without a visible procfs in its namespace, the service cannot verify the files. */
static int bind_hidden(void *data)
{
	struct dmabuffs_accel_sva arg = {0};
	int context = ASSERT_OK(open_context(data, SOFT0));

	arg.mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
	arg.maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));
	ASSERT_OK(SYS(umount2("/proc", MNT_DETACH)));
	return dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &arg);
}

static void hidden_procfs(struct instance *instance)
{
	const struct identity inside = container(instance, 1001);

	ASSERT_ERR(child_call(&inside, bind_hidden, instance), EBADFD);
	expect_unused(instance, SOFT0);
	instance_settle(instance);
}

/* ---- the joint job ----------------------------------------------------------------- */

static const char secret[] = "on the heap of another user";

struct place {
	uint64_t address;
	uint32_t asid;
};

/* B: binds itself in the received context and announces the secret's address. */
static void lend_memory(int peer, void *data)
{
	struct place place = {0};
	char *text = strdup(secret);
	struct seat seat;

	ASSERT(text);
	seat_take(&seat, data, peer_get_fd(peer));
	place.asid = bind_self(&seat, 0);
	place.address = (uintptr_t)text;
	peer_put(peer, &place, sizeof(place));
	peer_wait(peer);
	ASSERT(strcmp(text, "WRITTEN BY A") == 0);
	free(text);
	seat_close(&seat);
}

/* A: one command reads B's heap, another writes to it. */
static void work_on(struct seat *seat, const struct place *place)
{
	struct dmabuffs_accel_queue *queue = make_queue(seat);
	struct region region;

	region_create(seat, &region, PAGE);
	attach_region(seat, queue, &region);
	ASSERT_OK(attach(seat->context, dmabuffs_accel_queue_id(queue), place->asid));
	expect_done(queue, copy(region.asid, region.iova, place->asid, place->address,
				sizeof(secret)));
	ASSERT_EQ(memcmp(region.bytes, secret, sizeof(secret)), 0);
	strcpy((char *)region.bytes, "WRITTEN BY A");
	expect_done(queue, copy(place->asid, place->address, region.asid, region.iova,
				sizeof("WRITTEN BY A")));
	region_finish(&region);
	dmabuffs_accel_queue_close(queue);
}

struct party {
	struct instance *instance;
	struct child b;
};

static int act_as_a(void *data)
{
	struct party *party = data;
	struct place place;
	struct seat seat;

	seat_open(&seat, party->instance, SOFT0);
	peer_put_fd(party->b.peer, seat.context);
	peer_get(party->b.peer, &place, sizeof(place));
	work_on(&seat, &place);
	peer_signal(party->b.peer);
	seat_close(&seat);
	return 0;
}

static void joint_job(struct instance *instance, const struct identity *a,
		      const struct identity *b)
{
	struct party party = {.instance = instance};

	child_start(&party.b, b, lend_memory, instance);
	ASSERT_OK(child_call(a, act_as_a, &party));
	child_wait(&party.b);
	expect_unused(instance, SOFT0);
	instance_settle(instance);
}

static void joint_other_user(struct instance *instance)
{
	joint_job(instance, USER(1001), USER(1002));
}

/* The two containers cannot see, name or signal each other. */
static void joint_containers(struct instance *instance)
{
	const struct identity a = container(instance, 1001);
	const struct identity b = container(instance, 1002);

	joint_job(instance, &a, &b);
}

const struct test_case test_cases[] = {
	{"rootless", rootless, NULL, 0, CASE_NO_INSTANCE},
	{"rootless_container", rootless_container, NULL, 0, CASE_NO_INSTANCE},
	{"rootless_undumpable", rootless_undumpable, NULL, 0, CASE_NO_INSTANCE},
	{"rootless_below", rootless_below, NULL, 0, CASE_NO_INSTANCE},
	{"without_ptrace", without_ptrace, NULL, 0, CASE_NO_INSTANCE},
	{"from_container", from_container},
	{"hidden_procfs", hidden_procfs},
	{"joint_other_user", joint_other_user},
	{"joint_containers", joint_containers},
	{0},
};
