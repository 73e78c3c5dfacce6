/* SPDX-License-Identifier: MIT */
/* helper_serve.h - one process of the helper, which serves one socket of the service */
#ifndef DMABUFFS_HELPER_SERVE_H
#define DMABUFFS_HELPER_SERVE_H

#include "base/helper.h"

/*
 * Serves the requests that come over @socket until its other end is closed; clears *@busy
 * when all that a request has left is closed. Has no other descriptor of use. The status
 * to exit with.
 */
int helper_serve(int socket, helper_busy *busy);

#endif
