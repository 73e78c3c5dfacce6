/* SPDX-License-Identifier: MIT */
#include "base/drivers.h"

#include <errno.h>
#include <linux/major.h>
#include <string.h>

#include "util.h"

/* Block devices follow, which have major numbers of their own. */
static const char drivers_block_heading[] = "Block devices:";

bool drivers_have(const struct driver_list *drivers, const char *name)
{
	for (size_t i = 0; i < drivers->n; i++)
		if (!strcmp(drivers->names[i], name))
			return true;
	return false;
}

/* "195 nvidia\n" */
static bool drivers_names_listed(const struct driver_list *drivers, unsigned major,
				 char *line)
{
	unsigned number;
	int length;

	if (sscanf(line, "%u %n", &number, &length) != 1 || number != major)
		return false;
	line += length;
	line[strcspn(line, "\n")] = '\0';
	return drivers_have(drivers, line);
}

bool drivers_have_major_in(const struct driver_list *drivers, unsigned major,
			   FILE *devices)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (!found && getline(&line, &size, devices) > 0) {
		if (!strncmp(line, drivers_block_heading, strlen(drivers_block_heading)))
			break;
		found = drivers_names_listed(drivers, major, line);
	}
	return found;
}

int drivers_have_major(const struct driver_list *drivers, unsigned major)
{
	FILE *devices;
	bool found;

	/* Shared by many drivers, /dev/fuse among them: see options_parse_drivers(). */
	if (major == MISC_MAJOR)
		return 0;
	devices = fopen("/proc/devices", "re");
	if (!devices)
		return -errno;
	found = drivers_have_major_in(drivers, major, devices);
	fclose(devices);
	return found;
}
