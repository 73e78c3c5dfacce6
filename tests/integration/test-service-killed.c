/* SPDX-License-Identifier: MIT */
/*
 * test-service-killed.c - the service is killed at a random instant
 *
 * Nothing hangs then: the kernel ends each request of a client with an error, the starter
 * of the service is notified of its death, and the dead mount can be detached.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "../support/process.h"
#include "attacks/attacks.h"
#include "harness.h"

#define ROUNDS    12
#define STARTS    40
#define CALLS     40 /* of each loop, before the service is killed */
#define N_ENDERS  3
#define N_LOOKERS 3
#define N_LOOPS   (N_ENDERS + N_LOOKERS)
#define REPORT_MS 20000

/* ---- the death of the service ------------------------------------------------------ */

/* The time is random on purpose. */
static void random_pause(long max_us)
{
	nanosleep(&(struct timespec){.tv_nsec = random() % (1000 * max_us)}, NULL);
}

/* What the kernel returns from a dead mount: at once, or to a request under way. */
static bool is_dead(int result)
{
	return result == -ENOTCONN || result == -ECONNABORTED || result == -EINTR;
}

static void expect_or_dead(int result, int error)
{
	if (!is_dead(result))
		ASSERT_ERR(result, error);
}

/* Ends the connection of a mount that hangs, so that the case can end. */
static _Noreturn void fail_hanging(const struct instance *instance, const char *what)
{
	umount2(instance->dir, MNT_FORCE);
	test_fail(__FILE__, __LINE__, "%s", what);
}

static void kill_service(const struct instance *instance)
{
	ASSERT_OK(SYS(kill(instance->service, SIGKILL)));
}

static void kill_keeper(const struct instance *instance)
{
	ASSERT_OK(SYS(kill(instance->pid, SIGKILL)));
}

/* The keeper waits a while for a service with a thread that is blocked. */
static void expect_report(struct instance *instance)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(instance->pid, 0)));

	if (!wait_ready(pidfd, POLLIN, REPORT_MS))
		fail_hanging(instance, "the death of the service is not reported");
	close(pidfd);
	ASSERT_EQ(waitpid(instance->pid, &instance->status, 0), instance->pid);
	instance->pid = -1;
}

static void expect_killed_report(struct instance *instance)
{
	expect_report(instance);
	ASSERT(WIFSIGNALED(instance->status));
	ASSERT_EQ(WTERMSIG(instance->status), SIGKILL);
}

static void expect_ends(struct instance *instance, struct child *child)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(child->pid, 0)));

	if (!wait_ready(pidfd, POLLIN, PROMPT_MS))
		fail_hanging(instance, "a client hangs after the service was killed");
	close(pidfd);
	child_wait(child);
}

/* In a child, because it can hang. */
static void use_dead_mount(int peer, void *data)
{
	static const uint8_t absent[16] = {1};

	while (raw_exists(data, absent) != -ENOTCONN)
		;
}

static void expect_dead_mount(struct instance *instance)
{
	struct child child;

	child_start(&child, USER(1002), use_dead_mount, instance);
	expect_ends(instance, &child);
	ASSERT_OK(SYS(umount2(instance->dir, MNT_DETACH)));
	ASSERT(!is_mounted(instance->dir));
}

/* ---- while names end, and others look up ------------------------------------------- */

struct load_board {
	atomic_uint calls;
	uint8_t uuids[N_ENDERS][16]; /* the last name of each; torn now and then */
};

struct load {
	struct instance *instance;
	struct load_board *board; /* shared with the children */
	unsigned int number;      /* of the loop */
};

static int withdraw(const struct load *load, int root, const uint8_t uuid[16])
{
	return raw_withdraw(root, uuid);
}

static int unlink_name(const struct load *load, int root, const uint8_t uuid[16])
{
	return raw_unlink(load->instance, uuid);
}

static int leave_open(const struct load *load, int root, const uint8_t uuid[16])
{
	return 0;
}

/* One name, which has ended when this returns 0. */
static int export_and_end(const struct load *load, int fd)
{
	/* The last is ended by the close of what it was made on. */
	static int (*const ends[N_ENDERS])(const struct load *load, int root,
					   const uint8_t uuid[16]) = {
		withdraw, unlink_name, leave_open};
	uint8_t *uuid = load->board->uuids[load->number];
	int root = raw_root(load->instance), r = root;

	if (r >= 0)
		r = raw_export_fd(root, fd, 0, 0, uuid);
	if (r == 0)
		r = raw_exists(load->instance, uuid);
	if (r == 0)
		r = ends[load->number](load, root, uuid);
	if (root >= 0)
		close(root);
	return r;
}

static void end_names(int peer, void *data)
{
	const struct load *load = data;
	int fd = raw_memfd(PAGE), r = 0;

	peer_signal(peer);
	while (!is_dead(r)) {
		r = export_and_end(load, fd);
		expect_or_dead(r, 0);
		load->board->calls++;
	}
}

/* A name that does not exist is looked up with the directory locked. */
static int look_up_absent(const struct load *load, uint8_t uuid[16])
{
	int r = raw_exists(load->instance, uuid);

	expect_or_dead(r, ENOENT);
	uuid[0]++;
	r = raw_open(load->instance, uuid, O_RDWR | O_CREAT);
	expect_or_dead(r, EPERM);
	return r;
}

/* It can end at any moment. */
static int look_up_ending(const struct load *load, const uint8_t uuid[16])
{
	int r = raw_exists(load->instance, uuid), fd;

	if (r < 0)
		expect_or_dead(r, ENOENT);
	fd = raw_open(load->instance, uuid, O_RDWR);
	if (fd < 0)
		expect_or_dead(fd, ENOENT);
	else
		close(fd);
	return MIN(fd, 0);
}

