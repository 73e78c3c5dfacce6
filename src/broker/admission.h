/* SPDX-License-Identifier: MIT */
/*
 * admission.h - room for a new connection to the broker
 *
 * A new connection takes the place of one that waits for nothing: the least recently used
 * one of its user, with all uids of that person's namespaces, or of all when the mount is
 * full. Where there is none, it waits; where too many wait, or one waited too long, the
 * broker replies EUSERS to its request and closes it. A connection with a request under
 * way is never closed for another one. Called by the broker's thread alone.
 */
#ifndef DMABUFFS_ADMISSION_H
#define DMABUFFS_ADMISSION_H

#include "broker/broker.h"

/*
 * Before accept(2), so that what was accepted can be closed elsewhere, whatever fails.
 * False: out of memory.
 */
bool admission_prepare(struct broker *broker);

/*
 * Admits @fd, which is taken over, or lets it wait, or refuses it; after
 * admission_prepare().
 */
void admission_take(struct broker *broker, int fd);

/*
 * Admits connections that wait, of each person in turn the longest waiting, and refuses
 * those that waited too long.
 */
void admission_continue(struct broker *broker);

/* Closes one connection that waits for nothing, of any user; false: there is none. */
bool admission_make_room(struct broker *broker);

/* An admitted connection was used: others are closed first. */
void admission_used(struct broker *broker, struct connection *connection);

/* Closes a connection that was admitted. */
void admission_drop(struct broker *broker, struct connection *connection);

/* Closes all, admitted and waiting. */
void admission_finish(struct broker *broker);

#endif
