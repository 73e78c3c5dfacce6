/* SPDX-License-Identifier: MIT */
#include "broker/rights.h"

#include <sys/socket.h>

/* Linux 6.16; not the same on all architectures, there this is as before Linux 6.16. */
#if !defined(SO_PASSRIGHTS) && !defined(__hppa__) && !defined(__sparc__)
#define SO_PASSRIGHTS 83
#endif

bool rights_permit(int fd, bool permitted)
{
#ifdef SO_PASSRIGHTS
	const int on = permitted;

	return setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof(on)) == 0;
#else
	return false;
#endif
}
