/* SPDX-License-Identifier: MIT */
#include "fake-pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util.h"

struct fake_counts pool_counts;
int pool_knobs[FAKE_KNOBS] = {
	[FAKE_CONTEXT] = 1,  [FAKE_KNOWS_MAPPINGS] = 1, [FAKE_IMPORTS_DMABUFS] = 1,
	[FAKE_LOCATION] = 1, [FAKE_HIP_MAJOR] = 6,
};

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct memory *memories;
static struct physical *physicals;
static uint64_t last_id;
static pid_t owner;

static unsigned int n_calls, fail_at;
static int fail_result, fail_call_result;
static char fail_name[64], failed_name[64], hook_name[64];
static void (*hook_fn)(void);

void pool_lock(void)
{
	pthread_mutex_lock(&lock);
}

void pool_unlock(int *unused)
{
	pthread_mutex_unlock(&lock);
}

int pool_enter(const char *name)
{
	void (*hook)(void) = hook_fn;

	n_calls++;
	if (hook && strcmp(name, hook_name) == 0) {
		hook_fn = NULL;
		hook();
	}
	if (*fail_name && strcmp(name, fail_name) == 0)
		return fail_call_result;
	if (!fail_at || n_calls != fail_at)
		return 0;
	(void)snprintf(failed_name, sizeof(failed_name), "%s", name);
	return fail_result;
}

bool pool_is_ours(void)
{
	return owner == getpid();
}

void pool_begin(void)
{
	if (!owner)
		owner = getpid();
}

uint64_t pool_new_id(void)
{
	return ++last_id;
}

struct memory *pool_find(const void *pointer)
{
	const char *at = pointer;
	struct memory *memory = memories;

	while (memory && (at < memory->base || at >= memory->base + memory->bytes))
		memory = memory->next;
	return memory;
}

struct memory *pool_add(const struct memory *memory)
{
	struct memory *copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	*copy = *memory;
	copy->next = memories;
	memories = copy;
	return copy;
}

void pool_remove(struct memory *memory)
{
	struct memory **link = &memories;

	while (*link != memory)
		link = &(*link)->next;
	*link = memory->next;
	if (memory->fd >= 0)
		close(memory->fd);
	if (memory->physical) {
		memory->physical->mappings--;
		pool_settle(memory->physical);
	}
	free(memory);
}

int pool_memfd(const char *name, size_t bytes)
{
	int fd = memfd_create(name, MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, (off_t)bytes) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool pool_is_memfd(int fd, const char *name)
{
	char link[64], target[128], wanted[64];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	(void)snprintf(wanted, sizeof(wanted), "/memfd:%s", name);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	return strncmp(target, wanted, strlen(wanted)) == 0;
}

/* ---- physical memory and mappings of it -------------------------------------------- */

struct physical *pool_create(size_t bytes, bool exportable, int fd)
{
	struct physical *physical = calloc(1, sizeof(*physical));

	if (!physical)
		abort();
	physical->bytes = bytes;
	physical->exportable = exportable;
	physical->fd = fd;
	physical->block = pool_new_id();
	physical->next = physicals;
	physicals = physical;
	return physical;
}

struct physical *pool_physical(const void *handle)
{
	struct physical *physical = physicals;

	while (physical && physical != handle)
		physical = physical->next;
	return physical;
}

void pool_settle(struct physical *physical)
{
	struct physical **link = &physicals;

	if (physical->handles || physical->mappings)
		return;
	while (*link != physical)
		link = &(*link)->next;
	*link = physical->next;
	close(physical->fd);
	free(physical);
}

void *pool_reserve(size_t bytes, void *at)
{
	size_t room = bytes + FAKE_GRANULE;
	char *range, *aligned;

	if (at) {
		range = mmap(at, bytes, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		return range == MAP_FAILED ? NULL : range;
	}
	if (bytes > SIZE_MAX / 4)
		return NULL;
	range = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0);
	if (range == MAP_FAILED)
		return NULL;
	aligned = (char *)(((uintptr_t)range + FAKE_GRANULE - 1) / FAKE_GRANULE *
			   FAKE_GRANULE);
	if (aligned > range)
		munmap(range, (size_t)(aligned - range));
	if (range + room > aligned + bytes)
		munmap(aligned + bytes, (size_t)(range + room - (aligned + bytes)));
	return aligned;
}

bool pool_map(struct physical *physical, void *at, size_t bytes)
{
	return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    physical->fd, 0) != MAP_FAILED;
}

