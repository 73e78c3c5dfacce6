/* SPDX-License-Identifier: MIT */
/*
 * test-accel-stall.c - one client cannot stall or starve another
 *
 *
 * A client's own queues may hang indefinitely: in a page fault that is never resolved, or
 * at a fence that is never raised. Other clients must still open, query and compute
 * within the usual time.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "child.h"
#include "harness.h"
#include "latency.h"
#include "hostile.h"
#include "neighbour.h"
#include "raw-accel.h"

#define QUEUES 8 /* per attacker */

/* ---- page faults that never return ------------------------------------------------- */

struct attack {
	struct scene scene;
	const struct instance *instance;
	bool write;           /* write to the hostile page, or read it */
	bool close;           /* close the context once it hangs */
	atomic_uint *refused; /* shared: number of refused binds */
};

/* Starts a queue whose command hangs in the page fault. */
static void hang_queue(int context, uint32_t asid, void *page, bool write)
{
	uint32_t queue = (uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	static uint8_t memory[PAGE];
	struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.dst_asid = asid,
		.src_asid = asid,
		.dst = (uintptr_t)memory,
		.src = (uintptr_t)page,
		.length = PAGE,
	};
	const struct accel_command before[] = {{.op = ACCEL_OP_NOP}};

	if (write) {
		command.src = (uintptr_t)memory;
		command.dst = (uintptr_t)page;
	}
	ASSERT_OK(raw_accel_attach(context, queue, asid));
	ASSERT_EQ(raw_accel_submit(context, queue, before, 1), 0);
	ASSERT_EQ(raw_accel_submit(context, queue, &command, 1), 1);
	ASSERT_OK(raw_queue_wait(context, queue, 1));
}

static uint32_t bind_self(int context)
{
	int mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
	int maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_sva(context, mem, maps));

	close(mem);
	close(maps);
	return asid;
}

static void check_time(uint64_t start, const char *what)
{
	uint64_t took = now_ms() - start;

	if (took > PROMPT_MS)
		test_fail(__FILE__, __LINE__, "%s took %d ms", what, (int)took);
}

static void hang(int peer, void *data)
{
	const struct attack *attack = data;
	int context = ASSERT_OK(raw_context(attack->instance));
	uint32_t asid = bind_self(context);
	void *page = scene_hostile_page(&attack->scene);
	uint64_t start;

	for (int i = 0; i < QUEUES; i++)
		hang_queue(context, asid, page, attack->write);
	peer_signal(peer);
	peer_wait(peer);
	start = now_ms();
	if (attack->close)
		close(context);
	check_time(start, "close(2) of a context that hangs");
	peer_signal(peer);
	pause();
}

static void hang_beside(struct instance *instance, struct attack *attack)
{
	struct raw_remains remains;
	struct accel_device_info info;
	struct neighbour neighbour;
	struct child child;

	attack->instance = instance;
	raw_remember(&remains, instance);
	scene_start(&attack->scene, instance);
	neighbour_start(&neighbour, instance);
	child_start(&child, USER(1001), hang, attack);
	peer_wait(child.peer);
	neighbour_expect(&neighbour, 20);
	ASSERT_OK(raw_device_info(instance, &info));
	ASSERT(info.queues - info.queues_free >= QUEUES);
	peer_signal(child.peer);
	peer_wait(child.peer);
	neighbour_expect(&neighbour, 20);
	scene_expect_service(&attack->scene);
	/* Kill the process; its memory is released with the last waiter. */
	ASSERT_OK(SYS(kill(child.pid, SIGKILL)));
	neighbour_expect(&neighbour, 20);
	neighbour_end(&neighbour);
	scene_kill_server(&attack->scene);
	child_kill(&child, SIGKILL);
	ASSERT(wait_until(raw_is_as_before, &remains));
	scene_end(&attack->scene);
}

static void read_never_comes(struct instance *instance)
{
	hang_beside(instance, &(struct attack){.close = true});
}

static void write_never_comes(struct instance *instance)
{
	hang_beside(instance, &(struct attack){.write = true, .close = true});
}

static void context_of_the_dead(struct instance *instance)
{
	hang_beside(instance, &(struct attack){.close = false});
}

