/* SPDX-License-Identifier: MIT */
/*
 * row-ring.c - ring_*, mediated_batch: commands to the daemon's device
 *
 * The engines, io_uring's polling thread and the peer of the ping-pong run on one CPU,
 * and each polls for a while after its last work. So every block starts with a pause in
 * which the others fall asleep, and with uncounted operations that wake its own side.
 */
#include <sched.h>
#include <string.h>

#include "contest.h"
#include "device.h"
#include "nops.h"
#include "pong.h"
#include "syscalls.h"

#define ROUNDS           12
#define SAMPLES          8
#define PAUSE_US         (2 * 1000 * NOPS_POLL_MS)
#define MEDIATED_BATCH   64
#define MEDIATED_ENTRIES 256

/* operations per sample */
#define NOPS_PER_SAMPLE    16384
#define BATCHES_PER_SAMPLE 64
#define SUBMITS_PER_BLOCK  512
#define BUSY_PER_BLOCK     256
#define IDLE_PER_BLOCK     32
#define NOPS_COUNTED       UINT64_C(1000000)

#define SPIN_NS 50000           /* as the engine does */
#define NAP_US  (SPIN_NS / 100) /* until it is certainly asleep */

struct ring_state {
	struct device device;
	struct dmabuffs_accel_queue *queue;    /* owned */
	struct dmabuffs_accel_queue *mediated; /* owned */
	struct io_uring uring;
	bool has_uring;
	struct pong pong;
};

static const struct accel_command nop = {.op = ACCEL_OP_NOP};

static void pause_us(unsigned int us)
{
	const struct timespec pause = {.tv_nsec = us * 1000L};

	(void)nanosleep(&pause, NULL);
}

/* In millions per second. */
static int add_speed(struct series *samples, double begin, uint64_t n)
{
	return series_add(samples, (double)n / (now_us() - begin));
}

/* ---- ring_nop ---------------------------------------------------------------------- */

static int queue_block(void *data, struct series *samples)
{
	struct ring_state *state = data;
	int r;

	pause_us(PAUSE_US);
	r = nops_through_queue(state->queue, NOPS_PER_SAMPLE, -1);
	for (int i = 0; i < SAMPLES && r >= 0; i++) {
		double begin = now_us();

		r = nops_through_queue(state->queue, NOPS_PER_SAMPLE, -1);
		if (r >= 0)
			r = add_speed(samples, begin, NOPS_PER_SAMPLE);
	}
	return r;
}

static int uring_block(void *data, struct series *samples)
{
	struct ring_state *state = data;
	int r;

	pause_us(PAUSE_US);
	r = nops_through_uring(&state->uring, NOPS_PER_SAMPLE);
	for (int i = 0; i < SAMPLES && r >= 0; i++) {
		double begin = now_us();

		r = nops_through_uring(&state->uring, NOPS_PER_SAMPLE);
		if (r >= 0)
			r = add_speed(samples, begin, NOPS_PER_SAMPLE);
	}
	return r;
}

/* ---- ring_submit ------------------------------------------------------------------- */

/* The engine is awake, and has completed all commands. */
static int submit_once(struct dmabuffs_accel_queue *queue, struct series *samples)
{
	struct accel_command commands[NOPS_BATCH];
	uint64_t index;
	double begin;
	int r;

	for (size_t i = 0; i < NOPS_BATCH; i++)
		commands[i] = nop;
	begin = now_us();
	r = dmabuffs_accel_queue_submit(queue, commands, NOPS_BATCH, &index);
	if (r >= 0)
		r = series_add(samples, (now_us() - begin) * 1e3 / NOPS_BATCH);
	if (r >= 0)
		r = dmabuffs_accel_queue_wait(queue, index + NOPS_BATCH - 1, -1);
	return r;
}

static int submit_block(void *data, struct series *samples)
{
	struct ring_state *state = data;
	int r;

	pause_us(PAUSE_US);
	r = nops_through_queue(state->queue, NOPS_PER_SAMPLE, -1);
	for (int i = 0; i < SUBMITS_PER_BLOCK && r >= 0; i++)
		r = submit_once(state->queue, samples);
	return r < 0 ? complain(r, "submit") : 0;
}

