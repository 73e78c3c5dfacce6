/* SPDX-License-Identifier: MIT */
#include "fake-session.h"

void __wrap_fuse_session_process_buf(struct fuse_session *session,
				     const struct fuse_buf *buf);

void (*fake_session_process)(const struct fuse_buf *request);

void __wrap_fuse_session_process_buf(struct fuse_session *session,
				     const struct fuse_buf *buf)
{
	fake_session_process(buf);
}