/* ---- locks of a client's memory ---------------------------------------------------- */

#define BINDERS 40 /* above the limit of concurrent calls per user */

struct binder {
	pthread_t thread;
	int gate, mem, maps, context; /* context 0: call mmap(2) instead */
	atomic_uint *refused;
};

static void bind_until_it_hangs(struct binder *binder)
{
	long long asid;

	while ((asid = raw_accel_sva(binder->context, binder->mem, binder->maps)) >= 0)
		raw_accel_object(binder->context, DMABUFFS_ACCEL_IOC_ASID_DESTROY,
				 (uint32_t)asid);
	if (asid == -EBUSY)
		++*binder->refused;
}

/* Everything is opened beforehand: the process may block at any later point. */
static void *pass_gate(void *data)
{
	struct binder *binder = data;
	char byte;

	if (read(binder->gate, &byte, 1) != 1)
		return NULL;
	if (binder->context)
		bind_until_it_hangs(binder);
	else
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return NULL;
}

/*
 * The engine holds mmap_lock while it waits, a thread waits to take it for writing, and
 * from then on every other access, including each further bind, waits as well.
 */
static void lock_own_memory(int peer, void *data)
{
	const struct attack *attack = data;
	int context = ASSERT_OK(raw_context(attack->instance)), gate[2];
	void *page = scene_hostile_page(&attack->scene);
	static struct binder binders[BINDERS];
	uint32_t asid = bind_self(context);

	ASSERT_OK(SYS(pipe2(gate, O_CLOEXEC)));
	for (size_t i = 0; i < BINDERS; i++) {
		binders[i].gate = gate[0];
		binders[i].refused = attack->refused;
		binders[i].mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
		binders[i].maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
		binders[i].context = i ? context : 0;
		ASSERT_EQ(
			pthread_create(&binders[i].thread, NULL, pass_gate, &binders[i]),
			0);
	}
	hang_queue(context, asid, page, false);
	for (size_t i = 0; i < BINDERS; i++)
		ASSERT_EQ(write(gate[1], "", 1), 1);
	peer_signal(peer);
	pause();
}

static bool is_refused(void *data)
{
	return *(atomic_uint *)data > 0;
}

static void locked_memory(struct instance *instance)
{
	struct attack attack = {.instance = instance};
	struct neighbour neighbour;
	struct child children[3];

	attack.refused = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(attack.refused != MAP_FAILED);
	scene_start(&attack.scene, instance);
	neighbour_start(&neighbour, instance);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(1101 + (uid_t)i), lock_own_memory,
			    &attack);
		peer_wait(children[i].peer);
	}
	/* All calls that the user may have in progress hang. */
	ASSERT(wait_until(is_refused, attack.refused));
	neighbour_expect(&neighbour, 100);
	scene_expect_service(&attack.scene);
	neighbour_end(&neighbour);
	scene_kill_server(&attack.scene);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	scene_end(&attack.scene);
}

/* ---- termination with hanging engines ---------------------------------------------- */

static bool connection_is_gone(void *data)
{
	struct dmabuffs_info info;
	int result = raw_info(*(int *)data, &info);

	return result == -ENOTCONN || result == -ECONNABORTED || result == -EIO;
}

static bool is_not_mounted(void *data)
{
	return !is_mounted(data);
}

static void end_service(struct instance *instance, bool by_signal)
{
	struct attack attack = {0};
	struct instance other;
	struct child child;
	int opened;

	instance_start(&other, NULL);
	attack.instance = &other;
	scene_start(&attack.scene, &other);
	opened = ASSERT_OK(raw_open(&other, attack.scene.good.uuid, O_RDWR));
	child_start(&child, USER(1001), hang, &attack);
	peer_wait(child.peer);
	if (by_signal) {
		ASSERT_OK(SYS(kill(other.pid, SIGTERM)));
		ASSERT(wait_until(connection_is_gone, &opened));
		ASSERT(wait_until(is_not_mounted, other.dir));
	} else {
		ASSERT_OK(SYS(umount2(other.dir, MNT_FORCE | MNT_DETACH)));
		ASSERT(wait_until(connection_is_gone, &opened));
	}
	/* The service cannot exit while a thread is in the page fault. */
	scene_kill_server(&attack.scene);
	instance_expect_exit(&other, 0);
	child_kill(&child, SIGKILL);
}

