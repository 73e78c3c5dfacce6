/* SPDX-License-Identifier: MIT */
#include "fake-service.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dmabuffs.h>
#include <memfd.h>

struct fake_service fake_service = {.ended = -ENOTTY, .root_fd = STDIN_FILENO};
struct fake_runtime fake_runtime = {.context = 1};

/* ---- libdmabuffs ------------------------------------------------------------------- */

struct dmabuffs {
	int number; /* of the opens */
	bool ended;
};

int __wrap_dmabuffs_open(const char *path, struct dmabuffs **ret_instance);
void __wrap_dmabuffs_close(struct dmabuffs *instance);
int __wrap_dmabuffs_export(struct dmabuffs *instance, int fd,
			   const struct dmabuffs_export_options *options,
			   dmabuffs_uuid *ret_uuid);
int __wrap_dmabuffs_root_fd(const struct dmabuffs *instance);
int __wrap_dmabuffs_check(struct dmabuffs *instance);
int __wrap_dmabuffs_withdraw(struct dmabuffs *instance, const dmabuffs_uuid *uuid);
int __wrap_dmabuffs_import(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
			   int access, int *ret_fd);
int __wrap_dmabuffs_exchange(struct dmabuffs *instance, int opened, int *ret_fd);
int __wrap_dmabuffs_limits(struct dmabuffs *instance, struct dmabuffs_limits *ret_limits,
			   size_t size);
int __wrap_dmabuffs_ended(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
			  enum dmabuffs_ended_cause *ret_cause);

int __wrap_dmabuffs_open(const char *path, struct dmabuffs **ret_instance)
{
	if (fake_service.open_error)
		return fake_service.open_error;
	*ret_instance = calloc(1, sizeof(**ret_instance));
	if (!*ret_instance)
		return -ENOMEM;
	(*ret_instance)->number = ++fake_service.opens;
	return 0;
}

void __wrap_dmabuffs_close(struct dmabuffs *instance)
{
	fake_service.closes++;
	free(instance);
}

static bool has_ended(const struct dmabuffs *instance)
{
	return instance->ended || instance->number <= fake_service.exited_opens;
}

/* fstatfs(2) of it fails once the service has exited. */
int __wrap_dmabuffs_root_fd(const struct dmabuffs *instance)
{
	return has_ended(instance) ? -1 : fake_service.root_fd;
}

int __wrap_dmabuffs_check(struct dmabuffs *instance)
{
	return has_ended(instance) ? -ENOTCONN : 0;
}

static bool is_lost(struct dmabuffs *instance, atomic_int *losses)
{
	if (*losses <= 0)
		return false;
	--*losses;
	instance->ended = fake_service.ends;
	return true;
}

int __wrap_dmabuffs_export(struct dmabuffs *instance, int fd,
			   const struct dmabuffs_export_options *options,
			   dmabuffs_uuid *ret_uuid)
{
	void (*during)(void) = fake_service.during_export;
	uint64_t number;

	if (during)
		during();
	if (is_lost(instance, &fake_service.losses))
		return fake_service.ends ? -ENOTCONN : -ECONNRESET;
	if (fake_service.export_error)
		return fake_service.export_error;
	number = (uint64_t)++fake_service.exports;
	fake_service.last_mode = options->mode;
	fake_service.last_flags = options->flags;
	memset(ret_uuid, 0, sizeof(*ret_uuid));
	memcpy(ret_uuid->bytes, &number, sizeof(number));
	return 0;
}

int __wrap_dmabuffs_withdraw(struct dmabuffs *instance, const dmabuffs_uuid *uuid)
{
	fake_service.withdrawals++;
	return fake_service.withdraw_error;
}

int __wrap_dmabuffs_import(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
			   int access, int *ret_fd)
{
	if (is_lost(instance, &fake_service.losses))
		return fake_service.ends ? -ENOTCONN : -ECONNRESET;
	fake_service.last_access = access;
	if (fake_service.import_error)
		return fake_service.import_error;
	*ret_fd = memfd_new("opened", 4096, 0);
	return *ret_fd < 0 ? *ret_fd : 0;
}

