/* SPDX-License-Identifier: MIT */
/* fake-pool.h - shared by the fake runtimes: memory, injected failures, counters */
#ifndef HIPIPC_TEST_FAKE_POOL_H
#define HIPIPC_TEST_FAKE_POOL_H

#include "fake.h"

/* Memory of cuMemCreate(). Freed with its last reference and last mapping. */
struct physical {
	struct physical *next;
	int handles; /* references returned by calls */
	int mappings;
	int fd; /* a memfd, identified by its name */
	size_t bytes;
	uint64_t block;
	bool exportable;
};

/* A range that a pointer may point into. */
struct memory {
	struct memory *next;
	enum fake_kind kind;
	char *base;
	size_t bytes;
	uint64_t id;
	char *range; /* assigned by the allocation call or the reservation */
	size_t range_bytes;
	struct physical *physical; /* NULL: of another kind */
	int fd;                    /* the memfd of memory of other kinds; -1: none */
	size_t offset;             /* in the memfd */
};

#define NAME_VMM    "fake-vmm"
#define NAME_DMABUF "fake-dmabuf"

extern struct fake_counts pool_counts;
extern int pool_knobs[FAKE_KNOBS];

/* Everything below is called with the pool locked. */
void pool_lock(void);
void pool_unlock(int *unused);
#define POOL_LOCKED                                                                      \
	__attribute__((cleanup(pool_unlock), unused)) int locked_ = (pool_lock(), 0)

/* Begins a call: the result it must return at once; 0: none. */
int pool_enter(const char *name);

/* Begins a call that succeeds; the pool is locked then. */
#define POOL_CALL                                                                        \
	POOL_LOCKED;                                                                     \
	do {                                                                             \
		int injected_ = pool_enter(__func__);                                    \
		if (injected_)                                                           \
			return injected_;                                                \
	} while (0)

/* False in a child of the process that used the runtime first. */
bool pool_is_ours(void);
void pool_begin(void);

uint64_t pool_new_id(void);
struct memory *pool_find(const void *pointer);
struct memory *pool_add(const struct memory *memory);
void pool_remove(struct memory *memory);

/* A memfd of that name and size, not close-on-exec; and whether @fd is one. */
int pool_memfd(const char *name, size_t bytes);
bool pool_is_memfd(int fd, const char *name);

struct physical *pool_create(size_t bytes, bool exportable, int fd);
struct physical *pool_physical(const void *handle);
/* Frees it unless it has references or mappings. */
void pool_settle(struct physical *physical);

/* Address space without memory, at a multiple of FAKE_GRANULE. */
void *pool_reserve(size_t bytes, void *at);
bool pool_map(struct physical *physical, void *at, size_t bytes);

void *pool_alloc(enum fake_kind kind, size_t bytes, void *at);
void pool_free(void *pointer);

extern const struct fake_control pool_control;

#endif
