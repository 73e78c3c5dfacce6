/* SPDX-License-Identifier: MIT */
/*
 * Checks that the guest can create each kind of dma-buf, and prints, as "# " lines, the
 * kernel's data on such descriptors, which the daemon relies on.
 */
#include "producers.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SIZE 16384

struct buffer {
	const char *kind;
	const char *device; /* that makes it */
	int fd;
	int drm_fd; /* -1: not a GEM object */
	uint32_t handle;
};

/* The name of an error, or "ok" for any other result. */
static const char *said(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

static void print_fdinfo(const struct buffer *b)
{
	char path[64], line[256];
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", b->fd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		printf("# %s: fdinfo %s", b->kind, line);
	if (info)
		fclose(info);
}

static void print_link(const struct buffer *b)
{
	char path[64], target[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	printf("# %s: link '%s'\n", b->kind, target);
}

static void print_stat(const struct buffer *b)
{
	struct stat st = {0};
	struct statfs fs = {0};
	long r;

	r = fstat(b->fd, &st);
	printf("# %s: fstat %s dev %#lx ino %lu size %ld mode %#o nlink %lu uid %u "
	       "blksize "
	       "%ld\n",
	       b->kind, said(r), (unsigned long)st.st_dev, (unsigned long)st.st_ino,
	       (long)st.st_size, st.st_mode, (unsigned long)st.st_nlink, st.st_uid,
	       (long)st.st_blksize);
	r = fstatfs(b->fd, &fs);
	printf("# %s: fstatfs %s f_type %#lx\n", b->kind, said(r), (long)fs.f_type);
}

static void print_flags(const struct buffer *b)
{
	printf("# %s: F_GETFL %#o (O_RDWR %#o), F_GETFD %d\n", b->kind,
	       fcntl(b->fd, F_GETFL), O_RDWR, fcntl(b->fd, F_GETFD));
}

static void print_seeks(const struct buffer *b)
{
	long r = lseek(b->fd, 0, SEEK_END);

	printf("# %s: lseek END %ld %s, ", b->kind, r, said(r));
	r = lseek(b->fd, 1, SEEK_SET);
	printf("SET 1: %ld %s, ", r, said(r));
	r = lseek(b->fd, 1, SEEK_END);
	printf("END+1: %s, ", said(r));
	r = lseek(b->fd, 0, SEEK_SET);
	printf("SET 0: %ld %s\n", r, said(r));
}

static void print_reopen(const struct buffer *b, int flags, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
	fd = open(path, flags | O_CLOEXEC);
	printf("# %s: reopen %s: %s\n", b->kind, name, said(fd));
	if (fd >= 0)
		close(fd);
}

static void print_reopens(const struct buffer *b)
{
	print_reopen(b, O_RDWR, "O_RDWR");
	print_reopen(b, O_RDONLY, "O_RDONLY");
	print_reopen(b, O_PATH, "O_PATH");
}

static void print_poll(const struct buffer *b)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN | POLLOUT};
	struct epoll_event event = {.events = EPOLLIN};
	int ep = epoll_create1(EPOLL_CLOEXEC);
	int r = poll(&p, 1, 1000);

	printf("# %s: poll %d revents %#x, ", b->kind, r, p.revents);
	r = epoll_ctl(ep, EPOLL_CTL_ADD, b->fd, &event);
	printf("epoll add %s\n", said(r));
	close(ep);
}

/* Prints which calls for memfds work on a dma-buf. */
static void print_file_calls(const struct buffer *b)
{
	char byte = 0;

	printf("# %s: pread %s, ", b->kind, said(pread(b->fd, &byte, 1, 0)));
	printf("pwrite %s, ", said(pwrite(b->fd, &byte, 1, 0)));
	printf("ftruncate %s, ", said(ftruncate(b->fd, 0)));
	printf("F_GET_SEALS %s, ", said(fcntl(b->fd, F_GET_SEALS)));
	printf("F_SETLEASE %s, ", said(fcntl(b->fd, F_SETLEASE, F_WRLCK)));
	fcntl(b->fd, F_SETLEASE, F_UNLCK);
	printf("fchmod %s, ", said(fchmod(b->fd, 0600)));
	printf("F_SETFL O_NONBLOCK %s\n", said(fcntl(b->fd, F_SETFL, O_NONBLOCK)));
	fcntl(b->fd, F_SETFL, 0);
}

