/* SPDX-License-Identifier: MIT */
/* test-worker.c - a queue of jobs with worker threads */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <signal.h>

#include "clock.h"
#include "faults.h"
#include "fixture.h"
#include "worker.h"

#define LONG_MS 20000

struct job {
	struct list link;
	bool waits;      /* at the gate */
	unsigned colour; /* pick_other_colour() runs one job of each colour at a time */
};

static struct worker worker;
static struct job jobs[100];
static _Atomic size_t order[ARRAY_SIZE(jobs)];
static _Atomic unsigned n_begun, n_done;
static _Atomic bool gate_is_open;

static struct job *job_of(struct list *link)
{
	return container_of(link, struct job, link);
}

static bool is_open_gate(void *data)
{
	return gate_is_open;
}

static bool have_begun(void *data)
{
	return n_begun >= *(unsigned *)data;
}

static bool are_done(void *data)
{
	return n_done >= *(unsigned *)data;
}

static void wait_begun(unsigned n)
{
	cr_assert(wait_until(have_begun, &n));
}

static void wait_done(unsigned n)
{
	cr_assert(wait_until(are_done, &n));
}

static void run(struct worker *of, struct list *link)
{
	cr_assert(eq(ptr, of, &worker));
	order[n_begun++] = (size_t)(job_of(link) - jobs);
	if (job_of(link)->waits)
		cr_assert(wait_until(is_open_gate, NULL));
	n_done++;
}

static const struct worker_type one_thread = {.run = run, .max_threads = 1};
static const struct worker_type four_threads = {.run = run, .max_threads = 4};

static void finish(void)
{
	gate_is_open = true;
	cr_assert(worker_stop(&worker, LONG_MS));
}

TestSuite(worker, .fini = finish);

static int add(size_t i)
{
	return worker_add(&worker, &jobs[i].link);
}

static int add_waiting(size_t i)
{
	jobs[i].waits = true;
	return add(i);
}

Test(worker, starts_no_thread_before_a_job)
{
	worker_init(&worker, &four_threads);
	cr_assert(zero(uint, worker.n_threads));
	cr_assert(worker_flush(&worker, 0));
	cr_assert(worker_stop(&worker, 0));
}

Test(worker, runs_jobs_in_their_order)
{
	worker_init(&worker, &one_thread);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		cr_assert(zero(int, add(i)));
	wait_done(ARRAY_SIZE(jobs));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		cr_assert(eq(sz, order[i], i));
	cr_assert(eq(uint, worker.n_threads, 1));
}

Test(worker, starts_threads_as_they_are_needed)
{
	worker_init(&worker, &four_threads);
	for (unsigned i = 0; i < 6; i++)
		cr_assert(zero(int, add_waiting(i)));
	wait_begun(4);
	cr_assert(eq(uint, worker.n_threads, 4));
	cr_assert(eq(uint, n_begun, 4));
	gate_is_open = true;
	wait_done(6);
}

Test(worker, uses_a_thread_again)
{
	worker_init(&worker, &four_threads);
	for (unsigned i = 0; i < 50; i++) {
		cr_assert(zero(int, add(i)));
		wait_done(i + 1);
		cr_assert(worker_flush(&worker, LONG_MS));
	}
	cr_assert(eq(uint, worker.n_threads, 1));
}

Test(worker, start_makes_one_thread)
{
	worker_init(&worker, &four_threads);
	cr_assert(zero(int, worker_start(&worker)));
	cr_assert(zero(int, worker_start(&worker)));
	cr_assert(eq(uint, worker.n_threads, 1));
}

Test(worker, limits_its_queue)
{
	static const struct worker_type type = {run, .max_threads = 1, .max_queued = 3};

	worker_init(&worker, &type);
	cr_assert(zero(int, add_waiting(0)));
	wait_begun(1);
	for (size_t i = 1; i <= 3; i++)
		cr_assert(zero(int, add(i)));
	cr_assert(eq(int, add(4), -EAGAIN));
	cr_assert(not(list_is_linked(&jobs[4].link)));
	gate_is_open = true;
	wait_done(4);
	cr_assert(zero(int, add(4)));
	wait_done(5);
}

Test(worker, queues_a_job_once)
{
	worker_init(&worker, &one_thread);
	cr_assert(zero(int, add_waiting(0)));
	wait_begun(1);
	for (int i = 0; i < 3; i++)
		cr_assert(zero(int, add(1)));
	cr_assert(zero(int, add(0)), "cannot queue a running job again");
	gate_is_open = true;
	cr_assert(worker_stop(&worker, LONG_MS));
	cr_assert(eq(uint, n_done, 3));
	cr_assert(eq(sz, order[1], 1));
	cr_assert(zero(sz, order[2]));
}

