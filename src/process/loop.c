/* SPDX-License-Identifier: MIT */
#include "process/loop.h"

#include <assert.h>
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/request.h"
#include "store/poison.h"
#include "clock.h"
#include "locked.h"
#include "util.h"

/* The kernel's read wants room for the header and arguments of a request beside the data.
 */
#define LOOP_HEADERS 4096
/* How long a thread that missed the signal sleeps in read(2). */
#define LOOP_RETRY_MS 50
/* Longer than any request takes that no client blocks. */
#define LOOP_END_MS 10000

static_assert(LEDGER_RECEIVERS == LOOP_MAX_THREADS, "");

/* Its delivery ends a read(2). */
#define LOOP_SIGNAL SIGUSR1

static void loop_on_signal(int signal_number)
{
}

/* ---- threads ----------------------------------------------------------------------- */

static void loop_fail(struct loop *loop, int error)
{
	SCOPED_LOCK(&loop->lock);

	if (loop->error == 0)
		loop->error = error;
}

/*
 * A read fails with ENODEV once the connection was aborted, or with ECONNABORTED if it
 * was taking a request at that moment. ENOENT is a request that was interrupted while it
 * was read: the next one is fetched.
 */
static void loop_read_failed(struct loop *loop, int error)
{
	if (error == EINTR || error == EAGAIN || error == ENOENT)
		return;
	if (error != ENODEV && error != ECONNABORTED) {
		log_error("cannot read requests: %s", strerror(error));
		loop_fail(loop, -error);
	}
	loop_stop(loop);
}

static void loop_grow(struct loop *loop);

static bool loop_is_forget(const struct fuse_in_header *header)
{
	return header->opcode == FUSE_FORGET || header->opcode == FUSE_BATCH_FORGET;
}

static void loop_refuse(const struct loop *loop, const struct fuse_in_header *header)
{
	const struct fuse_out_header reply = {
		.len = sizeof(reply),
		.error = -EIO,
		.unique = header->unique,
	};

	log_error("request %llu (opcode %u) of pid %u is refused: the service was killed "
		  "%u times while it was executed",
		  (unsigned long long)request_unique(), header->opcode, header->pid,
		  POISON_KILLS);
	if (write(loop->device, &reply, sizeof(reply)) < 0)
		log_error("cannot refuse a request: %m");
}

/* One that was sent to a predecessor, too. */
static void loop_execute_again(struct loop *loop, const struct fuse_buf *request)
{
	uint64_t unique = request_unique();

	if (!poison_begin(loop->ledger, unique)) {
		loop_refuse(loop, request->mem);
		return;
	}
	fuse_session_process_buf(loop->session, request);
	if (!request_is_handed_over())
		poison_end(loop->ledger, unique);
}

static void loop_note_request(const struct fuse_buf *request, bool again)
{
	const struct fuse_in_header *header = request->mem;
	const struct fuse_poll_in *poll = (const void *)(header + 1);

	if (again)
		request_set_again(header->unique);
	else
		request_set(header->unique);
	if (header->opcode == FUSE_POLL &&
	    request->size >= sizeof(*header) + sizeof(*poll))
		request_set_poll(poll->kh);
}

/*
 * FORGETs come in bursts and take no time: another thread would not get to serve any.
 * @again: it is of pending_take(), else it was read.
 */
static void loop_execute(struct loop *loop, const struct fuse_buf *request, bool again)
{
	const struct fuse_in_header *header = request->mem;

	if (atomic_fetch_sub(&loop->n_waiting, 1) == 1 && !loop_is_forget(header))
		loop_grow(loop);
	loop_note_request(request, again);
	if (request_is_resent() && loop->ledger)
		loop_execute_again(loop, request);
	else
		fuse_session_process_buf(loop->session, request);
	if (pending_is_used(&loop->pending) && !again && !loop_is_forget(header))
		pending_keep(&loop->pending, header);
	request_set(0);
	atomic_fetch_add(&loop->n_waiting, 1);
}

static ssize_t loop_read(struct loop_thread *self)
{
	ssize_t n;

	self->reads = true;
	n = read(self->loop->device, self->receiver ? self->receiver : self->buffer,
		 self->loop->buffer_size);
	self->reads = false;
	return n;
}

static bool loop_has_request(const struct loop_thread *self, size_t size)
{
	return !self->receiver ||
	       pending_copy(&self->loop->pending, self->receiver, size, self->buffer);
}

/* What a predecessor had read, before anything is read into the buffer. */
static void loop_serve_again(struct loop_thread *self)
{
	struct loop *loop = self->loop;
	struct fuse_buf request = {.mem = self->buffer};

	while (!loop->stop && pending_is_used(&loop->pending) &&
	       (request.size = pending_take(&loop->pending, self->buffer)) > 0)
		loop_execute(loop, &request, true);
}

