/* SPDX-License-Identifier: MIT */
/*
 * row-crash.c - crash_pause, takeover_18k: what clients notice of a service that is
 * killed
 *
 * crash_pause: beside eight processes that export, open and unlink, the longest operation
 * of any in a window of time with a kill, and in one without, in turns. takeover_18k:
 * from the kill of a service with 18,000 names to the reply to the next request.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <uuid.h>

#include "client.h"
#include "contest.h"
#include "exporter.h"
#include "../support/make-memfd.h"
#include "../support/place.h"
#include "../support/process.h"
#include "../support/server.h"

#define NAMES     18000
#define KILLS     20
#define LOADERS   8
#define WINDOW_MS 200
#define DEATH_MS  10000
/*
 * The holder waits before it replaces one that has served for less than 2 s, if it has
 * replaced 20 of these in a row. That is not what is measured.
 */
#define SERVED_MS 2500
#define PAGE      4096

static const char crash_options[] =
	"log=error,max-exports=40000,max-exports-per-uid=40000";

/* Of each loader, in shared memory, in ns. */
struct crash_times {
	_Atomic uint64_t begun, longest;
	atomic_int error;
};

struct crash {
	struct server daemon;
	struct exporter exporter;
	struct crash_times *times; /* LOADERS of them */
	pid_t loaders[LOADERS];
};

/* ---- the load ---------------------------------------------------------------------- */

static uint64_t crash_now_ns(void)
{
	return (uint64_t)(now_us() * 1e3);
}

static int crash_timed(struct crash_times *times, int result)
{
	uint64_t ns = crash_now_ns() - times->begun;

	if (ns > times->longest)
		times->longest = ns;
	times->begun = 0;
	return result;
}

#define CRASH_TIMED(times, call)                                                         \
	({                                                                               \
		(times)->begun = crash_now_ns();                                         \
		crash_timed(times, (call));                                              \
	})

static int crash_use(struct crash_times *times, int root, int fd)
{
	struct dmabuffs_export argument = client_prepare_export(fd, 0600);
	char name[UUID_STR_LEN];
	int r = CRASH_TIMED(times, client_export(root, &argument));

	if (r < 0)
		return r;
	uuid_unparse_lower(argument.uuid, name);
	r = CRASH_TIMED(times, client_touch(root, name));
	return r < 0 ? r : CRASH_TIMED(times, client_unlink(root, argument.uuid));
}

