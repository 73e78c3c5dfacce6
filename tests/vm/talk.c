/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int talk_create(struct talk *ret_one, struct talk *ret_other)
{
	int to[2], back[2];
	int r;

	if (pipe2(to, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(back, O_CLOEXEC) < 0) {
		r = -errno;
		close(to[0]);
		close(to[1]);
		return r;
	}
	*ret_one = (struct talk){.in = back[0], .out = to[1]};
	*ret_other = (struct talk){.in = to[0], .out = back[1]};
	return 0;
}

void talk_finish(struct talk *t)
{
	close(t->in);
	close(t->out);
}

/* Messages are shorter than PIPE_BUF, so that writes and reads are atomic. */
int talk_send(struct talk *t, const void *data, size_t size)
{
	ssize_t n = write(t->out, data, size);

	return n < 0 ? -errno : (size_t)n == size ? 0 : -EPROTO;
}

int talk_receive(struct talk *t, void *data, size_t size)
{
	ssize_t n = read(t->in, data, size);

	if (n == 0)
		return -ECONNRESET;
	return n < 0 ? -errno : (size_t)n == size ? 0 : -EPROTO;
}

int talk_go(struct talk *t)
{
	return talk_send(t, "g", 1);
}

int talk_wait(struct talk *t)
{
	char byte;

	return talk_receive(t, &byte, 1);
}