static void terminated_while_hanging(struct instance *instance)
{
	end_service(instance, true);
}

static void unmounted_while_hanging(struct instance *instance)
{
	end_service(instance, false);
}

/* Running commands and fence waits do not delay termination. */
static void terminated_while_busy(struct instance *instance)
{
	struct instance other;
	struct job job;
	uint64_t start;

	instance_start(&other, "accel=soft0:latency=100000000");
	{
		int context = ASSERT_OK(raw_context(&other));
		const struct accel_command commands[] = {
			{.op = ACCEL_OP_WAIT,
			 .src2_asid = (uint32_t)ASSERT_OK(raw_accel_fence(context)),
			 .value = 1},
		};
		uint32_t queue =
			(uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));

		ASSERT_OK(raw_accel_submit(context, queue, commands, 1));
	}
	job_start(&job, &other);
	for (uint32_t i = 0; i < JOB_ENTRIES; i++)
		raw_ring_submit(&job.ring,
				&(const struct accel_command){.op = ACCEL_OP_NOP}, 1);
	start = now_ms();
	ASSERT_OK(SYS(kill(other.pid, SIGTERM)));
	instance_expect_exit(&other, 0);
	check_time(start, "stopping a busy service");
}

/* ---- exhausting every limit -------------------------------------------------------- */

#define LIMITED                                                                          \
	"accel=soft0:queues=64:asid-bits=12:memory=256M,max-contexts-per-uid=40,"        \
	"max-queues-per-uid=32,max-asids-per-uid=200,max-buffers-per-uid=60,"            \
	"max-mappings-per-uid=500,max-pinned-per-uid=1M"

/* Creates objects until refused; returns the error. */
static int take_all(int context, long long (*take)(int context))
{
	long long result = 0;

	for (int i = 0; i < 100000 && result >= 0; i++)
		result = take(context);
	return (int)result;
}

static long long take_asid(int context)
{
	return raw_accel_asid(context, 0);
}

static long long take_set(int context)
{
	return raw_accel_set(context, UINT32_MAX);
}

static long long take_buffer(int context)
{
	return raw_accel_alloc(context, PAGE);
}

/* The queue waits indefinitely for a fence. */
static long long take_queue(int context)
{
	long long queue = raw_accel_queue(context, 0, ACCEL_RING_MAX);
	struct accel_command wait = {.op = ACCEL_OP_WAIT, .value = 1};
	static uint32_t fence;

	if (queue < 0)
		return queue;
	if (!fence)
		fence = (uint32_t)ASSERT_OK(raw_accel_fence(context));
	wait.src2_asid = fence;
	ASSERT_OK(raw_accel_submit(context, (uint32_t)queue, &wait, 1));
	return queue;
}

static uint32_t mapping_asid, mapping_buffer;

static long long take_mapping(int context)
{
	struct accel_asid_map arg = {.flags = ACCEL_MAP_READ,
				     .asid = mapping_asid,
				     .buffer = mapping_buffer,
				     .length = PAGE};

	return raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_MAP, &arg);
}

static long long take_pinned(int context)
{
	int fd = raw_memfd(64 << 10);
	long long result;

	ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)));
	result = raw_accel_import(context, fd);
	close(fd);
	return result;
}

static void take_everything(int peer, void *data)
{
	int contexts[100], n = 0, result;

	while ((result = contexts[n] = raw_context(data)) >= 0)
		ASSERT(++n < 100);
	ASSERT_ERR(result, EDQUOT);
	mapping_asid = (uint32_t)ASSERT_OK(raw_accel_asid(contexts[0], 0));
	mapping_buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(contexts[0], PAGE));
	ASSERT_ERR(take_all(contexts[0], take_pinned), EDQUOT);
	ASSERT_ERR(take_all(contexts[0], take_queue), EDQUOT);
	ASSERT_ERR(take_all(contexts[0], take_mapping), EDQUOT);
	ASSERT_ERR(take_all(contexts[1], take_asid), EDQUOT);
	ASSERT_ERR(take_all(contexts[1], take_set), EDQUOT);
	ASSERT_ERR(take_all(contexts[2], raw_accel_fence), EDQUOT);
	ASSERT_ERR(take_all(contexts[3], take_buffer), EDQUOT);
	peer_signal(peer);
	pause();
}

