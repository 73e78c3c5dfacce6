/* SPDX-License-Identifier: MIT */
#include "producers.h"

#include <errno.h>
#include <fcntl.h>
#include <libdrm/drm.h> /* libdrm-dev on Debian has them */
#include <libdrm/drm_mode.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../support/make-memfd.h"

/* DRM minors: primary nodes count from 0, render nodes from 128. */
#define MAX_CARDS    8
#define FIRST_RENDER 128

/* DRM and dma-buf calls may wait for fences, and return EAGAIN or EINTR on a signal. */
static int ioctl_retry(int fd, unsigned long request, void *arg)
{
	int r;

	do {
		r = ioctl(fd, request, arg);
	} while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -errno : r;
}

static int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool vm_skips(const char *what, const char *device)
{
	if (access(device, F_OK) == 0)
		return false;
	printf("# skipped %s: this kernel has no %s\n", what, device);
	return true;
}

bool vm_has_passthrough(void)
{
	unsigned major = 0, minor = 0;
	struct utsname name;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 9));
}

static size_t round_to_pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

int vm_memfd(size_t size)
{
	return try_memfd(round_to_pages(size), 0);
}

/* udmabuf requires a memfd sealed against shrinking. */
int vm_sealed_memfd(size_t size)
{
	return try_memfd(round_to_pages(size), F_SEAL_SHRINK);
}

int vm_udmabuf_of(int memfd, size_t size)
{
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = round_to_pages(size),
	};
	int dev, r;

	dev = open_device(VM_UDMABUF);
	if (dev < 0)
		return dev;
	r = ioctl_retry(dev, UDMABUF_CREATE, &create);
	close(dev);
	return r;
}

int vm_udmabuf(size_t size)
{
	int memfd, r;

	memfd = vm_sealed_memfd(size);
	if (memfd < 0)
		return memfd;
	r = vm_udmabuf_of(memfd, size);
	close(memfd);
	return r;
}

int vm_dma_heap(size_t size, int access)
{
	struct dma_heap_allocation_data data = {
		.len = round_to_pages(size),
		.fd_flags = (uint32_t)(access | O_CLOEXEC),
	};
	int heap, r;

	heap = open_device(VM_DMA_HEAP);
	if (heap < 0)
		return heap;
	r = ioctl_retry(heap, DMA_HEAP_IOCTL_ALLOC, &data);
	close(heap);
	return r < 0 ? r : (int)data.fd;
}

static int is_vgem(int drm_fd)
{
	char name[16] = "";
	struct drm_version version = {.name = name, .name_len = sizeof(name) - 1};

	return ioctl_retry(drm_fd, DRM_IOCTL_VERSION, &version) == 0 &&
	       strcmp(name, "vgem") == 0;
}

static int open_vgem_node(const char *prefix, int first)
{
	char path[32];
	int fd, i;

	for (i = first; i < first + MAX_CARDS; i++) {
		snprintf(path, sizeof(path), "/dev/dri/%s%d", prefix, i);
		fd = open_device(path);
		if (fd < 0)
			continue;
		if (is_vgem(fd))
			return fd;
		close(fd);
	}
	return -ENODEV;
}

int vm_vgem_open_card(void)
{
	return open_vgem_node("card", 0);
}

int vm_vgem_open_render(void)
{
	return open_vgem_node("renderD", FIRST_RENDER);
}

/* A dumb buffer is width x height pixels; one row of 32-bit pixels is a page here. */
static int create_dumb(int drm_fd, size_t size, uint32_t *ret_handle)
{
	struct drm_mode_create_dumb create = {.bpp = 32};
	size_t page = round_to_pages(1);
	int r;

	create.width = (uint32_t)(page / 4);
	create.height = (uint32_t)(round_to_pages(size) / page);
	r = ioctl_retry(drm_fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	if (r < 0)
		return r;
	*ret_handle = create.handle;
	return 0;
}

int vm_prime_export(int drm_fd, uint32_t handle)
{
	struct drm_prime_handle prime = {
		.handle = handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
		.fd = -1,
	};
	int r = ioctl_retry(drm_fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);

	return r < 0 ? r : prime.fd;
}

int vm_prime_import(int drm_fd, int dmabuf_fd, uint32_t *ret_handle)
{
	struct drm_prime_handle prime = {.fd = dmabuf_fd};
	int r = ioctl_retry(drm_fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

	if (r < 0)
		return r;
	*ret_handle = prime.handle;
	return 0;
}

/* Uses the card node: the kernel has no dumb buffers on render nodes. */
int vm_vgem_gem(size_t size, int *ret_drm_fd, uint32_t *ret_handle)
{
	int drm_fd = vm_vgem_open_card();
	uint32_t handle;
	int r;

	if (drm_fd < 0)
		return drm_fd;
	r = create_dumb(drm_fd, size, &handle);
	if (r == 0)
		r = vm_prime_export(drm_fd, handle);
	if (r < 0) {
		close(drm_fd);
		return r;
	}
	*ret_drm_fd = drm_fd;
	*ret_handle = handle;
	return r;
}

int vm_gem_map(int drm_fd, uint32_t handle, size_t size, void **ret_data)
{
	struct drm_mode_map_dumb map = {.handle = handle};
	void *data;
	int r = ioctl_retry(drm_fd, DRM_IOCTL_MODE_MAP_DUMB, &map);

	if (r < 0)
		return r;
	data = mmap(NULL, round_to_pages(size), PROT_READ | PROT_WRITE, MAP_SHARED,
		    drm_fd, (off_t)map.offset);
	if (data == MAP_FAILED)
		return -errno;
	*ret_data = data;
	return 0;
}

int vm_dmabuf_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags};

	return ioctl_retry(fd, DMA_BUF_IOCTL_SYNC, &sync);
}