/* ---- allocations ------------------------------------------------------------------- */

static void *alloc_mapped(enum fake_kind kind, size_t bytes, void *at)
{
	size_t whole = (bytes + FAKE_GRANULE - 1) / FAKE_GRANULE * FAKE_GRANULE;
	int n = kind == FAKE_SEGMENTS ? 2 : 1;
	char *range = pool_reserve(whole * (size_t)n, at);
	uint64_t id = pool_new_id();

	for (int i = 0; range && i < n; i++) {
		struct physical *physical = pool_create(whole, kind != FAKE_VMM_LOCAL,
							pool_memfd(NAME_VMM, whole));

		physical->mappings = 1;
		if (!pool_map(physical, range + whole * (size_t)i, whole))
			abort();
		pool_add(&(struct memory){
			.kind = kind,
			.base = range + whole * (size_t)i,
			.bytes = whole,
			.id = id,
			.range = range,
			.range_bytes = whole * (size_t)n,
			.physical = physical,
			.fd = -1,
		});
	}
	return range;
}

/* HIP suballocates small allocations from buffers, hence the offset in the fake. */
static void *alloc_plain(enum fake_kind kind, size_t bytes, void *at)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t offset = pool_knobs[FAKE_HIP_MAJOR] < 0 ? 0 : page;
	char *base = pool_reserve(bytes, at);
	int fd;

	if (!base)
		return NULL;
	fd = pool_memfd(NAME_DMABUF, (offset + bytes + page - 1) / page * page);
	if (fd < 0 || mmap(base, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			   fd, (off_t)offset) == MAP_FAILED)
		abort();
	pool_add(&(struct memory){
		.kind = kind,
		.base = base,
		.bytes = bytes,
		.id = pool_new_id(),
		.range = base,
		.range_bytes = bytes,
		.fd = fd,
		.offset = offset,
	});
	return base;
}

void *pool_alloc(enum fake_kind kind, size_t bytes, void *at)
{
	POOL_LOCKED;

	pool_begin();
	if (kind == FAKE_VMM || kind == FAKE_VMM_LOCAL || kind == FAKE_SEGMENTS)
		return alloc_mapped(kind, bytes, at);
	return alloc_plain(kind, bytes, at);
}

void pool_free(void *pointer)
{
	POOL_LOCKED;
	struct memory *memory = pool_find(pointer);
	char *range = memory->range;
	size_t bytes = memory->range_bytes;

	while ((memory = pool_find(range)) != NULL ||
	       (memory = pool_find(range + bytes / 2)))
		pool_remove(memory);
	munmap(range, bytes);
}

static void replace(void *pointer)
{
	POOL_LOCKED;
	struct memory *memory = pool_find(pointer);
	struct physical *old = memory->physical;

	memory->physical = pool_create(old->bytes, old->exportable,
				       pool_memfd(NAME_VMM, old->bytes));
	memory->physical->mappings = 1;
	old->mappings--;
	pool_settle(old);
	if (!pool_map(memory->physical, memory->base, memory->bytes))
		abort();
}

/* ---- controls ---------------------------------------------------------------------- */

static void set(enum fake_knob knob, int value)
{
	POOL_LOCKED;

	pool_knobs[knob] = value;
}

static void fail(unsigned int nth, int result)
{
	POOL_LOCKED;

	fail_at = nth ? n_calls + nth : 0;
	fail_result = result;
	*failed_name = '\0';
}

static void fail_call(const char *name, int result)
{
	POOL_LOCKED;

	(void)snprintf(fail_name, sizeof(fail_name), "%s", name ? name : "");
	fail_call_result = result;
}

static const char *failed(void)
{
	return *failed_name ? failed_name : NULL;
}

static void during(const char *name, void (*hook)(void))
{
	POOL_LOCKED;

	(void)snprintf(hook_name, sizeof(hook_name), "%s", name ? name : "");
	hook_fn = hook;
}

static unsigned int calls(void)
{
	return n_calls;
}

static struct fake_counts counts(void)
{
	POOL_LOCKED;

	return pool_counts;
}

const struct fake_control pool_control = {
	.alloc = pool_alloc,
	.free = pool_free,
	.replace = replace,
	.set = set,
	.fail = fail,
	.fail_call = fail_call,
	.failed = failed,
	.during = during,
	.calls = calls,
	.counts = counts,
};
