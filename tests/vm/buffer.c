/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "producers.h"

bool fd_is_dmabuf(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == DMA_BUF_MAGIC;
}

int try_map(int fd, int prot)
{
	void *data = mmap(NULL, PATTERN_SIZE, prot, MAP_SHARED, fd, 0);

	if (data == MAP_FAILED)
		return -errno;
	munmap(data, PATTERN_SIZE);
	return 0;
}

int buffer_init(struct buffer *b, int fd, int prot)
{
	void *data = mmap(NULL, PATTERN_SIZE, prot, MAP_SHARED, fd, 0);
	int r;

	if (data == MAP_FAILED) {
		r = -errno;
		close(fd);
		return r;
	}
	*b = (struct buffer){.fd = fd, .is_dmabuf = fd_is_dmabuf(fd), .data = data};
	return 0;
}

void buffer_finish(struct buffer *b)
{
	munmap(b->data, PATTERN_SIZE);
	close(b->fd);
}

static int buffer_sync(struct buffer *b, uint64_t flags)
{
	return b->is_dmabuf ? vm_dmabuf_sync(b->fd, flags) : 0;
}

int buffer_fill(struct buffer *b, enum pattern_page page)
{
	int r = buffer_sync(b, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);

	if (r < 0)
		return r;
	pattern_fill(b->data + page * PATTERN_PAGE, page);
	return buffer_sync(b, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

int buffer_has(struct buffer *b, enum pattern_page page)
{
	int r = buffer_sync(b, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	bool has;

	if (r < 0)
		return r;
	has = pattern_is(b->data + page * PATTERN_PAGE, page);
	r = buffer_sync(b, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	return r < 0 ? r : has;
}
