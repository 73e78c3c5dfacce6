/* SPDX-License-Identifier: MIT */
/*
 * wire.h - the fields of structs from clients
 *
 * The rules are those at the top of dmabuffs-ioctl.h. Pure functions.
 */
#ifndef DMABUFFS_WIRE_H
#define DMABUFFS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <dmabuffs-ioctl.h>

/* The fields of an export, before anything is done: 0, -EINVAL, -EBADF, -EOPNOTSUPP. */
int wire_check_export(const struct dmabuffs_export *arg);

/* Either a descriptor or a ticket; the other must be unset. 0, -EINVAL, -EBADF. */
int wire_check_source(bool by_ticket, int fd, const uint8_t ticket[DMABUFFS_TICKET_SIZE]);

/* Of a command that has none yet. 0 or -EOPNOTSUPP. */
int wire_check_no_flags(uint32_t flags);

int wire_check_list(const struct dmabuffs_list *arg);
int wire_check_entries(const struct dmabuffs_entries *arg);
int wire_check_withdraw(const struct dmabuffs_withdraw *arg);
int wire_check_ended(const struct dmabuffs_ended *arg);

#endif
