/* SPDX-License-Identifier: MIT */
/*
 * test-refused.c - connections to the broker that are refused, with unread descriptors
 *
 * Only the closer of their person may close them, and that closer is stuck. The kernel
 * limits how many descriptors a uid has in flight, but the person has many uids. What
 * others wait meanwhile is measured beside the same flood without descriptors.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dmabuffs.h>

#include "harness.h"
#include "hostile.h"
#include "latency.h"
#include "namespaces.h"
#include "raw.h"

#define PERSON      1001
#define INNOCENT    1003
#define N_UIDS      4
#define N_IN_FLIGHT 4000 /* of each */
#define LOOPS       100  /* of the innocent user in a run */
#define ROUNDS      3    /* pairs of runs; odd */
#define MAX_RATIO   3
#define LONGEST_MS  1000
#define TRIES       3 /* of all rounds: a processor can be busy in one of them */

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

struct flood {
	struct scene scene;
	bool with_fds;
	int hostile; /* the scene's file */
};

/* ---- the attacker ------------------------------------------------------------------ */

static void flood_once(const struct flood *flood)
{
	int connection = ASSERT_OK(raw_connect(flood->scene.instance));
	int n = raw_send(connection, "", 1, &flood->hostile, flood->with_fds);

	ASSERT(n >= 0 || n == -EPERM || n == -ETOOMANYREFS || n == -EPIPE ||
	       n == -ECONNRESET);
	close(connection);
}

static void flood_as_subuid(int peer, void *data)
{
	const struct rlimit limit = {N_IN_FLIGHT, N_IN_FLIGHT};

	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	for (int i = 0; i < N_IN_FLIGHT; i++)
		flood_once(data);
	peer_signal(peer);
	for (;;)
		flood_once(data);
}

/* A connection that the service has not closed when it is stuck there. */
static void flood_block_closer(const struct flood *flood)
{
	int connection = ASSERT_OK(raw_connect(flood->scene.instance));

	ASSERT_ERR(raw_exchange(connection, flood->hostile), EBADFD);
	close(connection);
}

static void flood_as_person(int peer, void *data)
{
	struct child children[N_UIDS];
	struct flood *flood = data;

	flood->hostile = ASSERT_OK(SYS(open(flood->scene.file, O_RDWR | O_CLOEXEC)));
	ASSERT_OK(SYS(unshare(CLONE_NEWUSER)));
	/* The kernel has cleared it with the change of credentials. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	peer_signal(peer);
	peer_wait(peer);
	if (flood->with_fds)
		flood_block_closer(flood);
	for (uid_t i = 0; i < N_UIDS; i++)
		child_start(&children[i], USER(1 + i), flood_as_subuid, flood);
	for (size_t i = 0; i < N_UIDS; i++)
		peer_wait(children[i].peer);
	peer_signal(peer);
	pause();
}

static void flood_start(struct flood *flood, struct child *ret_child,
			const struct instance *instance, bool with_fds)
{
	flood->with_fds = with_fds;
	scene_start(&flood->scene, instance);
	child_start(ret_child, USER(PERSON), flood_as_person, flood);
	peer_wait(ret_child->peer);
	namespaces_map_subids(ret_child->pid, PERSON, N_UIDS);
	peer_signal(ret_child->peer);
	peer_wait(ret_child->peer);
}

/* The end of the hostile server lets the attacker exit, and the service close all. */
static void flood_end(struct flood *flood, struct child *child)
{
	scene_kill_server(&flood->scene);
	child_kill(child, SIGKILL);
	scene_end(&flood->scene);
	ASSERT_OK(SYS(rmdir(flood->scene.dir)));
}

/* ---- the innocent user ------------------------------------------------------------- */

static int ask_ready(int connection)
{
	const struct dmabuffs_broker_request request = {.size = sizeof(request),
							.op = DMABUFFS_BROKER_READY};
	struct dmabuffs_broker_reply reply;
	int fd, n = raw_send(connection, &request, sizeof(request), NULL, 0);

	return n < 0 ? n : raw_receive(connection, &reply, &fd);
}

/* As dmabuffs-broker.h says. *@ret_asked: it was necessary. */
static int exchange_anew(const struct instance *instance, int opened, bool *ret_asked)
{
	int connection = ASSERT_OK(raw_connect(instance));
	int fd = raw_exchange(connection, opened);

	*ret_asked = fd == -EPERM;
	if (fd == -EPERM) {
		ASSERT_OK(ask_ready(connection));
		fd = raw_exchange(connection, opened);
	}
	close(connection);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Sends how long its calls take. */
static void work(int peer, void *data)
{
	const struct flood *flood = data;
	const struct instance *instance = flood->scene.instance;
	int opened = ASSERT_OK(raw_open(instance, flood->scene.good.uuid, O_RDONLY));
	int connection = ASSERT_OK(raw_connect(instance));
	struct latency times = {.n = 0};
	struct latency_figures figures;
	bool asked;

	for (int i = 0; i < LOOPS; i++) {
		ASSERT_OK(TIMED(&times, exchange_anew(instance, opened, &asked)));
		close(ASSERT_OK(TIMED(&times, raw_exchange(connection, opened))));
	}
	figures = latency_figures(&times);
	peer_put(peer, &figures, sizeof(figures));
}

/* A program that knows nothing of all this. */
static int use_library(void *data)
{
	const struct flood *flood = data;
	const struct instance *instance = flood->scene.instance;
	int opened = ASSERT_OK(raw_open(instance, flood->scene.good.uuid, O_RDONLY));

	for (int i = 0; i < 20; i++) {
		struct dmabuffs *library;
		int fd;

		ASSERT_OK(dmabuffs_open(instance->dir, &library));
		ASSERT_OK(dmabuffs_exchange(library, opened, &fd));
		close(fd);
		dmabuffs_close(library);
	}
	return 0;
}

/* ---- runs -------------------------------------------------------------------------- */

/*
 * What the service may hold of the person: 128 connections, 512 that wait, 4096
 * descriptors that are closing with those of a last message, 1024 ended connections; and
 * refused connections, 2048 and as many as were in the backlog then, 128.
 */
#define MOST_HELD (128 + 512 + 4096 + 253 + 1024 + 2048 + 128)

static bool can_refuse_rights(void)
{
	int fd = ASSERT_OK(SYS(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)));
	const int on = 1;
	bool can = setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof(on)) == 0;

	close(fd);
	return can;
}