static void *loop_serve(void *arg)
{
	struct loop_thread *self = arg;
	struct loop *loop = self->loop;
	struct fuse_buf request = {.mem = self->buffer};
	ssize_t n;

	pthread_setname_np(pthread_self(), "fuse_worker");
	loop_serve_again(self);
	while (!loop->stop) {
		n = loop_read(self);
		request.size = n > 0 ? (size_t)n : 0;
		if (request.size < sizeof(struct fuse_in_header))
			loop_read_failed(loop, n < 0 ? errno : EIO);
		else if (loop_has_request(self, request.size))
			loop_execute(loop, &request, false);
	}
	pthread_mutex_lock(&loop->lock);
	loop->n_running--;
	pthread_cond_signal(&loop->changed);
	pthread_mutex_unlock(&loop->lock);
	return NULL;
}

/* Of a thread's buffer: see pending_copy(). */
static size_t loop_room(const struct loop *loop)
{
	return loop->buffer_size + (pending_is_used(&loop->pending) ? 1 : 0);
}

/* Locked where the limit allows, so that it is not swapped out either. */
static void *loop_map_buffer(size_t size)
{
	void *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (buffer == MAP_FAILED)
		return NULL;
	(void)mlock(buffer, size);
	return buffer;
}

static int loop_add_thread_locked(struct loop *loop)
{
	struct loop_thread *next = &loop->threads[loop->n_threads];
	int r;

	ASSERT_LOCKED(&loop->lock);
	next->loop = loop;
	next->buffer = loop_map_buffer(loop_room(loop));
	if (!next->buffer)
		return -ENOMEM;
	if (pending_is_used(&loop->pending))
		next->receiver = pending_receiver(&loop->pending, loop->n_threads);
	atomic_fetch_add(&loop->n_waiting, 1);
	r = -pthread_create(&next->thread, NULL, loop_serve, next);
	if (r < 0) {
		atomic_fetch_sub(&loop->n_waiting, 1);
		munmap(next->buffer, loop_room(loop));
		return r;
	}
	loop->n_threads++;
	loop->n_running++;
	return 0;
}

/* Without a further thread, requests wait for one of these. */
static void loop_grow(struct loop *loop)
{
	SCOPED_LOCK(&loop->lock);

	if (!loop->stop && loop->n_threads < LOOP_MAX_THREADS)
		(void)loop_add_thread_locked(loop);
}

/* ---- the end ----------------------------------------------------------------------- */

void loop_stop(struct loop *loop)
{
	SCOPED_LOCK(&loop->lock);

	loop->stop = true;
	pthread_cond_signal(&loop->changed);
}

/* Not those that execute a request: the signal would interrupt its system calls. */
static void loop_wake_locked(struct loop *loop)
{
	ASSERT_LOCKED(&loop->lock);
	for (unsigned i = 0; i < loop->n_threads; i++)
		if (loop->threads[i].reads)
			pthread_kill(loop->threads[i].thread, LOOP_SIGNAL);
}

/* False if a request does not return. */
static bool loop_wait_locked(struct loop *loop)
{
	struct timespec until;
	uint64_t limit = 0;

	ASSERT_LOCKED(&loop->lock);
	while (loop->n_running > 0) {
		if (!loop->stop) {
			pthread_cond_wait(&loop->changed, &loop->lock);
			continue;
		}
		if (limit == 0)
			limit = now_ms() + LOOP_END_MS;
		if (now_ms() >= limit)
			return false;
		loop_wake_locked(loop);
		until = deadline_ms(LOOP_RETRY_MS);
		pthread_cond_clockwait(&loop->changed, &loop->lock, CLOCK_MONOTONIC,
				       &until);
	}
	return true;
}

static void loop_join(struct loop *loop)
{
	for (unsigned i = 0; i < loop->n_threads; i++) {
		pthread_join(loop->threads[i].thread, NULL);
		munmap(loop->threads[i].buffer, loop_room(loop));
	}
	loop->n_threads = 0;
	pending_finish(&loop->pending);
}

int loop_run(struct loop *loop)
{
	bool ended;

	pthread_mutex_lock(&loop->lock);
	loop->error = loop_add_thread_locked(loop);
	ended = loop_wait_locked(loop);
	pthread_mutex_unlock(&loop->lock);
	if (!ended)
		return -ETIMEDOUT;
	loop_join(loop);
	return loop->error;
}

void loop_init(struct loop *loop, struct fuse_session *session, int device,
	       uint32_t max_write)
{
	struct sigaction action = {.sa_handler = loop_on_signal};

	sigaction(LOOP_SIGNAL, &action, NULL);
	*loop = (struct loop){
		.session = session,
		.device = device,
		.buffer_size = MAX((size_t)max_write + LOOP_HEADERS,
				   (size_t)FUSE_MIN_READ_BUFFER),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
}

void loop_set_ledger(struct loop *loop, struct ledger *ledger, bool keeps)
{
	loop->ledger = ledger;
	if (keeps && loop->buffer_size <= LEDGER_RECEIVE_SIZE)
		pending_init(&loop->pending, ledger, loop->device);
}
