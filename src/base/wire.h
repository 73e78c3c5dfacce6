/* SPDX-License-Identifier: MIT */
/*
 * wire.h - the fields of structs from clients
 *
 * The rules are those at the top of dmabuffs-ioctl.h. Pure functions.
 */
#ifndef DMABUFFS_WIRE_H
#define DMABUFFS_WIRE_H

#include <dmabuffs-ioctl.h>

/* The fields of an export, before anything is done: 0, -EINVAL, -EBADF, -EOPNOTSUPP. */
int wire_check_export(const struct dmabuffs_export *arg);
int wire_check_revoke(const struct dmabuffs_revoke *arg);
int wire_check_withdraw(const struct dmabuffs_withdraw *arg);
int wire_check_list(const struct dmabuffs_list *arg);
int wire_check_limits(const struct dmabuffs_limits *arg);
int wire_check_ended(const struct dmabuffs_ended *arg);
int wire_check_info(const struct dmabuffs_info *arg);

#endif
