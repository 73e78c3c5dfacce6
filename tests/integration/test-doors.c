/* SPDX-License-Identifier: MIT */
/*
 * test-doors.c - attacks on the lock of a directory, and what others wait meanwhile
 *
 * Each attack is measured beside the same load without it: the attacker's processes send
 * as many requests, but ones that do no harm.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "attacks/attacks.h"
#include "harness.h"
#include "latency.h"
#include "raw.h"

#define ATTACKER  1001
#define INNOCENT  1003
#define ROUNDS    5   /* pairs of runs with and without the attack; odd */
#define LOOPS     150 /* of the innocent user in a run */
#define CALLS     5   /* measured in each */
#define MAX_RATIO 3
#define TRIES     3 /* of all rounds: a processor can be busy in one of them */

struct attack {
	attack_fn *holder; /* takes the lock and keeps it; NULL: nobody */
	attack_fn *queuer; /* waits for the lock as a writer, again and again */
	/* The same load without harm; NULL: a holder that sleeps, harmless() */
	attack_fn *holder_twin, *queuer_twin;
	uint64_t allowed_ns; /* a p99 that is accepted whatever it is without */
};

/* ---- the innocent user ------------------------------------------------------------- */

static void work_once(const struct instance *instance, int control, int memfd,
		      struct latency *times)
{
	static const uint8_t absent[16] = {1};
	uint8_t uuid[16];

	ASSERT_OK(TIMED(times, raw_export_fd(control, memfd, 0, 0, uuid)));
	close(ASSERT_OK(TIMED(times, raw_open(instance, uuid, O_RDWR))));
	ASSERT_ERR(TIMED(times, raw_exists(instance, absent)), ENOENT);
	ASSERT_OK(TIMED(times, raw_remove(instance, control, uuid)));
	ASSERT_ERR(TIMED(times, raw_open(instance, uuid, O_RDWR)), ENOENT);
}

/* Sends the 99th percentile of its calls. */
static void work(int peer, void *data)
{
	const struct scene *scene = data;
	int control = ASSERT_OK(raw_root(scene->instance)), memfd = raw_memfd(PAGE);
	struct latency times = {.n = 0};
	uint64_t p99;

	for (int i = 0; i < LOOPS; i++)
		work_once(scene->instance, control, memfd, &times);
	p99 = latency_p99(&times);
	peer_put(peer, &p99, sizeof(p99));
}

/* ---- runs -------------------------------------------------------------------------- */

static void start_attacker(struct child *child, attack_fn *run, struct scene *scene)
{
	child->pid = 0;
	if (!run)
		return;
	child_start(child, USER(ATTACKER), run, scene);
	peer_wait(child->peer);
}

/* It exits once it can close its file on the hostile server: see expect_no_harm(). */
static void stop_attacker(const struct child *child)
{
	if (child->pid)
		ASSERT_OK(SYS(kill(child->pid, SIGKILL)));
}

static void reap_attackers(struct child *attackers, int n)
{
	for (int i = 0; i < n; i++)
		if (attackers[i].pid)
			child_kill(&attackers[i], SIGKILL);
}

/* The 99th percentile of the innocent user's calls beside the attack. */
static uint64_t measure(struct scene *scene, const struct attack *attack,
			struct child attackers[2])
{
	struct child innocent;
	uint64_t p99;

	start_attacker(&attackers[0], attack->holder, scene);
	start_attacker(&attackers[1], attack->queuer, scene);
	child_start(&innocent, USER(INNOCENT), work, scene);
	if (!wait_ready(innocent.peer, POLLIN, WAIT_MS)) {
		scene_kill_server(scene);
		test_fail(__FILE__, __LINE__, "an attacker stalls others");
	}
	peer_get(innocent.peer, &p99, sizeof(p99));
	child_wait(&innocent);
	stop_attacker(&attackers[0]);
	stop_attacker(&attackers[1]);
	return p99;
}

/* Sends requests that harm nobody, as fast as an attacker. */
static void harmless(int peer, void *data)
{
	const struct scene *scene = data;
	uint8_t uuid[16] = {2};

	peer_signal(peer);
	for (;;)
		ASSERT_ERR(raw_exists(scene->instance, uuid), ENOENT);
}

