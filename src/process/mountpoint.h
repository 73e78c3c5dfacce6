/* SPDX-License-Identifier: MIT */
/* mountpoint.h - where the instance is mounted: the path, and the mount itself */
#ifndef DMABUFFS_MOUNTPOINT_H
#define DMABUFFS_MOUNTPOINT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Replaces *@path, allocated, by the absolute path of the same directory: the daemon will
 * leave its working directory. With @create it makes the directory if there is none.
 * -errno: logged; -ENOTDIR.
 */
int mountpoint_resolve(char **path, bool create);

/*
 * Detaches instances at @path whose service has ended: nothing else would remove them.
 * While no thread runs. -EBUSY: logged, the service of one is alive, or stopped; -errno.
 */
int mountpoint_clear(const char *path);

/*
 * The device number of the instance that is mounted at @path, if one is the topmost mount
 * there, with a service or without. 0 or -errno.
 */
int mountpoint_find(const char *path, uint64_t *ret_dev);

/*
 * The same of the FUSE device @connection, where the kernel says it (Linux 6.18 does):
 * wherever its instance is mounted. 0 or -errno.
 */
int mountpoint_of(int connection, uint64_t *ret_dev);

/*
 * Returns the device number of the mount at @path and a private clone of the mount, a
 * descriptor. It works before requests are served: the root of a mount is not looked up,
 * and its attributes are not requested. 0 or -errno.
 */
int mountpoint_clone(const char *path, uint64_t *ret_dev, int *ret_tree);

/*
 * Is a mount with this device number left in the mount namespace of which @mountinfo is
 * the open list? True if unknown.
 */
bool mountpoint_is_mounted(int mountinfo, uint64_t dev);

/*
 * Aborts the requests in, and detaches, the mount with device number @dev from @path, if
 * that is still the topmost one there. libfuse would detach whatever it finds, be it the
 * mount of the next instance, which can have the same number: @connection, the FUSE
 * device of this instance, shows whether it is mounted at all. A failure is logged.
 */
void mountpoint_unmount(const char *path, uint64_t dev, int connection);

#endif
