/* SPDX-License-Identifier: MIT */
#include "buffers/closer.h"

#include <pthread.h>
#include <sched.h>

#include <accel.h>

#include "buffers/fd_vault.h"
#include "clock.h"
#include "list.h"
#include "locked.h"
#include "thread.h"
#include "util.h"

#define STOP_MS    3000
#define IDLE_MS    1000   /* how long a thread without work stays */
#define NAP_NS     500000 /* see closer_nap_locked() */
#define NAP_MAX    16
#define NAP_SHARE  64 /* of the descriptors there may be */
#define MAX_STACK  (64 * 1024)
#define MAX_CHARGE 2

/*
 * Where there are few descriptors, one person may have this share of them queued before
 * its requests let others have the processor, so many times.
 */
#define CROWD_SHARE  4
#define CROWD_YIELDS 32

/*
 * Threads that are always there: as many persons as that can keep one busy without end
 * before another waits, where no more threads can be created.
 */
#define SPARE_THREADS 4

/* One for all uids of a person: see limits_person(). */
struct closer_user {
	struct htab_node node;
	uid_t uid; /* of the person */

	/* All below: protected by closer_state.lock. */
	unsigned refs;      /* of its closings */
	unsigned n_pending; /* of these, queued or run */
	struct list queue;
	struct list ready; /* in closer_state.ready: has work, and no thread */
	bool served;       /* a thread closes something of it */
};

struct closing {
	struct list job; /* in user->queue; or parked */
	uint64_t key;    /* while it is parked */
	struct closer_user *user;
	struct limits *limits; /* borrowed */
	struct {
		enum resource resource;
		uid_t uid;
		uint64_t n;
	} charges[MAX_CHARGE];
	struct buffer buffer;    /* its fd is -1 if there is none */
	struct accel_asid *asid; /* owned reference, or NULL */
	unsigned n_charges, n_fds, room;
	int fds[];
};

/* Protected by lock, which is taken last. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;  /* a user is ready, or it is to stop */
	pthread_cond_t nap;   /* there is more to do than may wait for NAP_NS */
	pthread_cond_t ended; /* a thread has ended */
	struct htab users;    /* those with closings, by uid */
	struct list ready;
	unsigned n_ready, n_idle, n_napping, n_threads;
	size_t n_pending; /* closings that are queued or run */
	size_t nap_room;  /* more of them end a nap */
	unsigned crowd;   /* closings of one person */
	bool started;
} closer_state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
	.nap = PTHREAD_COND_INITIALIZER,
	.ended = PTHREAD_COND_INITIALIZER,
	.ready = {&closer_state.ready, &closer_state.ready},
};

/* ---- users ------------------------------------------------------------------------- */

static struct closer_user *closer_new_user_locked(uid_t uid)
{
	struct closer_user *user = calloc(1, sizeof(*user));

	ASSERT_LOCKED(&closer_state.lock);
	if (!user)
		return NULL;
	user->uid = uid;
	list_init(&user->queue);
	if (htab_insert(&closer_state.users, &user->node, uid) < 0) {
		free(user);
		return NULL;
	}
	return user;
}

static struct closer_user *closer_get_user(uid_t uid)
{
	struct closer_user *user;
	struct htab_node *node;

	pthread_mutex_lock(&closer_state.lock);
	node = htab_first(&closer_state.users, uid);
	user = node ? container_of(node, struct closer_user, node)
		    : closer_new_user_locked(uid);
	if (user)
		user->refs++;
	pthread_mutex_unlock(&closer_state.lock);
	return user;
}

static void closer_put_user_locked(struct closer_user *user)
{
	ASSERT_LOCKED(&closer_state.lock);
	if (--user->refs)
		return;
	htab_remove(&closer_state.users, &user->node);
	free(user);
}

/* ---- closings ---------------------------------------------------------------------- */

uid_t closing_person(const struct closing *closing)
{
	return closing->user->uid;
}

struct closing *closing_new(struct limits *limits, uid_t uid, unsigned room)
{
	struct closing *closing = calloc(1, sizeof(*closing) + room * sizeof(int));

	if (!closing)
		return NULL;
	closing->user = closer_get_user(limits_person(limits, uid));
	if (!closing->user) {
		free(closing);
		return NULL;
	}
	closing->limits = limits;
	closing->buffer.fd = -1;
	closing->room = room;
	return closing;
}

static bool closer_is_crowded(const struct closer_user *user)
{
	SCOPED_LOCK(&closer_state.lock);

	return closer_state.started && user->n_pending > closer_state.crowd;
}

/*
 * A client that exports in a row on a busy machine can be faster than the closer gets a
 * processor, and the table would be full. No wait: a close can take as long as it likes.
 */
void closing_yield(const struct closing *closing)
{
	for (int i = 0; i < CROWD_YIELDS && closer_is_crowded(closing->user); i++)
		sched_yield();
}