static _Noreturn void crash_load(const struct crash *crash, struct crash_times *times)
{
	int root = open(crash->daemon.mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	while (root >= 0 && r >= 0) {
		int fd = new_memfd(PAGE);

		r = crash_use(times, root, fd);
		close(fd);
	}
	times->error = root < 0 ? -errno : r;
	_exit(1);
}

static void crash_stop_load(struct crash *crash)
{
	for (int i = 0; i < LOADERS; i++) {
		if (crash->loaders[i] <= 0)
			continue;
		kill(crash->loaders[i], SIGKILL);
		waitpid(crash->loaders[i], NULL, 0);
		crash->loaders[i] = 0;
	}
}

static int crash_start_load(struct crash *crash)
{
	for (int i = 0; i < LOADERS; i++) {
		crash->times[i] = (struct crash_times){0};
		crash->loaders[i] = place_fork(-1);
		if (crash->loaders[i] == 0)
			crash_load(crash, &crash->times[i]);
		if (crash->loaders[i] < 0)
			return complain(-errno, "fork");
	}
	return 0;
}

static int crash_longest_ms(struct crash *crash, double *ret_ms)
{
	uint64_t longest = 0, now = crash_now_ns();

	for (int i = 0; i < LOADERS; i++) {
		struct crash_times *times = &crash->times[i];
		uint64_t begun = times->begun, ns = atomic_exchange(&times->longest, 0);

		if (times->error)
			return complain(times->error, "an operation across a kill");
		longest = MAX(longest, begun && now > begun ? MAX(ns, now - begun) : ns);
	}
	*ret_ms = (double)longest / 1e6;
	return 0;
}

/* ---- kills ------------------------------------------------------------------------- */

/* Until the process that serves is dead, and another one has replied. */
static int crash_kill(struct crash *crash, double *ret_ms)
{
	pid_t worker = process_child(crash->daemon.pid);
	_cleanup_close_ int pidfd = worker > 0 ? pidfd_open(worker, 0) : -1;
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	struct statvfs st;
	double begun = now_us();

	if (pidfd < 0)
		return complain(-ESRCH, "the process that serves");
	kill(worker, SIGKILL);
	if (poll(&poll_fd, 1, DEATH_MS) <= 0)
		return complain(-ETIMEDOUT, "the end of the service");
	if (fstatvfs(crash->daemon.root, &st) < 0)
		return complain(-errno, "a request after a kill");
	*ret_ms = (now_us() - begun) / 1e3;
	return 0;
}

static int crash_pause_block(void *data, struct series *samples)
{
	struct crash *crash = data;
	double ms;
	int r = crash_longest_ms(crash, &ms);

	if (r >= 0)
		r = crash_kill(crash, &ms);
	(void)poll(NULL, 0, WINDOW_MS);
	if (r >= 0)
		r = crash_longest_ms(crash, &ms);
	return r < 0 ? r : series_add(samples, ms);
}

static int crash_calm_block(void *data, struct series *samples)
{
	struct crash *crash = data;
	double ms;
	int r = crash_longest_ms(crash, &ms);

	(void)poll(NULL, 0, WINDOW_MS);
	if (r >= 0)
		r = crash_longest_ms(crash, &ms);
	return r < 0 ? r : series_add(samples, ms);
}

static int crash_takeover_block(void *data, struct series *samples)
{
	double ms;
	int r = crash_kill(data, &ms);

	return r < 0 ? r : series_add(samples, ms);
}

/* ---- rows -------------------------------------------------------------------------- */

static int crash_measure_pause(struct crash *crash, struct pair *ret_pair)
{
	int r = crash_start_load(crash);

	if (r >= 0)
		r = contest_run((struct contestant){crash_pause_block, crash},
				(struct contestant){crash_calm_block, crash}, KILLS,
				ret_pair);
	crash_stop_load(crash);
	return r;
}

static int crash_measure_takeover(struct crash *crash, struct pair *ret_pair)
{
	const struct exporter_kind kind = {.mode = 0600};
	int r = exporter_start(&crash->exporter, crash->daemon.mount, NAMES);

	if (r >= 0)
		r = exporter_export(&crash->exporter, 0, NAMES, kind);
	(void)poll(NULL, 0, SERVED_MS);
	if (r >= 0)
		r = contest_run((struct contestant){crash_takeover_block, crash},
				(struct contestant){0}, KILLS, ret_pair);
	return r;
}

static int crash_run(void *state, struct pair *ret_pairs)
{
	struct crash crash = {SERVER_INIT, EXPORTER_INIT};
	size_t bytes = LOADERS * sizeof(*crash.times);
	int r;

	crash.times = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crash.times == MAP_FAILED)
		return complain(-errno, "mmap");
	r = server_start_daemon(&crash.daemon, state, "crash", crash_options);
	if (r >= 0)
		r = crash_measure_pause(&crash, &ret_pairs[0]);
	if (r >= 0)
		r = crash_measure_takeover(&crash, &ret_pairs[1]);
	exporter_stop(&crash.exporter);
	server_stop(&crash.daemon);
	munmap(crash.times, bytes);
	return r;
}

static int crash_create(const char *dir, void **ret_state)
{
	*ret_state = strdup(dir);
	return *ret_state ? 0 : -ENOMEM;
}

static const struct row rows[] = {
	{"crash_pause", "ms", .high = 3},
	{"takeover_18k", "ms", .high = 150},
};

const struct group crash_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 1,
	.create = crash_create,
	.run = crash_run,
	.destroy = free,
};
