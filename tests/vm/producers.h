/* SPDX-License-Identifier: MIT */
/*
 * Creators of real dma-bufs, for tests that run in the guest.
 *
 * Every function returns a value >= 0 or -errno; ret_* are untouched on failure. All
 * descriptors are O_CLOEXEC, read-write unless stated, and owned by the caller. Sizes are
 * in bytes and are rounded up to whole pages.
 */
#ifndef DMABUFFS_TESTS_VM_PRODUCERS_H
#define DMABUFFS_TESTS_VM_PRODUCERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Devices that Debian's oldest guest kernel lacks (init permits that kernel alone to). If
 * this one is missing, prints that @what is skipped, and returns true.
 */
#define VM_UDMABUF  "/dev/udmabuf"
#define VM_DMA_HEAP "/dev/dma_heap/system"
bool vm_skips(const char *what, const char *device);

/* Names can be mapped: Linux 6.9. */
bool vm_has_passthrough(void);

/* A memfd that can be sealed. */
int vm_memfd(size_t size);

/* A dma-buf over the pages of a new memfd sealed against shrinking. */
int vm_udmabuf(size_t size);

/* The memfd for it; and a dma-buf over a given memfd, which the caller keeps. */
int vm_sealed_memfd(size_t size);
int vm_udmabuf_of(int memfd, size_t size);

/* A dma-buf from /dev/dma_heap/system. access: O_RDONLY or O_RDWR. */
int vm_dma_heap(size_t size, int access);

/*
 * Opens a new DRM file on vgem: the card node, which may create and map, or the render
 * node.
 */
int vm_vgem_open_card(void);
int vm_vgem_open_render(void);

/*
 * A vgem GEM object as dma-buf. Also returns the DRM file that created it, which the
 * caller closes, and the object's handle there.
 */
int vm_vgem_gem(size_t size, int *ret_drm_fd, uint32_t *ret_handle);

int vm_prime_import(int drm_fd, int dmabuf_fd, uint32_t *ret_handle);
int vm_prime_export(int drm_fd, uint32_t handle);

/*
 * Maps a GEM object through its DRM file, which must be a card node. The kernel refuses
 * this with EINVAL for an object imported from another driver.
 */
int vm_gem_map(int drm_fd, uint32_t handle, size_t size, void **ret_data);

/* flags: DMA_BUF_SYNC_{START,END} | DMA_BUF_SYNC_{READ,WRITE,RW}. */
int vm_dmabuf_sync(int fd, uint64_t flags);

#endif