int closing_reserve(struct limits *limits, const struct payer *payer, unsigned room,
		    struct closing **ret_closing)
{
	int r = limits_charge_process(limits, payer, RES_CLOSES, 1);
	struct closing *closing;

	if (r < 0)
		return r == -ENOMEM ? r : -EBUSY;
	closing = closing_new(limits, payer->uid, room);
	if (!closing) {
		limits_uncharge(limits, payer->uid, RES_CLOSES, 1);
		return -ENOMEM;
	}
	closing_charge(closing, payer->uid, RES_CLOSES, 1);
	*ret_closing = closing;
	return 0;
}

int closing_reserve_beside(const struct closing *closing, unsigned room,
			   struct closing **ret_closing)
{
	const struct payer payer = {closing->user->uid, 0};

	return closing_reserve(closing->limits, &payer, room, ret_closing);
}

void closing_charge(struct closing *closing, uid_t uid, enum resource resource,
		    uint64_t n)
{
	unsigned i = closing->n_charges++;

	closing->charges[i].uid = uid;
	closing->charges[i].resource = resource;
	closing->charges[i].n = n;
}

bool closing_charge_ended(struct closing *closing, uid_t uid)
{
	if (limits_charge(closing->limits, uid, RES_ENDED, 1) < 0)
		return false;
	closing_charge(closing, uid, RES_ENDED, 1);
	return true;
}

void closing_add(struct closing *closing, int fd)
{
	if (fd < 0)
		return;
	if (closing && closing->n_fds < closing->room)
		closing->fds[closing->n_fds++] = fd;
	else
		close_keep_errno(fd);
}

void closing_add_buffer(struct closing *closing, struct buffer *buffer)
{
	if (closing) {
		closing->buffer = *buffer;
		buffer->fd = -1;
		buffer->kept = false;
	} else {
		buffer_finish(buffer);
	}
}

void closing_add_asid(struct closing *closing, struct accel_asid *asid)
{
	closing->asid = asid;
}

void closing_park(struct closing *closing, struct list *parked, uint64_t key)
{
	closing->key = key;
	list_add_tail(parked, &closing->job);
}

struct closing *closing_unpark(struct list *parked, uint64_t key)
{
	struct closing *closing, *after;

	list_for_each_safe(closing, after, parked, job) {
		if (closing->key != key)
			continue;
		list_remove(&closing->job);
		return closing;
	}
	return NULL;
}

static bool closing_is_empty(const struct closing *closing)
{
	return closing->n_fds == 0 && closing->buffer.fd < 0 && !closing->asid;
}

/* What was received counts, whether there is room for it or not. */
static void closing_charge_rest(struct closing *closing)
{
	unsigned n = closing->n_fds;

	if (n < 2 || closing->n_charges != 1 ||
	    closing->charges[0].resource != RES_CLOSES)
		return;
	limits_charge_anyway(closing->limits, closing->charges[0].uid, RES_CLOSES, n - 1);
	closing->charges[0].n = n;
}

/* Closes and uncharges; what is left to free is done with the lock held. */
static void closing_run(struct closing *closing)
{
	for (unsigned i = 0; i < closing->n_fds; i++)
		close(closing->fds[i]);
	buffer_finish(&closing->buffer);
	accel_asid_unref(closing->asid);
	for (unsigned i = 0; i < closing->n_charges; i++)
		limits_uncharge(closing->limits, closing->charges[i].uid,
				closing->charges[i].resource, closing->charges[i].n);
}

static void closing_free_locked(struct closing *closing)
{
	ASSERT_LOCKED(&closer_state.lock);
	closer_put_user_locked(closing->user);
	free(closing);
}

/* ---- threads ----------------------------------------------------------------------- */

static void closer_make_ready_locked(struct closer_user *user)
{
	ASSERT_LOCKED(&closer_state.lock);
	if (user->served || list_is_linked(&user->ready) || list_is_empty(&user->queue))
		return;
	list_add_tail(&closer_state.ready, &user->ready);
	closer_state.n_ready++;
}

/* One closing; then it is the turn of another user that has no thread, if any. */
static void closer_serve_locked(struct closer_user *user)
{
	struct closing *closing =
		container_of(list_pop(&user->queue), struct closing, job);

	ASSERT_LOCKED(&closer_state.lock);
	user->served = true;
	pthread_mutex_unlock(&closer_state.lock);
	closing_run(closing);
	pthread_mutex_lock(&closer_state.lock);
	user->served = false;
	user->n_pending--;
	closer_state.n_pending--;
	closer_make_ready_locked(user);
	closing_free_locked(closing);
}

/* False: there was nothing to do for long. The spare ones stay until the end. */
static bool closer_wait_locked(void)
{
	const struct timespec deadline = deadline_ms(IDLE_MS);
	int r;

	ASSERT_LOCKED(&closer_state.lock);
	closer_state.n_idle++;
	r = pthread_cond_clockwait(&closer_state.wake, &closer_state.lock,
				   CLOCK_MONOTONIC, &deadline);
	closer_state.n_idle--;
	return r != ETIMEDOUT || closer_state.n_ready ||
	       closer_state.n_threads <= SPARE_THREADS;
}