/* ---- stop -------------------------------------------------------------------------- */

Test(worker, runs_what_is_queued_before_its_end)
{
	worker_init(&worker, &four_threads);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		cr_assert(zero(int, add(i)));
	cr_assert(worker_stop(&worker, LONG_MS));
	cr_assert(eq(uint, n_done, ARRAY_SIZE(jobs)));
}

Test(worker, refuses_jobs_after_its_end)
{
	static struct worker never = WORKER_STOPPED;

	worker_init(&worker, &one_thread);
	cr_assert(worker_stop(&worker, LONG_MS));
	cr_assert(worker_stop(&worker, LONG_MS), "idempotent");
	cr_assert(eq(int, add(0), -ESHUTDOWN));
	cr_assert(eq(int, worker_add(&never, &jobs[0].link), -ESHUTDOWN));
	cr_assert(not(list_is_linked(&jobs[0].link)));
	worker_init(&worker, &one_thread);
	cr_assert(zero(int, add(0)));
	wait_done(1);
}

Test(worker, says_that_a_job_does_not_return)
{
	uint64_t before = now_ms();

	worker_init(&worker, &four_threads);
	cr_assert(zero(int, add_waiting(0)));
	cr_assert(zero(int, add(1)));
	wait_begun(2);
	cr_assert(not(worker_stop(&worker, 50)));
	cr_assert(ge(u64, now_ms(), before + 50));
	cr_assert(eq(int, add(2), -ESHUTDOWN));
	gate_is_open = true;
	cr_assert(worker_stop(&worker, LONG_MS));
}

/* ---- pick and done ----------------------------------------------------------------- */

static unsigned running[2];

static struct list *pick_other_colour(struct worker *of)
{
	struct job *job;

	list_for_each(job, &of->queue, link) {
		if (running[job->colour])
			continue;
		running[job->colour]++;
		list_remove(&job->link);
		return &job->link;
	}
	return NULL;
}

static void uncolour(struct worker *of, struct list *link)
{
	cr_assert(ne(int, pthread_mutex_trylock(&of->lock), 0));
	running[job_of(link)->colour]--;
}

static const struct worker_type coloured = {
	.run = run,
	.pick_locked = pick_other_colour,
	.done_locked = uncolour,
	.max_threads = 4,
};

Test(worker, picks_another_job)
{
	worker_init(&worker, &coloured);
	jobs[3].colour = 1;
	for (size_t i = 0; i < 3; i++)
		cr_assert(zero(int, add_waiting(i)));
	wait_begun(1);
	cr_assert(zero(int, add(3)));
	wait_done(1);
	cr_assert(eq(uint, n_begun, 2));
	cr_assert(eq(sz, order[1], 3));
	gate_is_open = true;
	wait_done(4);
	cr_assert(eq(sz, order[2], 1));
	cr_assert(eq(sz, order[3], 2));
}

Test(worker, runs_what_was_passed_over_before_its_end)
{
	worker_init(&worker, &coloured);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		cr_assert(zero(int, add(i)));
	cr_assert(worker_stop(&worker, LONG_MS));
	cr_assert(eq(uint, n_done, ARRAY_SIZE(jobs)));
}

/* ---- time -------------------------------------------------------------------------- */

static uint64_t ran_ns;

static void run_and_repeat(struct worker *of, struct list *job)
{
	if (job == &jobs[0].link)
		worker_add_later(of, &jobs[1].link, 30);
	else
		ran_ns = now_ns();
	n_done++;
}

static const struct worker_type repeating = {.run = run_and_repeat, .max_threads = 1};

Test(worker, adds_later)
{
	uint64_t before = now_ns();

	worker_init(&worker, &repeating);
	cr_assert(zero(int, add(0)));
	wait_done(2);
	cr_assert(worker_flush(&worker, LONG_MS));
	cr_assert(ge(u64, ran_ns, before + 30 * NS_PER_MS));
}

static void run_and_defer(struct worker *of, struct list *job)
{
	if (job == &jobs[0].link)
		worker_add_later(of, &jobs[1].link, LONG_MS);
	n_done++;
}

static const struct worker_type deferring = {.run = run_and_defer, .max_threads = 1};

