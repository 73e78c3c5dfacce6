/* SPDX-License-Identifier: MIT */
/* session.c - opens the instance, and again after the service was restarted */
#include "session.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <locked.h>
#include <same_process.h>

#include "reason.h"

#define TRIES 4

/* Protects changes of the pointer, not the session. */
static pthread_mutex_t session_lock = PTHREAD_MUTEX_INITIALIZER;
static struct session *_Atomic session_current;

/* Created with the first session: a process that inherited it was forked later. */
static _Atomic(_Atomic uint32_t *) session_mark;
static pid_t session_owner;
static bool session_mark_is_reliable;

int session_enter(void)
{
	_Atomic uint32_t *page =
		atomic_load_explicit(&session_mark, memory_order_acquire);

	if (!page || (atomic_load_explicit(page, memory_order_relaxed) &&
		      (session_mark_is_reliable || getpid() == session_owner)))
		return 0;
	return reason(-ECHILD, "this process was forked from one that uses IPC handles; "
			       "call exec first");
}

/*
 * In a forked child: closes the instance, so that the parent's names are removed when the
 * parent exits. No thread here uses the session. (After a raw clone(2) the names stay
 * until the child, too, calls exec or exits.)
 */
static void session_after_fork(void)
{
	struct session *session = session_current;

	if (session) {
		dmabuffs_close(session->instance);
		session->instance = NULL;
	}
}

static int session_mark_process(void)
{
	_Atomic uint32_t *page;
	int r;

	if (atomic_load_explicit(&session_mark, memory_order_relaxed))
		return 0;
	r = same_process_create(&page, &session_mark_is_reliable);
	if (r < 0)
		return r;
	r = -pthread_atfork(NULL, NULL, session_after_fork);
	if (r < 0) {
		same_process_destroy(page);
		return r;
	}
	session_owner = getpid();
	atomic_store_explicit(&session_mark, page, memory_order_release);
	return 0;
}

/* As dmabuffs_open() chooses it. */
const char *session_path(void)
{
	const char *path = secure_getenv("DMABUFFS_MOUNT");

	return path && *path ? path : DMABUFFS_DEFAULT_MOUNT;
}

static int session_explain_open(int r)
{
	const char *what = strerror(-r);

	if (r == -ENOTTY)
		what = "another file system is there";
	else if (r == -ENOTCONN)
		what = "its service has exited";
	return reason(-ENOTCONN,
		      "no instance of dmabuffs: %s: %s (DMABUFFS_MOUNT selects it; see "
		      "dmabuffsd(8))",
		      what, session_path());
}

static int session_open(struct session **ret_session)
{
	_cleanup_free_ struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	r = session_mark_process();
	if (r < 0)
		return r;
	r = dmabuffs_open(NULL, &session->instance);
	/* Opens now what later checks need: they take no further descriptor. */
	if (r == 0)
		r = dmabuffs_check(session->instance);
	if (r < 0)
		dmabuffs_close(session->instance);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	if (r < 0)
		return session_explain_open(r);
	atomic_init(&session->refs, 1);
	*ret_session = TAKE_PTR(session);
	return 0;
}

int session_get(struct session **ret_session)
{
	struct session *session;
	int r = 0;

	pthread_mutex_lock(&session_lock);
	session = session_current;
	if (!session)
		r = session_open(&session);
	if (r == 0) {
		session_current = session;
		atomic_fetch_add(&session->refs, 1);
		*ret_session = session;
	}
	pthread_mutex_unlock(&session_lock);
	return r;
}

struct session *session_ref(struct session *session)
{
	atomic_fetch_add(&session->refs, 1);
	return session;
}

bool session_is_current(const struct session *session)
{
	return session_current == session;
}

void session_put(struct session *session)
{
	if (!session || atomic_fetch_sub(&session->refs, 1) > 1)
		return;
	dmabuffs_close(session->instance);
	free(session);
}

void session_drop(struct session *session)
{
	bool was_current;

	pthread_mutex_lock(&session_lock);
	was_current = session_current == session;
	if (was_current)
		session_current = NULL;
	pthread_mutex_unlock(&session_lock);
	if (was_current)
		session_put(session);
}

/* A service that runs may close connections that are idle, if it has too many. */
static bool session_is_alive(const struct session *session)
{
	return dmabuffs_check(session->instance) == 0;
}

void session_verify(struct session *session)
{
	if (session_is_current(session) && !session_is_alive(session))
		session_drop(session);
}

static int session_read_limit(struct session *session, enum dmabuffs_limit limit,
			      struct dmabuffs_limit_use *ret_use)
{
	struct dmabuffs_limits limits;
	int r = dmabuffs_limits(session->instance, &limits, sizeof(limits));

	if (r < 0)
		return r;
	*ret_use = limits.user[limit];
	return 0;
}

int session_get_limit(enum dmabuffs_limit limit, struct dmabuffs_limit_use *ret_use)
{
	_cleanup_session_ struct session *session = NULL;
	int r = session_get(&session);

	return r < 0 ? r : session_read_limit(session, limit, ret_use);
}

static int session_explain_connections(struct session *session)
{
	struct dmabuffs_limit_use use;

	if (session_read_limit(session, DMABUFFS_LIMIT_CONNECTIONS, &use) < 0)
		return reason(-EDQUOT,
			      "uid %u has too many connections to the broker with a "
			      "request under way (max-connections-per-uid)",
			      geteuid());
	return reason(-EDQUOT,
		      "limit of %llu connections of uid %u to the broker: each has a "
		      "request under way (max-connections-per-uid)",
		      use.max, geteuid());
}

/* -EAGAIN: another try may succeed. */
static int session_check(struct session *session, int r)
{
	switch (r) {
	case -ENOTCONN:
	case -ECONNABORTED:
	case -ECONNRESET:
	case -ECONNREFUSED:
	case -EPIPE:
		if (!session_is_alive(session))
			session_drop(session);
		return -EAGAIN;
	case -EUSERS:
		return session_explain_connections(session);
	case -ETIMEDOUT:
	case -EPROTO:
		return reason(-ENOTCONN, "the service does not reply: %s", strerror(-r));
	default:
		return r;
	}
}

static int session_call_once(int (*use)(struct session *session, void *data), void *data,
			     struct session **ret_session)
{
	_cleanup_session_ struct session *session = NULL;
	int r = session_get(&session);

	if (r < 0)
		return r;
	r = session_check(session, use(session, data));
	if (r == 0 && ret_session)
		*ret_session = TAKE_PTR(session);
	return r;
}

int session_call(int (*use)(struct session *session, void *data), void *data,
		 struct session **ret_session)
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = session_call_once(use, data, ret_session);
	if (r == -EAGAIN)
		return reason(-ENOTCONN, "the service closes all connections");
	return r;
}
