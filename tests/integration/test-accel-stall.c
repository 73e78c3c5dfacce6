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
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/resource.h>

#include "attacks/attacks.h"
#include "harness.h"
#include "latency.h"
#include "namespaces.h"
#include "neighbour.h"
#include "raw-accel.h"

static void check_time(uint64_t start, const char *what)
{
	uint64_t took = now_ms() - start;

	if (took > PROMPT_MS)
		test_fail(__FILE__, __LINE__, "%s took %d ms", what, (int)took);
}

/* ---- page faults that never return ------------------------------------------------- */

static void hang_beside(struct instance *instance, attack_fn *hang)
{
	struct raw_remains remains;
	struct accel_device_info info;
	struct neighbour neighbour;
	struct scene scene;
	struct child child;

	raw_remember(&remains, instance);
	scene_start(&scene, instance);
	neighbour_start(&neighbour, instance);
	child_start(&child, USER(1001), hang, &scene);
	peer_wait(child.peer);
	neighbour_expect(&neighbour, 20);
	ASSERT_OK(raw_device_info(instance, &info));
	ASSERT(info.queues - info.queues_free >= ATTACK_HUNG_QUEUES);
	peer_signal(child.peer);
	peer_wait(child.peer);
	neighbour_expect(&neighbour, 20);
	scene_expect_service(&scene);
	/* Kill the process; its memory is released with the last waiter. */
	ASSERT_OK(SYS(kill(child.pid, SIGKILL)));
	neighbour_expect(&neighbour, 20);
	neighbour_end(&neighbour);
	scene_kill_server(&scene);
	child_kill(&child, SIGKILL);
	ASSERT(wait_until(raw_is_as_before, &remains));
	scene_end(&scene);
}

static void read_never_comes(struct instance *instance)
{
	hang_beside(instance, attack_hang_reading);
}

static void write_never_comes(struct instance *instance)
{
	hang_beside(instance, attack_hang_writing);
}

static void context_of_the_dead(struct instance *instance)
{
	hang_beside(instance, attack_hang_and_keep);
}

/* ---- locks of a client's memory ---------------------------------------------------- */

static bool is_refused(void *data)
{
	return *(atomic_uint *)data > 0;
}

static void locked_memory(struct instance *instance)
{
	struct neighbour neighbour;
	struct child children[3];
	struct scene scene;

	scene_start(&scene, instance);
	neighbour_start(&neighbour, instance);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		child_start(&children[i], USER(1101 + (uid_t)i), attack_bind_locked,
			    &scene);
		peer_wait(children[i].peer);
	}
	/* All calls that the user may have in progress hang. */
	ASSERT(wait_until(is_refused, &scene.board->n_refused));
	neighbour_expect(&neighbour, 100);
	scene_expect_service(&scene);
	neighbour_end(&neighbour);
	scene_kill_server(&scene);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		child_kill(&children[i], SIGKILL);
	scene_end(&scene);
}

/* ---- termination with hanging engines ---------------------------------------------- */

#define END_MS 5000

static bool connection_is_gone(const int *opened)
{
	struct dmabuffs_info info;
	int result = raw_info(*opened, &info);

	return result == -ENOTCONN || result == -ECONNABORTED || result == -EIO;
}

