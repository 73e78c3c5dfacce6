/* SPDX-License-Identifier: MIT */
/* imports.c - the table of buffers that a vendor's runtime has mapped */
#include "imports.h"

#include <inttypes.h>

#include <util.h>

#include "reason.h"

int imports_add(struct imports *imports, const struct import *import)
{
	struct import *copy = malloc(sizeof(*copy));
	int r;

	if (!copy)
		return -ENOMEM;
	*copy = *import;
	pthread_mutex_lock(&imports->lock);
	r = htab_insert(&imports->table, &copy->node, copy->pointer);
	pthread_mutex_unlock(&imports->lock);
	if (r < 0)
		free(copy);
	return r;
}

int imports_take(struct imports *imports, uint64_t pointer, struct import *ret_import)
{
	struct htab_node *node;
	struct import *import;

	pthread_mutex_lock(&imports->lock);
	node = htab_first(&imports->table, pointer);
	if (node)
		htab_remove(&imports->table, node);
	pthread_mutex_unlock(&imports->lock);
	if (!node)
		return -EINVAL;
	import = container_of(node, struct import, node);
	*ret_import = *import;
	free(import);
	return 0;
}

/* lseek(2) to the end is the only call that returns the size of a dma-buf. */
int imports_check(int fd, uint64_t offset, uint64_t bytes, uint64_t *ret_size)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < 0)
		return reason(-EBADMSG, "the buffer is not a dma-buf");
	if (!bytes || bytes > (uint64_t)end || offset > (uint64_t)end - bytes)
		return reason(-EBADMSG,
			      "the handle claims %" PRIu64 " bytes at %" PRIu64
			      " of a buffer of %" PRIu64
			      ": it was not made for this buffer",
			      bytes, offset, (uint64_t)end);
	*ret_size = (uint64_t)end;
	return 0;
}
