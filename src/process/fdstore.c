/* SPDX-License-Identifier: MIT */
#include "process/fdstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "process/notify.h"
#include "util.h"

/* systemd removes a descriptor that hangs up, unless it is asked not to look. */
static int fdstore_put_one(const char *name, int fd, void *unused)
{
	char message[64];

	(void)snprintf(message, sizeof(message), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s\n",
		       name);
	return notify(message, fd);
}

/* Since version 254 systemd says how many it keeps; it closes the others without a word.
 */
static void fdstore_check_room(const struct held *held)
{
	const char *room = getenv("FDSTORE");
	unsigned needed = held_count_passed(held);

	if (room && strtoul(room, NULL, 10) < needed)
		log_warning("a killed service will have no successor: "
			    "FileDescriptorStoreMax= must be %u or more",
			    needed);
}

static int fdstore_drop_one(const char *name, int fd, void *unused)
{
	char message[64];

	(void)snprintf(message, sizeof(message), "FDSTOREREMOVE=1\nFDNAME=%s\n", name);
	return notify(message, -1);
}

static int fdstore_check(int result)
{
	if (result < 0)
		log_warning("systemd cannot keep the descriptors of the mount: %s",
			    strerror(-result));
	return result;
}

int fdstore_put(const struct held *held)
{
	fdstore_check_room(held);
	return fdstore_check(held_for_each(held, fdstore_put_one, NULL));
}

int fdstore_put_service(const struct held *held)
{
	int r = fdstore_drop_one(HELD_SERVICE, -1, NULL);

	if (r == 0)
		r = fdstore_put_one(HELD_SERVICE, held->service, NULL);
	return fdstore_check(r);
}

void fdstore_drop(const struct held *held)
{
	int r = held_for_each(held, fdstore_drop_one, NULL);

	if (r < 0)
		log_warning("systemd keeps descriptors of a mount that ended: %s",
			    strerror(-r));
}
