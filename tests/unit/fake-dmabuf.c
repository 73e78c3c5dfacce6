/* SPDX-License-Identifier: MIT */
#include "fake-dmabuf.h"

#include <linux/dma-buf.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>

int (*fake_dmabuf_sync)(int fd, uint64_t flags);
_Atomic bool fake_dmabuf_busy;

int __real_ioctl(int fd, unsigned long command, ...);
int __wrap_ioctl(int fd, unsigned long command, ...);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);

int __wrap_ioctl(int fd, unsigned long command, ...)
{
	va_list args;
	void *argument;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	if (command == DMA_BUF_IOCTL_SYNC && fake_dmabuf_sync)
		return fake_dmabuf_sync(fd,
					((const struct dma_buf_sync *)argument)->flags);
	return __real_ioctl(fd, command, argument);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return fake_dmabuf_busy ? 0 : __real_poll(fds, n, timeout);
}
