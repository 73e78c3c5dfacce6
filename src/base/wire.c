/* SPDX-License-Identifier: MIT */
#include "base/wire.h"

#include <string.h>

#include "sized.h"
#include "util.h"

#define EXPORT_FLAGS                                                                     \
	(DMABUFFS_EXPORT_PERSIST | DMABUFFS_EXPORT_READONLY | DMABUFFS_EXPORT_MODE |     \
	 DMABUFFS_EXPORT_TICKET | DMABUFFS_EXPORT_ANOTHER)

/* Printable ASCII up to a NUL, zero after it: it is shown to people. */
static bool wire_label_is_valid(const uint8_t label[DMABUFFS_LABEL_SIZE])
{
	size_t length = strnlen((const char *)label, DMABUFFS_LABEL_SIZE);

	for (size_t i = 0; i < length; i++)
		if (label[i] < 0x20 || label[i] > 0x7e)
			return false;
	return length < DMABUFFS_LABEL_SIZE &&
	       sized_is_zero(label + length, DMABUFFS_LABEL_SIZE - length);
}

int wire_check_source(bool by_ticket, int fd, const uint8_t ticket[DMABUFFS_TICKET_SIZE])
{
	if (by_ticket)
		return fd == -1 ? 0 : -EINVAL;
	if (!sized_is_zero(ticket, DMABUFFS_TICKET_SIZE))
		return -EINVAL;
	return fd < 0 ? -EBADF : 0;
}

int wire_check_export(const struct dmabuffs_export *arg)
{
	if (arg->flags & ~EXPORT_FLAGS)
		return -EOPNOTSUPP;
	if (arg->flags & DMABUFFS_EXPORT_MODE ? arg->mode > 0777 : arg->mode != 0)
		return -EINVAL;
	if (!wire_label_is_valid(arg->label))
		return -EINVAL;
	return wire_check_source(arg->flags & DMABUFFS_EXPORT_TICKET, arg->fd,
				 arg->ticket);
}

int wire_check_no_flags(uint32_t flags)
{
	return flags ? -EOPNOTSUPP : 0;
}

int wire_check_withdraw(const struct dmabuffs_withdraw *arg)
{
	return arg->flags & ~DMABUFFS_WITHDRAW_OWN ? -EOPNOTSUPP : 0;
}

int wire_check_list(const struct dmabuffs_list *arg)
{
	if (arg->flags)
		return -EOPNOTSUPP;
	return sized_is_zero(arg->reserved, sizeof(arg->reserved)) ? 0 : -EINVAL;
}

int wire_check_entries(const struct dmabuffs_entries *arg)
{
	if (arg->flags)
		return -EOPNOTSUPP;
	return sized_is_zero(arg->reserved, sizeof(arg->reserved)) ? 0 : -EINVAL;
}

int wire_check_ended(const struct dmabuffs_ended *arg)
{
	if (arg->flags)
		return -EOPNOTSUPP;
	return arg->cause || arg->reserved ? -EINVAL : 0;
}
