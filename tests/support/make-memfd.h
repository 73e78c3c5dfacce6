/* SPDX-License-Identifier: MIT */
/* make-memfd.h - memory for tests that are not about making it */
#ifndef DMABUFFS_TESTS_MAKE_MEMFD_H
#define DMABUFFS_TESTS_MAKE_MEMFD_H

#include <stdint.h>

/* A memfd of @bytes zero bytes with these F_SEAL_*, close-on-exec; or -errno. */
int try_memfd(uint64_t bytes, int seals);

/* The same; abort() on failure, which fails the test. */
int new_sealed_memfd(uint64_t bytes, int seals);

/* Without a seal, but it can be sealed. */
int new_memfd(uint64_t bytes);

/* Another open file description of the same file, close-on-exec; or -1 and errno. */
int reopen(int fd, int flags);

#endif
