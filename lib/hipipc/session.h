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
 * What a call of libdmabuffs answered: where its service has ended, the next
 * session_get() opens anew. Returns @r, or -ENOTCONN with a reason.
 */
int session_check(struct session *session, int r);

#endif
