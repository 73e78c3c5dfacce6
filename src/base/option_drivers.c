/* SPDX-License-Identifier: MIT */
/* option_drivers.c - the mount option that lists drivers of character devices */

#include <ctype.h>
#include <string.h>

#include "base/options.h"
#include "util.h"

/*
 * The server of a file of /dev/fuse can be a client of ours: the service would wait for
 * it, and a mount whose connection the service holds would never end. "misc" is the name
 * that /proc/devices has for all drivers of that major number.
 */
static const char *const option_drivers_never[] = {"misc", "fuse"};

static bool option_drivers_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= DRIVER_NAME_SIZE)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)name[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(option_drivers_never); i++)
		if (!strcmp(option_drivers_never[i], name))
			return false;
	return true;
}

int options_parse_drivers(const char *text, struct driver_list *ret_drivers)
{
	_cleanup_free_ char *copy = strdup(text);
	struct driver_list drivers = {.n = 0};
	char *name, *rest = copy;

	if (!copy)
		return -ENOMEM;
	while ((name = strsep(&rest, ":"))) {
		if (!option_drivers_is_valid(name) || drivers.n == DRIVERS_MAX)
			return -EINVAL;
		memcpy(drivers.names[drivers.n++], name, strlen(name) + 1);
	}
	*ret_drivers = drivers;
	return 0;
}
