/* SPDX-License-Identifier: MIT */
/* proc_read.h - what /proc says of a process or thread, by its id in our PID namespace */
#ifndef DMABUFFS_PROC_READ_H
#define DMABUFFS_PROC_READ_H

#include <stddef.h>
#include <sys/types.h>

/* The beginning of /proc/@pid/@name as a string; and of its first line. 0 or -errno. */
int proc_read_text(pid_t pid, const char *name, char *buf, size_t size);
int proc_read_line(pid_t pid, const char *name, char *buf, size_t size);

/* The id of its thread group's leader; -errno. */
pid_t proc_read_leader(pid_t pid);

/* Its fsuid and fsgid, in our user namespace. 0 or -errno. */
int proc_read_fs_ids(pid_t pid, uid_t *ret_uid, gid_t *ret_gid);

#endif