int __wrap_dmabuffs_exchange(struct dmabuffs *instance, int opened, int *ret_fd)
{
	fake_service.exchanges++;
	if (is_lost(instance, &fake_service.exchange_losses))
		return fake_service.ends ? -ENOTCONN : -ECONNRESET;
	if (fake_service.exchange_error)
		return fake_service.exchange_error;
	*ret_fd = memfd_new("real", 4096, 0);
	return *ret_fd < 0 ? *ret_fd : 0;
}

int __wrap_dmabuffs_ended(struct dmabuffs *instance, const dmabuffs_uuid *uuid,
			  enum dmabuffs_ended_cause *ret_cause)
{
	int ended = fake_service.ended;

	if (ended > 0)
		*ret_cause = (enum dmabuffs_ended_cause)ended;
	return ended < 0 ? ended : 0;
}

int __wrap_dmabuffs_limits(struct dmabuffs *instance, struct dmabuffs_limits *ret_limits,
			   size_t size)
{
	uint64_t limit = fake_service.limit;

	if (!limit)
		return -ENOTTY;
	for (int i = 0; i < DMABUFFS_LIMIT_COUNT; i++)
		ret_limits->user[i] = (struct dmabuffs_limit_use){limit, limit};
	return 0;
}

/* ---- a runtime --------------------------------------------------------------------- */

struct hipipc_allocation fake_allocation(uint64_t id)
{
	return (struct hipipc_allocation){
		.id = id,
		.base = id * FAKE_BYTES,
		.bytes = FAKE_BYTES,
	};
}

static int find(uint64_t pointer, struct hipipc_allocation *ret_allocation)
{
	uint64_t id = pointer / FAKE_BYTES;

	if (!id || id > FAKE_LAST_ID || id == fake_runtime.freed_id)
		return -EINVAL;
	*ret_allocation = fake_allocation(id);
	return 0;
}

static int export_memory(const struct hipipc_allocation *allocation,
			 struct hipipc_backing *ret_backing)
{
	int fd;

	if (fake_runtime.export_error)
		return fake_runtime.export_error;
	fd = memfd_new("backing", FAKE_BYTES, 0);
	if (fd < 0)
		return fd;
	*ret_backing = (struct hipipc_backing){.fd = fd, .kind = HIPIPC_KIND_MEMFD};
	return 0;
}

static int export_event(uint64_t id, int *ret_fd)
{
	*ret_fd = memfd_new("event", 4096, 0);
	return *ret_fd < 0 ? *ret_fd : 0;
}

/* Each import at another address. */
static int import_memory(const struct hipipc_backing *backing, uint64_t bytes,
			 uint64_t *ret_pointer)
{
	void (*during)(void) = fake_runtime.during_import;

	if (during)
		during();
	if (fake_runtime.names_cannot_be_mapped && !fake_service.exchanges)
		return -ENODEV;
	if (fake_runtime.import_error)
		return fake_runtime.import_error;
	*ret_pointer = (uint64_t)(++fake_runtime.imports) << 32;
	return 0;
}

static int release_memory(uint64_t pointer)
{
	fake_runtime.releases++;
	return 0;
}

static int place(struct hipipc_place *ret_place)
{
	if (fake_runtime.place_error)
		return fake_runtime.place_error;
	*ret_place = (struct hipipc_place){fake_runtime.context, fake_runtime.device};
	return 0;
}

static void watch(hipipc_freed_fn freed)
{
	fake_runtime.freed = freed;
}

static void failed(int error)
{
	fake_runtime.last_failure = error;
}

#define FAKE_OPERATIONS                                                                  \
	.version = HIPIPC_PROVIDER_VERSION, .size = sizeof(struct hipipc_provider),      \
	.name = "fake", .find = find, .export_memory = export_memory,                    \
	.export_event = export_event, .import_memory = import_memory,                    \
	.release_memory = release_memory, .place = place, .failed = failed

const struct hipipc_provider fake_provider = {FAKE_OPERATIONS, .watch = watch};
const struct hipipc_provider fake_silent_provider = {FAKE_OPERATIONS};
