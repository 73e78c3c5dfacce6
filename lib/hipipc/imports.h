/* SPDX-License-Identifier: MIT */
/* imports.h - what a vendor's runtime has mapped for us, and how to undo it */
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
 * @reserved: bytes of address space that are mapped there; 0: @external knows
 * @external: the runtime's object, NULL: none
 * @fd: a descriptor of our own that the object uses, -1: none
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

/* Of one runtime. A static one is ready for use. */
struct imports {
	pthread_mutex_t lock;
	struct htab table; /* under lock */
};

/* A copy of @import. -ENOMEM. */
int imports_add(struct imports *imports, const struct import *import);

/* Takes it out, so that only one caller undoes it. -EINVAL: not there. */
int imports_take(struct imports *imports, uint64_t pointer, struct import *ret_import);

/*
 * Whether @bytes at @offset lie in the buffer behind @fd, as the kernel knows its size:
 * -EBADMSG, with a reason. What a handle says about them is not to be trusted, and
 * drivers do not check it.
 */
int imports_check(int fd, uint64_t offset, uint64_t bytes, uint64_t *ret_size);

#endif