static void print_mappings(const struct buffer *b)
{
	void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, b->fd, 0);

	printf("# %s: mmap private %s, ", b->kind, said(p == MAP_FAILED ? -1 : 0));
	if (p != MAP_FAILED)
		munmap(p, SIZE);
	p = mmap(NULL, SIZE + 4096, PROT_READ, MAP_SHARED, b->fd, 0);
	printf("past the end %s\n", said(p == MAP_FAILED ? -1 : 0));
	if (p != MAP_FAILED)
		munmap(p, SIZE + 4096);
}

static void *map_shared(int fd)
{
	void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/*
 * Prints the page at which a mapping with an offset begins; some drivers ignore the
 * offset.
 */
static void print_offset_map(const struct buffer *b)
{
	unsigned char *whole = map_shared(b->fd);
	unsigned char *last = mmap(NULL, 4096, PROT_READ, MAP_SHARED, b->fd, SIZE - 4096);
	size_t page;

	if (!whole || last == MAP_FAILED)
		return;
	vm_dmabuf_sync(b->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	for (page = 0; page < SIZE / 4096; page++)
		whole[page * 4096] = (unsigned char)page;
	printf("# %s: mmap at page %d shows page %d\n", b->kind, SIZE / 4096 - 1,
	       last[0]);
	vm_dmabuf_sync(b->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	munmap(whole, SIZE);
	munmap(last, 4096);
}

/* KCMP_FILE is 0; exports of the same object may be one file or several. */
static bool same_file(int a, int b)
{
	return syscall(SYS_kcmp, getpid(), getpid(), 0, a, b) == 0;
}

static void print_second_export(const struct buffer *b)
{
	struct stat first, second;
	int fd;

	if (b->drm_fd < 0)
		return;
	fd = vm_prime_export(b->drm_fd, b->handle);
	if (fd < 0 || fstat(b->fd, &first) < 0 || fstat(fd, &second) < 0)
		return;
	printf("# %s: second export of the handle: same inode %d, same file %d\n",
	       b->kind, first.st_ino == second.st_ino, same_file(b->fd, fd));
	close(fd);
}

static void print_name(const struct buffer *b)
{
	const char *name = "selftest";

	printf("# %s: DMA_BUF_SET_NAME %s\n", b->kind,
	       said(ioctl(b->fd, DMA_BUF_SET_NAME_B, (uint64_t)(uintptr_t)name)));
}

static void print_pidfd_getfd(const struct buffer *b)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, b->fd, 0);

	printf("# %s: pidfd_getfd %s, same file %d\n", b->kind, said(fd),
	       fd >= 0 && same_file(b->fd, fd));
	close(fd);
	close(pidfd);
}

static void print_facts(const struct buffer *b)
{
	print_name(b);
	print_fdinfo(b);
	print_link(b);
	print_stat(b);
	print_flags(b);
	print_seeks(b);
	print_reopens(b);
	print_poll(b);
	print_file_calls(b);
	print_mappings(b);
	print_offset_map(b);
	print_second_export(b);
	print_pidfd_getfd(b);
}

/* Bytes written through one mapping are visible through another. */
static void check_mappings(const struct buffer *b)
{
	unsigned char *writer = map_shared(b->fd), *reader = map_shared(b->fd);
	int r;

	if (!tap_check(writer && reader, b->kind, "maps twice: %s",
		       said(-!(writer && reader))))
		return;
	r = vm_dmabuf_sync(b->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	tap_check(r == 0, b->kind, "sync start gives %d", r);
	memset(writer, 0xa5, SIZE);
	r = vm_dmabuf_sync(b->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
	tap_check(r == 0, b->kind, "sync end gives %d", r);
	vm_dmabuf_sync(b->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	tap_check(reader[0] == 0xa5 && memcmp(reader, reader + 1, SIZE - 1) == 0, b->kind,
		  "data written through one mapping is read through another");
	vm_dmabuf_sync(b->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	munmap(writer, SIZE);
	munmap(reader, SIZE);
}

/* The GEM object's own mapping shows the same pages as its dma-buf. */
static void check_gem_map(const struct buffer *b)
{
	unsigned char *data;
	void *p = NULL;
	int r;

	if (b->drm_fd < 0)
		return;
	r = vm_gem_map(b->drm_fd, b->handle, SIZE, &p);
	if (!tap_check(r == 0, b->kind, "maps through its DRM file: %d", r))
		return;
	data = p;
	tap_check(data[SIZE - 1] == 0xa5, b->kind, "data is seen through the DRM file");
	munmap(p, SIZE);
}

static void check_import_by(const struct buffer *b, int drm_fd, const char *node)
{
	uint32_t handle = 0;
	void *p = NULL;
	int fd, r;

	r = vm_prime_import(drm_fd, b->fd, &handle);
	if (!tap_check(r == 0, b->kind, "PRIME import on the %s node: %d", node, r))
		return;
	fd = vm_prime_export(drm_fd, handle);
	printf("# %s: imported on the %s node, exported again: %d, same file %d\n",
	       b->kind, node, fd < 0 ? fd : 0, fd >= 0 && same_file(fd, b->fd));
	if (fd >= 0)
		close(fd);
	r = vm_gem_map(drm_fd, handle, SIZE, &p);
	printf("# %s: map of the import on the %s node: %d\n", b->kind, node, r);
	if (r == 0)
		munmap(p, SIZE);
	print_fdinfo(b);
}

static void check_imports(const struct buffer *b)
{
	int card = vm_vgem_open_card(), render = vm_vgem_open_render();

	tap_check(card >= 0 && render >= 0, b->kind,
		  "vgem opens: card %d, render node %d", card, render);
	check_import_by(b, card, "card");
	check_import_by(b, render, "render");
	close(card);
	close(render);
}

static void test_kind(const struct buffer *b)
{
	if (vm_skips(b->kind, b->device) ||
	    !tap_check(b->fd >= 0, b->kind, "is made: %d", b->fd))
		return;
	check_mappings(b);
	check_gem_map(b);
	print_facts(b);
	check_imports(b);
}

/* The daemon may use the inode number as a buffer's identity only if this holds. */
static void check_inodes(const struct buffer *b, size_t n)
{
	struct stat st[8] = {0};
	bool differ = true;
	size_t i, j;

	for (i = 0; i < n; i++) {
		if (access(b[i].device, F_OK) < 0)
			continue;
		if (fstat(b[i].fd, &st[i]) < 0)
			differ = false;
		for (j = 0; j < i; j++)
			differ &= st[i].st_ino != st[j].st_ino;
		printf("# %s: dev %#lx ino %lu\n", b[i].kind, (unsigned long)st[i].st_dev,
		       (unsigned long)st[i].st_ino);
	}
	tap_check(differ, "all", "different dma-bufs have different inode numbers");
}

int main(void)
{
	struct buffer b[] = {
		{"udmabuf", VM_UDMABUF, vm_udmabuf(SIZE), -1},
		{"dma-heap", VM_DMA_HEAP, vm_dma_heap(SIZE, O_RDWR), -1},
		{"vgem", "/dev/dri", -1, -1},
		{"udmabuf-2", VM_UDMABUF, vm_udmabuf(SIZE), -1},
	};
	size_t i;

	b[2].fd = vm_vgem_gem(SIZE, &b[2].drm_fd, &b[2].handle);
	for (i = 0; i < 3; i++)
		test_kind(&b[i]);
	check_inodes(b, 4);
	return tap_exit_status();
}
