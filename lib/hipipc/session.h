/* SPDX-License-Identifier: MIT */
/* session.h - this process's open instance of dmabuffs */
#ifndef HIPIPC_SESSION_H
#define HIPIPC_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>

#include <dmabuffs.h>
#include <util.h>

/**
 * struct session - an open instance; the names made on it live as long as it does
 * @instance: of libdmabuffs
 * @refs: one of the process, one of each call that uses it
 */
struct session {
	struct dmabuffs *instance;
	atomic_uint refs;
};

/*
 * Begins a call. -ECHILD: the parent of this process had a session, and it has not called
 * exec. Takes no lock, since a fork may have left any of them taken.
 */
int session_enter(void);

/*
 * The session of this process, which is opened at the first call. -ENOTCONN: there is no
 * instance, with a reason. Put it after use.
 */
int session_get(struct session **ret_session);
void session_put(struct session *session);

/* False: its service has ended, and names made with it are no more. */
bool session_is_current(const struct session *session);

static inline void session_put_indirect(struct session **session)
{
	session_put(*session);
}
#define _cleanup_session_ _cleanup_(session_put_indirect)

/*
 * Does something with the session, again if its service ended meanwhile and another one
 * is there, or if it closed our broker connection. *@ret_session, which may be NULL, is
 * the session in which it succeeded, to be put. With a reason: -ENOTCONN.
 */
int session_call(int (*use)(struct session *session, void *data), void *data,
		 struct session **ret_session);

/* What @use answered was that the service has ended: the session is not used again. */
void session_forget(struct session *session);

#endif