/* Threads that are in the page fault end with it, the service before. */
static void end_service(struct instance *instance, bool by_signal)
{
	struct instance other;
	struct child child;
	struct scene scene;
	int opened, service;
	uint64_t start;

	instance_start(&other, NULL);
	scene_start(&scene, &other);
	opened = ASSERT_OK(raw_open(&other, scene.good.uuid, O_RDWR));
	child_start(&child, USER(1001), attack_hang_and_keep, &scene);
	peer_wait(child.peer);
	service = ASSERT_OK(SYS(pidfd_open(other.service, 0)));
	start = now_ms();
	if (by_signal)
		ASSERT_OK(SYS(kill(other.pid, SIGTERM)));
	else
		ASSERT_OK(SYS(umount2(other.dir, MNT_FORCE | MNT_DETACH)));
	instance_expect_exit(&other, 0);
	ASSERT(now_ms() - start < END_MS);
	ASSERT(!is_mounted(other.dir));
	ASSERT(connection_is_gone(&opened));
	ASSERT(!wait_ready(service, POLLIN, 0));
	/* Nothing of it stays once the page fault returns. */
	scene_kill_server(&scene);
	ASSERT(wait_ready(service, POLLIN, WAIT_MS));
	close(service);
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
	struct scene scene = {.instance = instance};
	struct accel_device_info info;
	struct child children[2];

	for (uid_t i = 0; i < 2; i++) {
		child_start(&children[i], USER(1001 + i), attack_take_queues, &scene);
		peer_wait(children[i].peer);
	}
	ASSERT_OK(raw_device_info(instance, &info));
	ASSERT_EQ(info.queues_free, 0);
	for (uid_t i = 0; i < 3; i++)
		ASSERT_OK(child_call(USER(1003 + i), use_few_queues, instance));
	for (int i = 0; i < 2; i++)
		child_kill(&children[i], SIGKILL);
}

#define PERSON_SUBUIDS 8
#define PERSON_QUEUES  8 /* of the device */

static void keep_queues(int peer, void *data)
{
	int context = ASSERT_OK(raw_context(data)), n = 0;
	long long result;

	while ((result = raw_accel_queue(context, 0, ACCEL_RING_MIN)) >= 0)
		n++;
	ASSERT_ERR(result, EBUSY);
	peer_put(peer, &n, sizeof(n));
	pause();
}

static void keep_queues_as_subuids(int peer, void *data)
{
	struct child child;
	int n, total = 0;

	ASSERT_OK(SYS(unshare(CLONE_NEWUSER)));
	peer_signal(peer);
	peer_wait(peer);
	for (uid_t uid = 1; uid <= PERSON_SUBUIDS; uid++) {
		child_start(&child, USER(uid), keep_queues, data);
		peer_get(child.peer, &n, sizeof(n));
		total += n;
	}
	peer_put(peer, &total, sizeof(total));
	pause();
}

/* The uids of one person have one share: no few queues each, and others have theirs. */
static void queues_of_one_person(struct instance *instance)
{
	struct child child;
	int n;

	child_start(&child, USER(1001), keep_queues_as_subuids, instance);
	peer_wait(child.peer);
	namespaces_map_subids(child.pid, 1001, PERSON_SUBUIDS);
	peer_signal(child.peer);
	peer_get(child.peer, &n, sizeof(n));
	ASSERT_EQ(n, PERSON_QUEUES);
	ASSERT_OK(child_call(USER(1002), use_few_queues, instance));
	child_kill(&child, SIGKILL);
}

static void queue_rounds(struct instance *instance)
{
	struct scene scene = {.instance = instance};
	struct child child;

	child_start(&child, USER(1001), attack_remake_queues, &scene);
	child_wait(&child);
}

/* ---- endless work ------------------------------------------------------------------ */

static void hog(struct instance *instance, attack_fn *work)
{
	struct scene scene = {.instance = instance};
	struct neighbour neighbour;
	struct child child;

	neighbour_start(&neighbour, instance);
	child_start(&child, USER(1001), work, &scene);
	peer_wait(child.peer);
	neighbour_expect(&neighbour, 20);
	neighbour_end(&neighbour);
	child_kill(&child, SIGKILL);
}

static void endless_copies(struct instance *instance)
{
	hog(instance, attack_endless_copies);
}

static void endless_products(struct instance *instance)
{
	hog(instance, attack_endless_products);
}

static void endless_events(struct instance *instance)
{
	hog(instance, attack_endless_events);
}

static void faults(struct instance *instance)
{
	hog(instance, attack_fault);
}

