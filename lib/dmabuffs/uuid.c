/* SPDX-License-Identifier: MIT */
/* uuid.c - names as bytes and as text */
#include <errno.h>
#include <string.h>

#include <uuid.h>

#include "instance.h"

_public_ void dmabuffs_uuid_format(const dmabuffs_uuid *uuid,
				   char text[DMABUFFS_UUID_TEXT_SIZE])
{
	uuid_unparse_lower(uuid->bytes, text);
}

_public_ int dmabuffs_uuid_parse(const char *text, dmabuffs_uuid *ret_uuid)
{
	char canonical[DMABUFFS_UUID_TEXT_SIZE];
	dmabuffs_uuid uuid;

	/* libuuid accepts upper case, but that is another file name. */
	if (uuid_parse(text, uuid.bytes) < 0)
		return -EINVAL;
	dmabuffs_uuid_format(&uuid, canonical);
	if (strcmp(text, canonical) != 0)
		return -EINVAL;

	*ret_uuid = uuid;
	return 0;
}
