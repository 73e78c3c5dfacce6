/* SPDX-License-Identifier: MIT */
/*
 * caller.h - the process behind a FUSE request
 *
 * The kernel identifies it by a thread id in our PID namespace, 0 when it has none here.
 * The id is not reused before the reply, because even a killed caller waits for the reply
 * to a request that was read. So all functions must be called before replying.
 */
#ifndef DMABUFFS_CALLER_H
#define DMABUFFS_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <dmabuffs-ioctl.h>

#include "names/ids.h"
#include "store/ledger.h"

struct helper_reply;

/* The recorded identity of an exporter. Immutable; shared by its exports. */
struct caller {
	_Atomic unsigned refs;
	uint64_t thread; /* inode number of its pidfd; 0: not unique before Linux 6.9 */
	pid_t pid;       /* the process, in our PID namespace; 0: it has none */
	char comm[DMABUFFS_COMM_SIZE];
	uint64_t ns[DMABUFFS_NS_COUNT]; /* inode numbers; 0: unknown */
	char *security;                 /* security label, NULL: no LSM sets one */
	/* Its record, once something that a successor needs refers to it. */
	struct ledger *ledger; /* borrowed */
	uint32_t record;       /* slot + 1; 0: none */
};

/* Probes the kernel. Once, before any other function here. */
void caller_setup(void);

/* Can the kernel name a thread (Linux 6.9)? If not, it takes rights over it. */
bool caller_can_name_threads(void);

/* A pidfd of the thread @tid. -EREMOTE: it has no id in our PID namespace; or -errno. */
int caller_open(pid_t tid);

/*
 * A duplicate of descriptor @fd of the thread behind @pidfd. -EBADF: not open there;
 * -EREMOTE: ptrace access to the thread is denied (CAP_SYS_PTRACE), or it has exited.
 */
int caller_take_fd(int pidfd, int fd);

/* The fsuid and fsgid of the thread, in our user namespace; -EREMOTE: unreadable. */
int caller_read_ids(pid_t tid, struct ids *ret_ids);

/* Fills identity of the reply, in the helper. */
void caller_read_identity(pid_t tid, struct helper_reply *reply);

/* Reads the namespaces only. The number of one that cannot be read is 0. */
void caller_read_namespaces(pid_t tid, uint64_t ret_ns[DMABUFFS_NS_COUNT]);

/* Is the thread certainly in our user namespace? It then sees the same ids as we do. */
bool caller_shares_user_ns(pid_t tid);

/*
 * Does the kernel let the thread read any file of the mount and search any directory of
 * it, whatever their modes? True only if that is certain: it has the capability, and in
 * our user namespace, whose ids the files have. @ns is what the function above read.
 */
bool caller_reads_all(pid_t tid, const uint64_t ns[DMABUFFS_NS_COUNT]);

/*
 * Reads the identity of the thread. If @cached is of the same thread, it is returned with
 * one more reference, so that repeated exports of a thread read /proc once. The recorded
 * identity is then that of the first export through one root description. -ENOMEM.
 */
int caller_read(pid_t tid, int pidfd, struct caller *cached, struct caller **ret_caller);

struct caller *caller_ref(struct caller *caller);
void caller_unref(struct caller *caller); /* NULL is allowed */

/*
 * caller_record.c: stores it, unless it is stored already, for a record that will refer
 * to caller->record. Not by two threads at once. 0 or -ENOSPC.
 */
int caller_store(struct caller *caller, struct ledger *ledger);

/* For a successor: the caller of a committed record. 0, -ENOMEM, -EBADMSG. */
int caller_restore(struct ledger *ledger, uint32_t slot, struct caller **ret_caller);

#endif