static bool does_no_harm(struct instance *instance, const struct attack *attack)
{
	const struct attack none = {.holder = attack->holder_twin,
				    .queuer = attack->queuer_twin ?: harmless};
	struct child attackers[4 * ROUNDS];
	uint64_t with[ROUNDS], without[ROUNDS], beside, alone;
	struct scene scene;

	scene_start(&scene, instance);
	for (int i = 0; i < ROUNDS; i++) {
		without[i] = measure(&scene, &none, &attackers[4 * i]);
		with[i] = measure(&scene, attack, &attackers[4 * i + 2]);
	}
	scene_end(&scene);
	reap_attackers(attackers, 4 * ROUNDS);
	ASSERT_OK(SYS(rmdir(scene.dir)));
	beside = latency_median(with, ROUNDS);
	alone = latency_median(without, ROUNDS);
	test_note("p99 %llu us beside the attack, %llu us without",
		  (unsigned long long)beside / 1000, (unsigned long long)alone / 1000);
	return beside <= MAX_RATIO * alone || beside <= attack->allowed_ns;
}

static void expect_no_harm(struct instance *instance, const struct attack *attack)
{
	int tries = 1;

	while (!does_no_harm(instance, attack))
		if (tries++ == TRIES)
			test_fail(__FILE__, __LINE__, "others wait for the attacker");
}

/* ---- attacks ----------------------------------------------------------------------- */

/* By default a stranger cannot read the directory, watch it, or list it. */
static int closed_to_strangers(void *data)
{
	const struct instance *instance = data;
	int watch = ASSERT_OK(SYS(inotify_init1(IN_CLOEXEC)));

	ASSERT_ERR(raw_directory(instance, O_RDONLY), EACCES);
	ASSERT_ERR(SYS(inotify_add_watch(watch, instance->dir, IN_CREATE)), EACCES);
	close(watch);
	return 0;
}

static void closed(struct instance *instance)
{
	ASSERT_OK(child_call(USER(ATTACKER), closed_to_strangers, instance));
}

static void creating(struct instance *instance)
{
	expect_no_harm(instance, &(const struct attack){.queuer = attack_create_in_root});
}

static void unlinking(struct instance *instance)
{
	expect_no_harm(instance, &(const struct attack){.queuer = attack_unlink_absent});
}

static void read_closed_root(int peer, void *data)
{
	const struct scene *scene = data;

	peer_signal(peer);
	for (;;)
		ASSERT_ERR(raw_directory(scene->instance, O_RDONLY), EACCES);
}

/* By default there is nothing to read. */
static void reading(struct instance *instance)
{
	expect_no_harm(instance, &(const struct attack){read_closed_root,
							attack_create_in_root, harmless});
}

/*
 * Of a root that strangers may read, which is not the default. The kernel holds the
 * lock for the round trip of each READDIR, and the reader keeps both CPUs busy: look-ups
 * wait for some slices of the scheduler. A lock that is kept shows as a wait without end.
 */
static void reading_permitted(struct instance *instance)
{
	expect_no_harm(instance,
		       &(const struct attack){attack_read_root, attack_create_in_root,
					      harmless, .allowed_ns = 10000000});
}

static void reading_devices(struct instance *instance)
{
	expect_no_harm(instance,
		       &(const struct attack){attack_read_devices,
					      attack_create_in_devices, harmless});
}

/* ---- a list of many names ---------------------------------------------------------- */

static void listing(struct instance *instance)
{
	expect_no_harm(instance, &(const struct attack){.queuer = attack_read_entries});
}

/* ---- a name whose inode its owner keeps locked ------------------------------------- */

static void unlink_elsewhere(int peer, void *data)
{
	peer_signal(peer);
	for (;;)
		ASSERT(SYS(unlink("/proc/self/nothing")) < 0);
}

/* So the directory is not writable for strangers. They withdraw their names. */
static void writing(struct instance *instance)
{
	expect_no_harm(instance, &(const struct attack){
					 .holder = attack_write_name,
					 .queuer = attack_unlink_written,
					 .queuer_twin = unlink_elsewhere,
				 });
}

const struct test_case test_cases[] = {
	{"closed", closed},
	{"creating", creating},
	{"creating_permitted", creating, "mode=1733"},
	{"unlinking", unlinking},
	{"unlinking_permitted", unlinking, "mode=1733"},
	{"reading", reading},
	{"reading_permitted", reading_permitted, "mode=1777"},
	{"reading_devices", reading_devices},
	{"listing", listing},
	{"writing", writing},
	{0},
};