static void abandoned_fences(struct instance *instance)
{
	hog(instance, attack_abandon_fences);
}

/* ---- what an open costs beside busy queues ----------------------------------------- */

#define OPENS       4000
#define PIECE_BYTES (256 << 10)
#define THREAD_NICE 5 /* as the engines of the device */

/* Copies as an engine shall: it leaves the CPU after each piece. */
static void *copy_and_yield(void *unused)
{
	char *from = calloc(1, PIECE_BYTES), *to = calloc(1, PIECE_BYTES);

	ASSERT(from && to);
	ASSERT_OK(SYS(setpriority(PRIO_PROCESS, 0, THREAD_NICE)));
	for (;;) {
		memcpy(to, from, PIECE_BYTES);
		/* Otherwise the compiler may drop it. */
		__asm__ volatile("" : : "r"(to) : "memory");
		sched_yield();
	}
	return NULL;
}

/* What attack_endless_copies costs the machine, but none of it is in the service. */
static void copy_without_queues(int peer, void *unused)
{
	pthread_t thread;

	for (size_t i = 0; i < ATTACK_USER_QUEUES; i++)
		ASSERT_EQ(pthread_create(&thread, NULL, copy_and_yield, NULL), 0);
	peer_signal(peer);
	for (;;)
		sched_yield();
}

struct opens {
	const char *path;
	struct latency_figures *figures; /* shared */
};

static int measure_opens(void *data)
{
	struct opens *opens = data;
	struct latency times = {.n = 0};

	for (size_t i = 0; i < OPENS; i++)
		close(ASSERT_OK(
			TIMED(&times, SYS(open(opens->path, O_RDWR | O_CLOEXEC)))));
	*opens->figures = latency_figures(&times);
	return 0;
}

static struct latency_figures opens_beside_copies(struct instance *instance, bool queues)
{
	struct scene scene = {.instance = instance};
	struct latency_figures figures;
	struct shared shared;
	struct opens opens;
	struct child child;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	opens.path = shared.path;
	opens.figures = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(opens.figures != MAP_FAILED);
	child_start(&child, USER(1001),
		    queues ? attack_endless_copies : copy_without_queues, &scene);
	peer_wait(child.peer);
	ASSERT_OK(child_call(USER(1002), measure_opens, &opens));
	child_kill(&child, SIGKILL);
	figures = *opens.figures;
	munmap(opens.figures, PAGE);
	unshare_buffer(&shared);
	return figures;
}

/*
 * Engines and the service's threads share the CPUs. Others that copy take their part of
 * them without any service, so they are what the queues are compared with. Engines that
 * keep a processor make the ratio 40 and more.
 */
static void opens_beside_queues(struct instance *instance)
{
	static const struct latency_comparison comparison = {
		.measure = opens_beside_copies,
		.without = "beside threads that copy",
		.rounds = 5,
		.max_ratio = 8,
		.longest_ms = PROMPT_MS,
		.tries = 3,
	};

	latency_compare(instance, &comparison);
}

/* ---- endless calls ----------------------------------------------------------------- */

static void endless_calls(struct instance *instance)
{
	struct scene scene = {.instance = instance};
	struct neighbour neighbour;
	struct child child;

	neighbour_start(&neighbour, instance);
	child_start(&child, USER(1001), attack_endless_calls, &scene);
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
	{"queues_of_one_person", queues_of_one_person, "accel=soft0:queues=8", 60},
	{"queue_rounds", queue_rounds, NULL, 60},
	{"opens_beside_queues", opens_beside_queues, NULL, 300},
	{"endless_copies", endless_copies, NULL, 60},
	{"endless_products", endless_products, NULL, 60},
	{"endless_events", endless_events, NULL, 60},
	{"endless_calls", endless_calls, NULL, 60},
	{"faults", faults, NULL, 60},
	{"abandoned_fences", abandoned_fences, NULL, 60},
	{0},
};
