/* SPDX-License-Identifier: MIT */
/* pidfd.h - what <sys/pidfd.h> of an older C library does not have */
#ifndef DMABUFFS_PIDFD_H
#define DMABUFFS_PIDFD_H

#include <fcntl.h>
#include <sys/ioctl.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

#ifndef PIDFD_GET_USER_NAMESPACE
#define PIDFD_GET_USER_NAMESPACE _IO(0xff, 9) /* Linux 6.11 */
#endif

#endif