static void everything_taken(struct instance *instance)
{
	struct raw_remains remains;
	struct neighbour neighbour;
	struct child child;

	raw_remember(&remains, instance);
	for (int i = 0; i < 3; i++) {
		child_start(&child, USER(1001), take_everything, instance);
		peer_wait(child.peer);
		neighbour_start(&neighbour, instance);
		neighbour_end(&neighbour);
		child_kill(&child, SIGKILL);
		/* Repeat: all resources were released. */
		ASSERT(wait_until(raw_is_as_before, &remains));
	}
}

/* ---- all queues of a device -------------------------------------------------------- */

#define ROUNDS      20
#define USER_QUEUES 32 /* the limit of a user */

static void take_queues(int peer, void *data)
{
	int context = ASSERT_OK(raw_context(data));

	for (int i = 0; i < USER_QUEUES; i++)
		ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	ASSERT_ERR(raw_accel_queue(context, 0, ACCEL_RING_MIN), EDQUOT);
	peer_signal(peer);
	pause();
}

static int use_few_queues(void *data)
{
	const struct accel_command nop = {.op = ACCEL_OP_NOP};
	int context = ASSERT_OK(raw_context(data));

	for (int i = 0; i < ACCEL_FEW_QUEUES; i++) {
		uint32_t queue =
			(uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));

		ASSERT_OK(raw_accel_submit(context, queue, &nop, 1));
		ASSERT_OK(raw_queue_wait(context, queue, 1));
	}
	ASSERT_ERR(raw_accel_queue(context, 0, ACCEL_RING_MIN), EBUSY);
	return 0;
}

/* Two users have all 64 queues, and keep them. */
static void queues_of_two_users(struct instance *instance)
{
	struct accel_device_info info;
	struct child children[2];

	for (uid_t i = 0; i < 2; i++) {
		child_start(&children[i], USER(1001 + i), take_queues, instance);
		peer_wait(children[i].peer);
	}
	ASSERT_OK(raw_device_info(instance, &info));
	ASSERT_EQ(info.queues_free, 0);
	for (uid_t i = 0; i < 3; i++)
		ASSERT_OK(child_call(USER(1003 + i), use_few_queues, instance));
	for (int i = 0; i < 2; i++)
		child_kill(&children[i], SIGKILL);
}

/* Engines stop later than their queues are destroyed, which is not the user's fault. */
static int make_queues_again_and_again(void *data)
{
	uint32_t asid, buffer, queues[USER_QUEUES];
	struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.dst = JOB_IOVA + (8 << 20),
		.src = JOB_IOVA,
		.length = 8 << 20,
	};

	for (int round = 0; round < ROUNDS; round++) {
		int context = ASSERT_OK(raw_context(data));

		asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0));
		buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, 16 << 20));
		ASSERT_OK(raw_accel_map(context, asid, buffer, 16 << 20, JOB_IOVA));
		command.dst_asid = command.src_asid = asid;
		for (int i = 0; i < USER_QUEUES; i++) {
			queues[i] = (uint32_t)ASSERT_OK(
				raw_accel_queue(context, 0, ACCEL_RING_MIN));
			ASSERT_OK(raw_accel_attach(context, queues[i], asid));
			ASSERT_OK(raw_accel_submit(context, queues[i], &command, 1));
		}
		for (int i = 0; round % 2 && i < USER_QUEUES; i++)
			ASSERT_OK(raw_accel_object(
				context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY, queues[i]));
		close(context);
	}
	return 0;
}

static void queue_rounds(struct instance *instance)
{
	ASSERT_OK(child_call(USER(1001), make_queues_again_and_again, instance));
}

/* ---- endless work ------------------------------------------------------------------ */

#define HOG_BYTES (16UL << 20)

struct hog {
	const struct instance *instance;
	struct accel_command command;
};