Test(worker, adds_at_once_what_was_to_be_added_later)
{
	worker_init(&worker, &deferring);
	cr_assert(zero(int, add(0)));
	cr_assert(worker_flush(&worker, LONG_MS));
	cr_assert(eq(uint, n_done, 1));
	cr_assert(zero(int, add(1)));
	wait_done(2);
	cr_assert(worker_flush(&worker, LONG_MS));
	cr_assert(eq(ptr, worker.later, NULL));
}

static void run_and_defer_briefly(struct worker *of, struct list *job)
{
	if (job == &jobs[0].link)
		worker_add_later(of, &jobs[1].link, 1);
	run(of, job);
}

static const struct worker_type deferring_briefly = {run_and_defer_briefly,
						     .max_threads = 1};

static const struct worker_type two_deferring = {run_and_defer_briefly, .max_threads = 2};

static void make_two_threads_idle(void)
{
	worker_init(&worker, &two_deferring);
	cr_assert(zero(int, add_waiting(2)));
	cr_assert(zero(int, add_waiting(3)));
	wait_begun(2);
	gate_is_open = true;
	cr_assert(worker_flush(&worker, LONG_MS));
	gate_is_open = false;
}

/* The other thread is idle since before the time was set. */
Test(worker, adds_later_while_the_same_job_runs)
{
	make_two_threads_idle();
	cr_assert(zero(int, add_waiting(0)));
	wait_done(3);
	cr_assert(eq(sz, order[3], 1));
}

/* The next job takes the thread that waits until the time, or the other one. */
Test(worker, adds_later_while_another_job_runs)
{
	make_two_threads_idle();
	cr_assert(zero(int, add(0)));
	cr_assert(zero(int, add_waiting(4)));
	wait_done(4);
	gate_is_open = true;
	wait_done(5);
}

/* Even if its time comes while another job delays the end. */
Test(worker, drops_at_its_end_what_was_to_be_added_later)
{
	worker_init(&worker, &deferring_briefly);
	cr_assert(zero(int, add_waiting(0)));
	wait_begun(1);
	cr_assert(not(worker_stop(&worker, 20)));
	gate_is_open = true;
	cr_assert(worker_stop(&worker, LONG_MS));
	cr_assert(eq(uint, n_done, 1));
}

Test(worker, flushes)
{
	worker_init(&worker, &four_threads);
	cr_assert(zero(int, add_waiting(0)));
	cr_assert(zero(int, add(1)));
	cr_assert(not(worker_flush(&worker, 20)));
	gate_is_open = true;
	cr_assert(worker_flush(&worker, LONG_MS));
	cr_assert(eq(uint, n_done, 2));
}

/* ---- threads ----------------------------------------------------------------------- */

Test(worker, needs_a_thread)
{
	worker_init(&worker, &four_threads);
	faults_arm(1);
	cr_assert(eq(int, add_waiting(0), -EAGAIN));
	cr_assert(zero(int, strcmp(faults_disarm(), "pthread_create")));
	cr_assert(not(list_is_linked(&jobs[0].link)));
	faults_arm(1);
	cr_assert(eq(int, worker_start(&worker), -EAGAIN));
	faults_disarm();
	cr_assert(zero(int, add_waiting(0)));
	wait_begun(1);
	faults_arm(1);
	cr_assert(zero(int, add(1)), "cannot add a job");
	cr_assert(ne(ptr, (void *)faults_disarm(), NULL));
	gate_is_open = true;
	wait_done(2);
}

static sigset_t blocked;

static void read_mask(struct worker *of, struct list *job)
{
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
}

static const struct worker_type reading = {.run = read_mask, .max_threads = 1};

Test(worker, leaves_signals_to_others)
{
	worker_init(&worker, &reading);
	cr_assert(zero(int, add(0)));
	cr_assert(worker_stop(&worker, LONG_MS));
	cr_assert(eq(int, sigismember(&blocked, SIGTERM), 1));
	cr_assert(eq(int, sigismember(&blocked, SIGUSR1), 1));
	cr_assert(zero(int, sigismember(&blocked, SIGSEGV)));
}

static void run_and_add(struct worker *of, struct list *link)
{
	size_t i = (size_t)(job_of(link) - jobs);

	n_done++;
	if (i + 1 < ARRAY_SIZE(jobs))
		cr_assert(zero(int, worker_add(of, &jobs[i + 1].link)));
}

static const struct worker_type adding = {.run = run_and_add, .max_threads = 2};

Test(worker, jobs_add_jobs)
{
	worker_init(&worker, &adding);
	cr_assert(zero(int, add(0)));
	wait_done(ARRAY_SIZE(jobs));
}