/* ---- ring_syscalls ----------------------------------------------------------------- */

/*
 * Runs in a child with its own queue. Both sides must stay busy: the child polls for
 * completions, and must not be preempted for longer than the engine spins.
 */
static int count_work(void *data, volatile bool *counting)
{
	const struct sched_param first = {.sched_priority = 1};
	struct ring_state *state = data;
	struct dmabuffs_accel_queue *queue;
	struct accel_object gone = {0};
	int r = device_create_queue(&state->device, ACCEL_QUEUE_USER, NOPS_DEPTH, &queue);

	if (r < 0)
		return r;
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		progress("no real-time priority: %s", strerror(errno));
	r = nops_through_queue(queue, NOPS_PER_SAMPLE, 0);
	*counting = true;
	if (r >= 0)
		r = nops_through_queue(queue, NOPS_COUNTED, 0);
	*counting = false;
	gone.id = dmabuffs_accel_queue_id(queue);
	dmabuffs_accel_queue_close(queue);
	if (dmabuffs_accel_call(state->device.context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
				&gone) < 0)
		return complain(-EIO, "destroying a queue");
	return r;
}

static int count_run(struct ring_state *state, struct pair *ret_pair)
{
	uint64_t calls;
	int r;

	pause_us(PAUSE_US);
	r = syscalls_count(count_work, state, &calls);
	if (r >= 0)
		*ret_pair = (struct pair){.subject = (double)calls};
	return r;
}

/* ---- ring_latency_* ---------------------------------------------------------------- */

static int add_roundtrip(struct dmabuffs_accel_queue *queue, struct series *samples)
{
	double begin = now_us();
	uint64_t index;
	int r = dmabuffs_accel_queue_submit(queue, &nop, 1, &index);

	if (r >= 0)
		r = dmabuffs_accel_queue_wait(queue, index, -1);
	return r < 0 ? complain(r, "one NOP") : series_add(samples, now_us() - begin);
}

static int add_play(struct pong *pong, struct series *samples)
{
	double begin = now_us();

	pong_play(pong);
	return series_add(samples, now_us() - begin);
}

static int queue_busy_block(void *data, struct series *samples)
{
	struct ring_state *state = data;
	int r;

	pause_us(PAUSE_US);
	r = nops_through_queue(state->queue, NOPS_PER_SAMPLE, -1);
	for (int i = 0; i < BUSY_PER_BLOCK && r >= 0; i++)
		r = add_roundtrip(state->queue, samples);
	return r;
}

static int pong_busy_block(void *data, struct series *samples)
{
	struct ring_state *state = data;
	int r = 0;

	pause_us(PAUSE_US);
	pong_set_spin(&state->pong, SPIN_NS);
	for (int i = 0; i < BUSY_PER_BLOCK; i++)
		pong_play(&state->pong);
	for (int i = 0; i < BUSY_PER_BLOCK && r >= 0; i++)
		r = add_play(&state->pong, samples);
	return r;
}

static int queue_idle_block(void *data, struct series *samples)
{
	struct ring_state *state = data;
	int r = 0;

	pause_us(PAUSE_US);
	for (int i = 0; i < IDLE_PER_BLOCK && r >= 0; i++) {
		pause_us(NAP_US);
		r = add_roundtrip(state->queue, samples);
	}
	return r;
}

static int pong_idle_block(void *data, struct series *samples)
{
	struct ring_state *state = data;
	int r = 0;

	pause_us(PAUSE_US);
	pong_set_spin(&state->pong, 0);
	pong_play(&state->pong);
	for (int i = 0; i < IDLE_PER_BLOCK && r >= 0; i++) {
		pause_us(NAP_US);
		r = add_play(&state->pong, samples);
	}
	return r;
}

/* ---- mediated_batch ---------------------------------------------------------------- */