/* As many queues as possible, each with one long command after the other. */
static void work_for_ever(int peer, void *data)
{
	struct hog *hog = data;
	int context = ASSERT_OK(raw_context(hog->instance));
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(context, 0)), buffer, queue;
	struct raw_ring rings[32];

	buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(context, 2 * HOG_BYTES));
	ASSERT_OK(raw_accel_map(context, asid, buffer, 2 * HOG_BYTES, JOB_IOVA));
	hog->command.dst_asid = hog->command.src_asid = asid;
	if (hog->command.op == ACCEL_OP_MATMUL)
		hog->command.src2_asid = asid;
	if (hog->command.op == ACCEL_OP_NOP)
		hog->command.dst_asid = hog->command.src_asid = 0;
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
		raw_ring_start(&rings[i], hog->instance, context, 256);
		queue = rings[i].queue;
		ASSERT_OK(raw_accel_attach(context, queue, asid));
		for (int n = 0; n < 256; n++)
			raw_ring_submit(&rings[i], &hog->command, 1);
	}
	peer_signal(peer);
	for (;;) {
		for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
			struct accel_ring *header = rings[i].header;

			ASSERT_EQ(header->state, ACCEL_QUEUE_RUNNING);
			while (rings[i].tail - *(volatile __u64 *)&header->head < 256)
				raw_ring_submit(&rings[i], &hog->command, 1);
		}
		sched_yield();
	}
}

static void hog(struct instance *instance, const struct accel_command *command)
{
	struct hog hog = {instance, *command};
	struct neighbour neighbour;
	struct child child;

	neighbour_start(&neighbour, instance);
	child_start(&child, USER(1001), work_for_ever, &hog);
	peer_wait(child.peer);
	neighbour_expect(&neighbour, 20);
	neighbour_end(&neighbour);
	child_kill(&child, SIGKILL);
}

static void endless_copies(struct instance *instance)
{
	hog(instance, &(struct accel_command){.op = ACCEL_OP_COPY,
					      .dst = JOB_IOVA + HOG_BYTES,
					      .src = JOB_IOVA,
					      .length = HOG_BYTES});
}

static void endless_products(struct instance *instance)
{
	hog(instance, &(struct accel_command){.op = ACCEL_OP_MATMUL,
					      .dst = JOB_IOVA,
					      .src = JOB_IOVA + (4 << 20),
					      .src2 = JOB_IOVA + (8 << 20),
					      .rows = 512,
					      .columns = 512,
					      .inner = 512});
}

/* Unread events of commands that do nothing. */
static void endless_events(struct instance *instance)
{
	hog(instance,
	    &(struct accel_command){.op = ACCEL_OP_NOP, .flags = ACCEL_COMMAND_NOTIFY});
}

/* ---- what an open costs beside busy queues ------------------------------------------
 */

#define OPENS     LATENCY_MAX
#define MAX_RATIO 5

struct opens {
	const struct instance *instance;
	const char *path;
	uint64_t *p99_ns; /* shared */
};

static int measure_opens(void *data)
{
	struct opens *opens = data;
	struct latency times = {.n = 0};

	for (size_t i = 0; i < OPENS; i++)
		close(ASSERT_OK(
			TIMED(&times, SYS(open(opens->path, O_RDWR | O_CLOEXEC)))));
	*opens->p99_ns = latency_p99(&times);
	return 0;
}

static uint64_t opens_p99(struct opens *opens)
{
	ASSERT_OK(child_call(USER(1002), measure_opens, opens));
	return *opens->p99_ns;
}

static uint64_t opens_beside_copies(struct opens *opens)
{
	struct hog copies = {opens->instance,
			     {.op = ACCEL_OP_COPY,
			      .dst = JOB_IOVA + HOG_BYTES,
			      .src = JOB_IOVA,
			      .length = HOG_BYTES}};
	struct child child;
	uint64_t p99;

	child_start(&child, USER(1001), work_for_ever, &copies);
	peer_wait(child.peer);
	p99 = opens_p99(opens);
	child_kill(&child, SIGKILL);
	return p99;
}

/*
 * Engines and the service's threads share the CPUs. Other load on the machine disturbs
 * single rounds, so the best ones count.
 */
