/* SPDX-License-Identifier: MIT */
/*
 * unreplied.h - replies to open(2) that a killed service may not have sent
 *
 * An open file is stored before it is replied to, and the record says when it was replied
 * to. The kernel sends the other requests again (FUSE_NOTIFY_RESEND), but not one whose
 * client is killed before it is read again: nobody would close the file. Before they are
 * sent again, the kernel waits for the reply, whatever happens to the client. So a
 * successor replies first. If the kernel does not wait, the client has the file.
 */
#ifndef DMABUFFS_UNREPLIED_H
#define DMABUFFS_UNREPLIED_H

#include "fs/service.h"

/* After restore(), and before requests are sent again; @device is /dev/fuse. */
void unreplied_finish(struct service *service, int device);

#endif
