/* SPDX-License-Identifier: MIT */
/* imports.h - buffers that a vendor's runtime has mapped, and how to undo that */
#ifndef HIPIPC_IMPORTS_H
#define HIPIPC_IMPORTS_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include <htab.h>

/**
 * struct import - one imported buffer
 * @node: in the table, by @pointer
 * @pointer: where it is mapped
 * @reserved: size of the mapping in address space; 0: mapped through @external
 * @external: the runtime's object, or NULL
 * @fd: the descriptor that the object uses, owned by this struct; -1: none
 * @dev: of the file behind @fd
 * @ino: of the file behind @fd
 */
struct import {
	struct htab_node node;
	uint64_t pointer;
	uint64_t reserved;
	void *external;
	int fd;
	dev_t dev;
	ino_t ino;
};

/* The imports of one runtime; the lock is initialized. */
struct imports {
	pthread_mutex_t lock;
	struct htab table; /* protected by @lock */
};

/* Adds a copy of @import. 0 or -ENOMEM. */
int imports_add(struct imports *imports, const struct import *import);

/* Removes an import from the table; the caller then undoes it. -EINVAL: none there. */
int imports_take(struct imports *imports, uint64_t pointer, struct import *ret_import);

/*
 * Checks that @bytes at @offset lie in the buffer behind @fd, whose size comes from the
 * kernel. The range comes from a handle, which is not trusted, and drivers do not check
 * it. -EBADMSG, with a reason.
 */
int imports_check(int fd, uint64_t offset, uint64_t bytes, uint64_t *ret_size);

#endif
