/* SPDX-License-Identifier: MIT */
#include "dmabuf.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util.h"

/*
 * The path "/dmabuf:" can be forged. The exp_name line in fdinfo cannot: only the dma-buf
 * core prints it.
 */
bool dmabuf_is(int fd)
{
	static const char prefix[] = "/dmabuf:";
	_cleanup_close_ int info = -1;
	char path[40], link[sizeof(prefix)], text[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link));
	if (n < (ssize_t)strlen(prefix) || memcmp(link, prefix, strlen(prefix)))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return false;
	n = read(info, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	return strstr(text, "\nexp_name:\t") != NULL;
}

int dmabuf_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags};
	int r;

	do {
		r = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -errno : 0;
}