static struct latency_figures measure(struct instance *instance, bool with_fds)
{
	struct child attacker, innocent;
	int before = count_stable_fds(instance->service), held;
	struct flood flood;
	struct latency_figures figures;

	flood_start(&flood, &attacker, instance, with_fds);
	child_start(&innocent, USER(INNOCENT), work, &flood);
	if (!wait_ready(innocent.peer, POLLIN, WAIT_MS))
		test_fail(__FILE__, __LINE__, "an attacker stalls others");
	peer_get(innocent.peer, &figures, sizeof(figures));
	child_wait(&innocent);
	ASSERT_OK(child_call(USER(INNOCENT), use_library, &flood));
	held = count_process_fds(instance->service) - before;
	if (with_fds)
		test_note("%d descriptors held", held);
	ASSERT(held < MOST_HELD || !can_refuse_rights());
	flood_end(&flood, &attacker);
	instance_settle(instance);
	return figures;
}

static void others_do_not_wait(struct instance *instance)
{
	static const struct latency_comparison comparison = {
		.measure = measure,
		.without = "without descriptors",
		.rounds = ROUNDS,
		.max_ratio = MAX_RATIO,
		.longest_ms = LONGEST_MS,
		.tries = TRIES,
	};

	latency_compare(instance, &comparison);
}

struct probe {
	const struct instance *instance;
	int opened;
	bool asks;
};

static bool probe_asks(void *data)
{
	struct probe *probe = data;
	bool asked;

	ASSERT_OK(exchange_anew(probe->instance, probe->opened, &asked));
	return asked == probe->asks;
}

/* A client of before READY, too, is served again when the refused ones are closed. */
static void refused_while_many_are_open(struct instance *instance)
{
	struct probe probe = {.instance = instance, .asks = true};
	struct child attacker;
	struct shared shared;
	struct flood flood;

	if (!can_refuse_rights()) {
		test_note("skipped refused_while_many_are_open: before Linux 6.16");
		return;
	}
	share(&shared, instance, PAGE, 0, 0);
	probe.opened = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	flood_start(&flood, &attacker, instance, true);
	ASSERT(wait_until(probe_asks, &probe));
	flood_end(&flood, &attacker);
	probe.asks = false;
	ASSERT(wait_until(probe_asks, &probe));
	close(probe.opened);
	unshare_buffer(&shared);
}

const struct test_case test_cases[] = {
	{"others_do_not_wait", others_do_not_wait, NULL, 600},
	{"refused_while_many_are_open", refused_while_many_are_open},
	{0},
};
