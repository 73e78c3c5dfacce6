/* SPDX-License-Identifier: MIT */
/* test-session.c - how the loop of requests ends */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "process/session.h"

#undef fuse_session_loop_mt

/* The names of one function, with and without symbol versions in libfuse. */
int __wrap_fuse_session_loop_mt(struct fuse_session *session,
				struct fuse_loop_config *config);
int __wrap_fuse_session_loop_mt_312(struct fuse_session *session,
				    struct fuse_loop_config *config);

static int loop_result;

int __wrap_fuse_session_loop_mt_312(struct fuse_session *session,
				    struct fuse_loop_config *config)
{
	cr_assert(ne(ptr, config, NULL));
	return loop_result;
}

int __wrap_fuse_session_loop_mt(struct fuse_session *session,
				struct fuse_loop_config *config)
{
	return __wrap_fuse_session_loop_mt_312(session, config);
}

static int loop_that_returns(int result)
{
	struct service service = {0};

	loop_result = result;
	return session_loop(&service);
}

Test(session, ends)
{
	cr_assert(zero(int, loop_that_returns(0)));
}

/* A read of the device that was taking a request when the connection was aborted. */
Test(session, ends_when_aborted_during_a_read)
{
	cr_assert(zero(int, loop_that_returns(-ECONNABORTED)));
}

Test(session, reports_other_errors)
{
	cr_assert(eq(int, loop_that_returns(-EIO), -EIO));
	cr_assert(eq(int, loop_that_returns(-EPERM), -EPERM));
}