static void look_up(int peer, void *data)
{
	const struct load *load = data;
	uint8_t absent[16] = {0};
	int r = 0;

	peer_signal(peer);
	for (unsigned int i = 0; !is_dead(r); i++) {
		r = look_up_absent(load, absent);
		if (!is_dead(r))
			r = look_up_ending(load, load->board->uuids[i % N_ENDERS]);
		load->board->calls++;
	}
}

static bool has_load(void *data)
{
	const struct load_board *board = data;

	return board->calls >= CALLS * N_LOOPS;
}

static void kill_under_load(struct load_board *board)
{
	struct child children[N_LOOPS];
	struct instance instance;
	struct load load = {&instance, board, 0};

	board->calls = 0;
	instance_start(&instance, "nosupervisor");
	for (; load.number < N_LOOPS; load.number++) {
		struct child *child = &children[load.number];

		child_start(child, NULL, load.number < N_ENDERS ? end_names : look_up,
			    &load);
		peer_wait(child->peer);
	}
	ASSERT(wait_until(has_load, board));
	random_pause(3000);
	kill_service(&instance);
	for (int i = 0; i < N_LOOPS; i++)
		expect_ends(&instance, &children[i]);
	expect_dead_mount(&instance);
	expect_killed_report(&instance);
}

static void under_load(struct instance *unused)
{
	struct load_board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(board != MAP_FAILED);
	srandom((unsigned int)getpid());
	for (int i = 0; i < ROUNDS; i++)
		kill_under_load(board);
}

/* ---- while it starts --------------------------------------------------------------- */

static bool has_mounted(void *data)
{
	const struct instance *instance = data;

	return is_mounted(instance->dir);
}

/* It binds the socket of its broker in its own mount, which takes requests to itself. */
static void while_it_starts(struct instance *unused)
{
	srandom((unsigned int)getpid());
	for (int i = 0; i < STARTS; i++) {
		struct instance instance;

		instance_launch(&instance, "nosupervisor");
		ASSERT(wait_until(has_mounted, &instance));
		random_pause(2000);
		kill_service(&instance);
		expect_dead_mount(&instance);
		expect_killed_report(&instance);
	}
}

/* ---- while a client blocks a thread of the service --------------------------------- */

/* A thread of the service waits for a FUSE server that does not reply. */
static void block_and_kill(struct scene *scene, struct instance *instance,
			   attack_fn *attack, void (*kill_it)(const struct instance *))
{
	struct child child;

	scene_start(scene, instance);
	child_start(&child, USER(1001), attack, scene);
	peer_wait(child.peer);
	peer_signal(child.peer);
	peer_wait(child.peer);
	scene_expect_service(scene);
	kill_it(instance);
	expect_dead_mount(instance);
}

static void expect_death(struct instance *instance, attack_fn *attack)
{
	struct scene scene;

	block_and_kill(&scene, instance, attack, kill_service);
	expect_report(instance);
	ASSERT(WIFEXITED(instance->status));
	ASSERT_EQ(WEXITSTATUS(instance->status), 1);
	scene_kill_server(&scene);
}

static void beside_hostile_exports(struct instance *unused)
{
	struct instance instance;

	instance_start(&instance, "nosupervisor");
	expect_death(&instance, attack_export_hostile);
}

static void beside_hostile_messages(struct instance *unused)
{
	struct instance instance;

	instance_start(&instance, "nosupervisor");
	expect_death(&instance, attack_send_hostile);
}

/* The service ends with it, and the connection, too. */
static void keeper_is_killed(struct instance *unused)
{
	struct instance instance;
	struct scene scene;
	int pidfd;

	instance_start(&instance, "nosupervisor");
	pidfd = ASSERT_OK(SYS(pidfd_open(instance.service, 0)));
	block_and_kill(&scene, &instance, attack_export_hostile, kill_keeper);
	expect_killed_report(&instance);
	scene_kill_server(&scene);
	if (!wait_ready(pidfd, POLLIN, REPORT_MS))
		fail_hanging(&instance, "the service has not ended with its keeper");
	close(pidfd);
}

static void in_background(struct instance *unused)
{
	struct instance instance = {.n_fds = 0};
	const char *argv[] = {NULL, "-o", "nosupervisor", instance.dir, NULL};
	char output[1000];

	/* The keeper, which its parent leaves, becomes a child of this process. */
	ASSERT_OK(SYS(prctl(PR_SET_CHILD_SUBREAPER, 1)));
	snprintf(instance.dir, sizeof(instance.dir), "%s/m", test_work_dir);
	ASSERT_OK(SYS(mkdir(instance.dir, 0755)));
	ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 0);
	instance.pid = process_child(getpid());
	ASSERT(instance.pid > 0);
	instance.service = process_child(instance.pid);
	ASSERT(instance.service > 0);
	expect_death(&instance, attack_export_hostile);
}

const struct test_case test_cases[] = {
	{"under_load", under_load, .flags = CASE_NO_INSTANCE},
	{"while_it_starts", while_it_starts, .flags = CASE_NO_INSTANCE},
	{"beside_hostile_exports", beside_hostile_exports, .flags = CASE_NO_INSTANCE},
	{"beside_hostile_messages", beside_hostile_messages, .flags = CASE_NO_INSTANCE},
	{"keeper_is_killed", keeper_is_killed, .flags = CASE_NO_INSTANCE},
	{"in_background", in_background, .flags = CASE_NO_INSTANCE},
	{0},
};