/* Nothing is in flight before and after it. */
static int submit_mediated(struct dmabuffs_accel_queue *queue)
{
	struct accel_command commands[MEDIATED_BATCH];
	uint64_t index = 0;
	int r = 0;

	for (int i = 0; i < BATCHES_PER_SAMPLE && r >= 0; i++) {
		for (size_t j = 0; j < MEDIATED_BATCH; j++)
			commands[j] = nop;
		r = dmabuffs_accel_queue_submit(queue, commands, MEDIATED_BATCH, &index);
		if (r >= 0 && i >= 1)
			r = dmabuffs_accel_queue_wait(queue, index - 1, -1);
	}
	if (r >= 0)
		r = dmabuffs_accel_queue_wait(queue, index + MEDIATED_BATCH - 1, -1);
	return r < 0 ? complain(r, "batches through the ioctl") : 0;
}

static int mediated_block(void *data, struct series *samples)
{
	struct ring_state *state = data;
	int r;

	pause_us(PAUSE_US);
	r = submit_mediated(state->mediated);
	for (int i = 0; i < SAMPLES && r >= 0; i++) {
		double begin = now_us();

		r = submit_mediated(state->mediated);
		if (r >= 0)
			r = add_speed(samples, begin,
				      BATCHES_PER_SAMPLE * MEDIATED_BATCH);
	}
	return r;
}

/* ---- the group --------------------------------------------------------------------- */

enum { NOP, SUBMIT, SYSCALLS, BUSY, IDLE, MEDIATED, N_ROWS };

static const struct row rows[N_ROWS] = {
	[NOP] = {"ring_nop", "M/s", .low = 1, .high = ROW_NO_LIMIT},
	[SUBMIT] = {"ring_submit", "ns", .high = 100},
	[SYSCALLS] = {"ring_syscalls", "calls", .high = ROW_NONE},
	[BUSY] = {"ring_latency_busy", "us"},
	[IDLE] = {"ring_latency_idle", "us"},
	[MEDIATED] = {"mediated_batch", "M/s"},
};

static int ring_run(void *data, struct pair *ret_pairs)
{
	static const struct {
		block_fn subject, baseline;
	} contests[N_ROWS] = {
		[NOP] = {queue_block, uring_block},
		[SUBMIT] = {submit_block},
		[BUSY] = {queue_busy_block, pong_busy_block},
		[IDLE] = {queue_idle_block, pong_idle_block},
		[MEDIATED] = {mediated_block, queue_block},
	};
	int r = count_run(data, &ret_pairs[SYSCALLS]);

	for (size_t i = 0; i < N_ROWS && r >= 0; i++)
		if (contests[i].subject)
			r = contest_run((struct contestant){contests[i].subject, data},
					(struct contestant){contests[i].baseline, data},
					ROUNDS, &ret_pairs[i]);
	return r;
}

static void ring_destroy(void *data)
{
	struct ring_state *state = data;

	pong_stop(&state->pong);
	if (state->has_uring)
		io_uring_queue_exit(&state->uring);
	dmabuffs_accel_queue_close(state->mediated);
	dmabuffs_accel_queue_close(state->queue);
	device_stop(&state->device);
	free(state);
}

static int start_all(struct ring_state *state, const char *dir)
{
	int r = device_start(&state->device, dir, "ring");

	if (r >= 0)
		r = device_create_queue(&state->device, ACCEL_QUEUE_USER, NOPS_DEPTH,
					&state->queue);
	if (r >= 0)
		r = device_create_queue(&state->device, 0, MEDIATED_ENTRIES,
					&state->mediated);
	if (r >= 0)
		r = pong_start(&state->pong);
	if (r >= 0)
		r = nops_create_uring(&state->uring);
	state->has_uring = r >= 0;
	return r;
}

static int ring_create(const char *dir, void **ret_state)
{
	struct ring_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->device = DEVICE_INIT;
	r = start_all(state, dir);
	if (r < 0) {
		ring_destroy(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

const struct group ring_group = {
	.rows = rows,
	.n_rows = N_ROWS,
	.runs = 11,
	.create = ring_create,
	.run = ring_run,
	.destroy = ring_destroy,
};
