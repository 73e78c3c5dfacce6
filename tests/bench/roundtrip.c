/* SPDX-License-Identifier: MIT */
/* roundtrip.c - the baseline of operations that send a FUSE request */
#include "roundtrip.h"

#include <sys/stat.h>

static int roundtrip_block(void *data, struct series *samples)
{
	const struct server *server = data;
	int r = 0;

	for (int i = 0; i < BLOCK && r >= 0; i++) {
		struct stat attributes;
		double begin = now_us();

		if (fstat(server->root, &attributes) < 0)
			return complain(-errno, "fstat of the null server");
		r = series_add(samples, now_us() - begin);
	}
	return r;
}

struct contestant roundtrip_contestant(struct server *null_server)
{
	return (struct contestant){.block = roundtrip_block, .data = null_server};
}