static void opens_beside_queues(struct instance *instance)
{
	struct opens opens = {.instance = instance};
	uint64_t without = UINT64_MAX, beside = UINT64_MAX;
	struct shared shared;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	opens.path = shared.path;
	opens.p99_ns = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(opens.p99_ns != MAP_FAILED);
	for (int i = 0; i < 5 && (!i || beside > MAX_RATIO * without); i++) {
		without = MIN(without, opens_p99(&opens));
		beside = MIN(beside, opens_beside_copies(&opens));
	}
	printf("# p99 of open(2): %.0f us, beside 32 busy queues %.0f us\n",
	       (double)without / 1e3, (double)beside / 1e3);
	ASSERT(beside <= MAX_RATIO * without);
	unshare_buffer(&shared);
}

/* ---- endless calls ----------------------------------------------------------------- */

struct callers {
	const struct instance *instance;
	int context;
	uint32_t asid, buffer, queue;
	atomic_bool stop;
};

static void *call_for_ever(void *data)
{
	struct callers *callers = data;
	struct accel_asid_unmap unmap = {.asid = callers->asid, .length = UINT64_MAX};
	struct pollfd poll_context = {.fd = callers->context, .events = POLLIN};
	struct accel_event events[4];

	while (!callers->stop) {
		struct accel_asid_map map = {.flags = ACCEL_MAP_READ,
					     .asid = callers->asid,
					     .buffer = callers->buffer,
					     .length = PAGE};

		ASSERT_OK(raw_accel(callers->context, DMABUFFS_ACCEL_IOC_ASID_MAP, &map));
		unmap.length = UINT64_MAX;
		ASSERT_OK(raw_accel(callers->context, DMABUFFS_ACCEL_IOC_ASID_UNMAP,
				    &unmap));
		raw_accel_object(callers->context, DMABUFFS_ACCEL_IOC_QUEUE_RESET,
				 callers->queue);
		poll(&poll_context, 1, 0);
		if (read(callers->context, events, sizeof(events)) < 0)
			ASSERT_EQ(errno, EAGAIN);
	}
	return NULL;
}

/* Two threads per core call continuously, beside the attacker's own engine. */
static void call_all_the_time(int peer, void *data)
{
	struct callers callers = {.instance = data};
	pthread_t threads[8];

	callers.context = ASSERT_OK(raw_context(data));
	callers.asid = (uint32_t)ASSERT_OK(raw_accel_asid(callers.context, 0));
	callers.buffer = (uint32_t)ASSERT_OK(raw_accel_alloc(callers.context, PAGE));
	callers.queue =
		(uint32_t)ASSERT_OK(raw_accel_queue(callers.context, 0, ACCEL_RING_MIN));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, call_for_ever, &callers), 0);
	peer_signal(peer);
	peer_wait(peer);
	callers.stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}

static void endless_calls(struct instance *instance)
{
	struct neighbour neighbour;
	struct child child;

	neighbour_start(&neighbour, instance);
	child_start(&child, USER(1001), call_all_the_time, instance);
	peer_wait(child.peer);
	neighbour_expect(&neighbour, 50);
	peer_signal(child.peer);
	child_wait(&child);
	neighbour_end(&neighbour);
}

const struct test_case test_cases[] = {
	{"read_never_comes", read_never_comes},
	{"write_never_comes", write_never_comes},
	{"context_of_the_dead", context_of_the_dead},
	{"locked_memory", locked_memory, NULL, 60},
	{"terminated_while_hanging", terminated_while_hanging, NULL, 60,
	 CASE_NO_INSTANCE},
	{"unmounted_while_hanging", unmounted_while_hanging, NULL, 60, CASE_NO_INSTANCE},
	{"terminated_while_busy", terminated_while_busy, NULL, 60, CASE_NO_INSTANCE},
	{"everything_taken", everything_taken, LIMITED, 120},
	{"queues_of_two_users", queues_of_two_users, NULL, 60},
	{"queue_rounds", queue_rounds, NULL, 60},
	{"opens_beside_queues", opens_beside_queues, NULL, 60},
	{"endless_copies", endless_copies, NULL, 60},
	{"endless_products", endless_products, NULL, 60},
	{"endless_events", endless_events, NULL, 60},
	{"endless_calls", endless_calls, NULL, 60},
	{0},
};
