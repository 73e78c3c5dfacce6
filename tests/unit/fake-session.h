/* SPDX-License-Identifier: MIT */
/* fake-session.h - what stands for libfuse where a test hands it requests */
#ifndef DMABUFFS_TEST_FAKE_SESSION_H
#define DMABUFFS_TEST_FAKE_SESSION_H

#include <fuse_lowlevel.h>

/* Called for fuse_session_process_buf(); set by the test. */
extern void (*fake_session_process)(const struct fuse_buf *request);

#endif
