/* SPDX-License-Identifier: MIT */
#include "info.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "sized.h"

/* All of these structs begin like this. */
struct info_head {
	uint32_t size, flags;
};

int accel_info_take(const void *arg, size_t min_size, void *ret_known, size_t size)
{
	struct info_head head;
	int r = sized_take(arg, SIZE_MAX, min_size, ret_known, size);

	if (r < 0)
		return r;
	memcpy(&head, ret_known, sizeof(head));
	return head.flags ? -EOPNOTSUPP : 0;
}

void accel_info_give(const void *known, size_t size, void *ret_arg)
{
	uint32_t room;

	memcpy(&room, ret_arg, sizeof(room));
	if (room < sizeof(room))
		return;
	sized_give(known, size, ret_arg, room);
	memcpy(ret_arg, &room, sizeof(room));
}
