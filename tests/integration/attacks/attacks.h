/* SPDX-License-Identifier: MIT */
/*
 * attacks.h - what hostile clients do; for the case of one attack and for all at once
 *
 *
 * An attack runs in a process of its own, as an ordinary user unless it says otherwise,
 * and uses only the instance and the hostile server of its scene. It signals its peer
 * once it has begun; some then wait for a byte. Unless it says otherwise it goes on until
 * it is killed. A process that touches the hostile page ends only after the server, see
 * scene_kill_server(). For child_start().
 */
#ifndef DMABUFFS_TEST_ATTACKS_H
#define DMABUFFS_TEST_ATTACKS_H

#include "../hostile.h"

typedef void attack_fn(int peer, void *scene);

/* ---- the lock of a directory (directory.c) ----------------------------------------- */

/* getdents(2) of a directory that the attacker may read, into the hostile page. */
attack_fn attack_read_root, attack_read_devices;

/* Creates files, and removes names that do not exist: the kernel takes the lock first. */
attack_fn attack_create_in_root, attack_create_in_devices, attack_unlink_absent;

/*
 * write(2) to an own name from the hostile page, with its inode locked; and unlink(2) of
 * it, by another process of the same user.
 */
attack_fn attack_write_name, attack_unlink_written;

/* Changes the owner and the mode of the root, which is refused; as uid 0 or another. */
attack_fn attack_chown_root;

/* ---- close(2) that takes long (files.c, locks.c) ----------------------------------- */

/* Each waits for a byte before it sends the hostile file, and then signals again. */
attack_fn attack_export_hostile, attack_send_hostile;

/* Sends sockets that linger. */
attack_fn attack_send_lingering;

/* Sends files of the mount itself, and closes its own at once. */
attack_fn attack_send_own_files;

/* Of a memfd with many record locks: thousands of names that end at once, exchanges. */
attack_fn attack_close_locked;

/* Sets @n_locks record locks on a memfd: each close(2) of it takes as long. */
void attack_lock_often(int fd, unsigned int n_locks);

/*
 * Thousands of names and exchanges of @fd, which the service closes once this returns;
 * sets @n_locks record locks on @locked, which is @fd or another memfd.
 */
void attack_make_closes(const struct instance *instance, int fd, int locked,
			unsigned int n_locks);

/* ---- locks of the attacker's memory (memory.c) ------------------------------------- */

/* Threads that export, revoke or write a memfd whose inode a thread keeps locked. */
attack_fn attack_export_held, attack_revoke_held, attack_write_held;

/* Until a byte: a lease on a memfd that it exports; on the name board->leased. */
attack_fn attack_lease_memfd, attack_lease_name;

/* ---- the broker's protocol (broker.c) ---------------------------------------------- */

/*
 * Never reads a reply: on one connection until the service closes it, which it signals
 * again; on ten.
 */
attack_fn attack_never_read, attack_pile_up;

/* Shuts connections down at any step, sends empty messages and random ones. */
attack_fn attack_half_dead, attack_empty_messages, attack_garbage_messages;

/* Kills itself before it has its replies. */
attack_fn attack_ask_and_die;

/* Idle connections, as many as one user gets; connections that come and go. */
attack_fn attack_connect_many, attack_come_and_go;

/* Many processes of one user that connect and exchange. */
attack_fn attack_crowd;

/* ---- names (names.c) --------------------------------------------------------------- */

attack_fn attack_garbage_ioctls;

/* A name's mode, owner, ACL and extended attributes, valid and not. */
attack_fn attack_attributes;

/* Sparse memfds of a terabyte, as many as it gets. */
attack_fn attack_sparse;

/* Appends to a name while its memfd grows. */
attack_fn attack_append;

/* Thousands of names that end at once, again and again. */
attack_fn attack_names_end;

/* Lists its names, thousands of them, again and again. */
attack_fn attack_read_entries;

/* As uid 0: a person takes all that 64 uids of its user namespace get, and ends. */
attack_fn attack_subuids;

/* ---- ordinary calls, for a process that is killed at any step (loops.c) ------------ */

attack_fn attack_export_loop, attack_revoke_loop, attack_root_loop, attack_open_loop,
	attack_exchange_loop, attack_read_loop, attack_ticket_loop;

/* ---- accelerators (queues.c, engines.c) -------------------------------------------- */

/* A context whose queues hang in the hostile page; a byte makes two of them close it. */
attack_fn attack_hang_reading, attack_hang_writing, attack_hang_and_keep;
#define ATTACK_HUNG_QUEUES 8

/* Binds its memory while an engine hangs in it; counts what the service refuses. */
attack_fn attack_bind_locked;

/* All queues of one user, and keeps them. */
attack_fn attack_take_queues;
#define ATTACK_USER_QUEUES 32 /* the limit of a user */

/* Destroys busy queues, or their context, twenty times; then ends. */
attack_fn attack_remake_queues;

/* Thirty-two queues with one long command after the other, or with unread events. */
attack_fn attack_endless_copies, attack_endless_products, attack_endless_events;

/* Eight threads that call without a pause, until a byte; then it ends. */
attack_fn attack_endless_calls;

/* Queues that fault until they are isolated; fences whose signaller faults. */
attack_fn attack_fault, attack_abandon_fences;

#endif
