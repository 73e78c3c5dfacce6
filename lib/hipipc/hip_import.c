/* SPDX-License-Identifier: MIT */
/*
 * hip_import.c - maps an imported dma-buf for the current HIP device
 *
 * HIP does not document who owns the descriptor that it imports. Its source (clr, of ROCm
 * 5.5 to 7) keeps the number, uses it for each device that needs a mapping, and never
 * closes it. So it gets a duplicate that stays open for as long as the import exists. The
 * duplicate is closed afterwards unless its number refers to another file by then, which
 * means that the runtime has closed it.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include <util.h>

#include "hip_runtime.h"
#include "imports.h"
#include "reason.h"

#define HELP "the memory's device must be visible to this process (ROCR_VISIBLE_DEVICES)"

static struct imports hip_import_imports = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void hip_import_close_ours(const struct import *import)
{
	struct stat st;

	if (fstat(import->fd, &st) == 0 && st.st_dev == import->dev &&
	    st.st_ino == import->ino)
		close_keep_errno(import->fd);
}

static int hip_import_duplicate(int fd, struct import *import)
{
	struct stat st;

	import->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (import->fd < 0)
		return reason(-errno, "out of descriptors; raise RLIMIT_NOFILE");
	if (fstat(import->fd, &st) < 0) {
		close_keep_errno(import->fd);
		return -errno;
	}
	import->dev = st.st_dev;
	import->ino = st.st_ino;
	return 0;
}

/* After a failure the runtime does not use the descriptor. */
static int hip_import_map(const struct hip_api *hip, const struct hipipc_backing *backing,
			  uint64_t bytes, uint64_t size, struct import *import)
{
	struct hip_external_handle handle = {.type = HIP_EXTERNAL_FD, .size = size};
	struct hip_external_buffer buffer = {.offset = backing->offset, .size = bytes};
	void *pointer;
	int result;

	handle.handle.fd = import->fd;
	result = hip->external_import(&import->external, &handle);
	if (result != HIP_SUCCESS)
		return hip_failed(result, "hipImportExternalMemory", HELP);
	result = hip->external_map(&pointer, import->external, &buffer);
	if (result != HIP_SUCCESS) {
		hip->external_destroy(import->external);
		return hip_failed(result, "hipExternalMemoryGetMappedBuffer", HELP);
	}
	import->pointer = (uintptr_t)pointer;
	return 0;
}

/* The mapping first: it holds a reference to the object. */
static int hip_import_undo(const struct hip_api *hip, const struct import *import)
{
	int freed = hip->free_memory((void *)(uintptr_t)import->pointer);
	int destroyed = hip->external_destroy(import->external);

	hip_import_close_ours(import);
	if (freed != HIP_SUCCESS)
		return hip_failed(freed, "hipFree",
				  "close it before the device is reset");
	if (destroyed != HIP_SUCCESS)
		return hip_failed(destroyed, "hipDestroyExternalMemory",
				  "close it before the device is reset");
	return 0;
}

int hip_import_memory(const struct hipipc_backing *backing, uint64_t bytes,
		      uint64_t *ret_pointer)
{
	const struct hip_api *hip = &hip_runtime()->hip;
	struct import import = {.fd = -1};
	uint64_t size;
	int r;

	if (backing->kind != HIPIPC_KIND_DMABUF)
		return reason(-EBADMSG,
			      "the exporter's memory belongs to another runtime; use HIP "
			      "on both sides");
	r = imports_check(backing->fd, backing->offset, bytes, &size);
	if (r == 0)
		r = hip_import_duplicate(backing->fd, &import);
	if (r < 0)
		return r;
	r = hip_import_map(hip, backing, bytes, size, &import);
	if (r < 0) {
		hip_import_close_ours(&import);
		return r;
	}
	r = imports_add(&hip_import_imports, &import);
	if (r < 0) {
		(void)hip_import_undo(hip, &import);
		return r;
	}
	*ret_pointer = import.pointer;
	return 0;
}

int hip_release_memory(uint64_t pointer)
{
	struct import import;
	int r = imports_take(&hip_import_imports, pointer, &import);

	return r < 0 ? r : hip_import_undo(&hip_runtime()->hip, &import);
}
