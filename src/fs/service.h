/* SPDX-License-Identifier: MIT */
/*
 * service.h - all parts of one mounted instance
 *
 * main.c creates it before any thread. It is fixed then, except where the parts document
 * otherwise. It is the user data of the FUSE session.
 */
#ifndef DMABUFFS_SERVICE_H
#define DMABUFFS_SERVICE_H

#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/limits.h"
#include "base/options.h"
#include "broker/broker.h"
#include "broker/tickets.h"
#include "buffers/dmabuf_io.h"
#include "devices/devices.h"
#include "devices/devices_restore.h"
#include "names/identities.h"
#include "names/notifier.h"
#include "names/rebuild.h"
#include "names/table.h"
#include "store/state.h"

struct service {
	struct options options;
	struct state state; /* what a successor continues with */
	struct limits limits;
	struct table table;
	struct tickets tickets;
	struct devices devices;
	struct devices_restore devices_restore; /* of a takeover */
	struct notifier notifier;
	struct dmabuf_io dmabuf_io;
	struct broker broker;
	struct identities identities; /* with the option idmap */
	/* Of .control and .idmap; protected by the table's lock. */
	struct node control, idmap;
	_Atomic uint64_t forget_due_ms; /* see restore_forget(); 0: never */
	struct rebuild rebuild;         /* of a takeover, until restore_finish() */
	struct fuse_session *session;
	/* Has the holder start the installed program: keeper_upgrade(), or NULL. */
	int (*upgrade)(void);
	bool upgraded;            /* an upgrade made this successor */
	atomic_bool passthrough;  /* cleared if the kernel refuses it */
	_Atomic pid_t binder;     /* the thread that may create .broker; 0: none */
	atomic_bool broker_bound; /* .broker exists */
};

#endif