/*
 * After its work, a thread looks for more by itself once, so that a client that exports
 * in a row causes one wake-up for several closings: it costs more than most of them do.
 * On a busy machine the client could be faster than the nap is short, so more than
 * a few closings end the nap, and any where descriptors are few.
 */
static void closer_nap_locked(void)
{
	const struct timespec deadline = timespec_of_ns(now_ns() + NAP_NS);

	ASSERT_LOCKED(&closer_state.lock);
	closer_state.n_napping++;
	pthread_cond_clockwait(&closer_state.nap, &closer_state.lock, CLOCK_MONOTONIC,
			       &deadline);
	closer_state.n_napping--;
}

static void *closer_main(void *arg)
{
	bool more = true, napped = true;

	pthread_mutex_lock(&closer_state.lock);
	while (more) {
		struct list *first = list_pop(&closer_state.ready);

		if (first) {
			closer_state.n_ready--;
			closer_serve_locked(
				container_of(first, struct closer_user, ready));
			napped = false;
		} else if (!napped && closer_state.nap_room && closer_state.started) {
			closer_nap_locked();
			napped = true;
		} else {
			more = closer_state.started && closer_wait_locked();
		}
	}
	closer_state.n_threads--;
	pthread_cond_broadcast(&closer_state.ended);
	pthread_mutex_unlock(&closer_state.lock);
	return NULL;
}

static int closer_start_thread_locked(void)
{
	int r = thread_start(closer_main, NULL, MAX_STACK, NULL);

	ASSERT_LOCKED(&closer_state.lock);
	if (r == 0)
		closer_state.n_threads++;
	return r;
}

/*
 * Where none can be created, the user waits until one of the others is free. Returns what
 * is to be signalled, or NULL.
 */
static pthread_cond_t *closer_provide_locked(void)
{
	ASSERT_LOCKED(&closer_state.lock);
	if (closer_state.n_ready <= closer_state.n_napping)
		return closer_state.n_pending > closer_state.nap_room ? &closer_state.nap
								      : NULL;
	if (closer_state.n_ready - closer_state.n_napping > closer_state.n_idle)
		closer_start_thread_locked();
	return closer_state.n_idle > 0 ? &closer_state.wake : NULL;
}

static bool closer_queue(struct closing *closing)
{
	struct closer_user *user = closing->user;
	pthread_cond_t *wake = NULL;
	bool started;

	pthread_mutex_lock(&closer_state.lock);
	started = closer_state.started;
	if (started) {
		list_add_tail(&user->queue, &closing->job);
		user->n_pending++;
		closer_state.n_pending++;
		closer_make_ready_locked(user);
		wake = closer_provide_locked();
	}
	pthread_mutex_unlock(&closer_state.lock);
	/* Not before: the woken thread would wait for the lock at once. */
	if (wake)
		pthread_cond_signal(wake);
	return started;
}

void closing_end(struct closing *closing)
{
	if (!closing)
		return;
	closing_charge_rest(closing);
	if (!closing_is_empty(closing) && closer_queue(closing))
		return;
	closing_run(closing);
	pthread_mutex_lock(&closer_state.lock);
	closing_free_locked(closing);
	pthread_mutex_unlock(&closer_state.lock);
}

void closing_end_parked(struct list *parked)
{
	struct list *job;

	while ((job = list_pop(parked)))
		closing_end(container_of(job, struct closing, job));
}

/* ---- start and stop ---------------------------------------------------------------- */

static int closer_start_spares_locked(void)
{
	int r = 0;

	ASSERT_LOCKED(&closer_state.lock);
	for (int i = 0; i < SPARE_THREADS && r == 0; i++)
		r = closer_start_thread_locked();
	return r;
}

int closer_start(void)
{
	int r = 0;

	pthread_mutex_lock(&closer_state.lock);
	closer_state.nap_room = MIN(fd_vault_reserved() / NAP_SHARE, NAP_MAX);
	closer_state.crowd = (unsigned)(fd_vault_reserved() / CROWD_SHARE);
	if (!closer_state.started)
		r = closer_start_spares_locked();
	if (r == 0)
		closer_state.started = true;
	pthread_mutex_unlock(&closer_state.lock);
	return r;
}

size_t closer_pending(void)
{
	SCOPED_LOCK(&closer_state.lock);

	return closer_state.n_pending;
}

bool closer_stop(void)
{
	const struct timespec deadline = deadline_ms(STOP_MS);
	bool ended;
	int r = 0;

	pthread_mutex_lock(&closer_state.lock);
	closer_state.started = false;
	pthread_cond_broadcast(&closer_state.wake);
	while (closer_state.n_threads && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&closer_state.ended, &closer_state.lock,
					   CLOCK_MONOTONIC, &deadline);
	ended = !closer_state.n_threads;
	pthread_mutex_unlock(&closer_state.lock);
	return ended;
}
