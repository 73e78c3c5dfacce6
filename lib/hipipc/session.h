/* SPDX-License-Identifier: MIT */
/* session.h - the instance of dmabuffs that this process has open */
#ifndef HIPIPC_SESSION_H
#define HIPIPC_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>

#include <dmabuffs.h>
#include <util.h>

/**
 * struct session - an open instance; names made with it exist for as long as it is open
 * @instance: of libdmabuffs
 * @refs: one of the process, one per call that uses it and per name made with it
 */
struct session {
	struct dmabuffs *instance;
	atomic_uint refs;
};

/*
 * First step of a call. -ECHILD: the process was forked from one that had a session, and
 * has not called exec. Takes no lock, since any lock may be locked in a forked child.
 */
int session_enter(void);

/*
 * A reference to the process's session, which the first call opens. -ENOTCONN: there is
 * no instance; with a reason.
 */
int session_get(struct session **ret_session);
void session_put(struct session *session);

/* Where the instance is looked for, for texts. */
const char *session_path(void);

struct session *session_ref(struct session *session);

/* False: its service was found to have exited, and its names no longer exist. */
bool session_is_current(const struct session *session);

/* Drops the session if its service has exited. Takes a system call. */
void session_verify(struct session *session);

static inline void session_put_indirect(struct session **session)
{
	session_put(*session);
}
#define _cleanup_session_ _cleanup_(session_put_indirect)

/*
 * Calls @use with the session, and again if the service was restarted meanwhile or has
 * closed the broker connection. *@ret_session is a reference to the session with which it
 * succeeded; @ret_session may be NULL. -ENOTCONN, with a reason; or the error of @use.
 */
int session_call(int (*use)(struct session *session, void *data), void *data,
		 struct session **ret_session);

/* What this user holds and may hold. -errno: the service does not tell. */
int session_get_limit(enum dmabuffs_limit limit, struct dmabuffs_limit_use *ret_use);

/* After an error that means that the service has exited: opens a new session next time.
 */
void session_drop(struct session *session);

#endif
