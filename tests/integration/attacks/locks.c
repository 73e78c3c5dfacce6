/* SPDX-License-Identifier: MIT */
/*
 * locks.c - an attack with a memfd of many POSIX record locks
 *
 * Each close(2) of a file walks the POSIX locks of its inode.
 */
#include <fcntl.h>

#include "../harness.h"
#include "attacks.h"

#define CONNECTIONS 8
#define EXCHANGES   127   /* on each, sent at once */
#define NAMES       3000  /* that end at once */
#define LOCKS       20000 /* beside other attacks */

/* Of the open file description: they stay when the process closes a duplicate. */
static void locks_set(int fd, short type, off_t start, off_t length)
{
	struct flock lock = {

		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	ASSERT_OK(SYS(fcntl(fd, F_OFD_SETLK, &lock)));
}

/* One lock of all bytes, with holes; from the end, the kernel need not search for each.
 */
void attack_lock_often(int fd, unsigned int n)
{
	locks_set(fd, F_WRLCK, 0, 2 * (off_t)n);
	for (off_t i = n; i-- > 0;)
		locks_set(fd, F_UNLCK, 2 * i, 1);
}

static void locks_send_exchanges(const struct instance *instance, int opened)
{
	const struct dmabuffs_broker_request request = {.size = sizeof(request),
							.op = DMABUFFS_BROKER_EXCHANGE};

	for (int i = 0; i < CONNECTIONS; i++) {
		int connection = ASSERT_OK(raw_connect(instance));

		/* The service may end it: nobody reads the replies. */
		for (int j = 0; j < EXCHANGES; j++)
			if (raw_send(connection, &request, sizeof(request), &opened, 1) <
			    0)
				break;
	}
}

void attack_make_closes(const struct instance *instance, int fd, int locked,
			unsigned int n_locks)
{
	int root = ASSERT_OK(raw_root(instance)), opened;
	uint8_t uuid[16];

	for (int i = 0; i < NAMES; i++)
		ASSERT_OK(raw_export_fd(root, fd, DMABUFFS_EXPORT_ANOTHER, 0, uuid));
	opened = ASSERT_OK(raw_open(instance, uuid, O_RDWR));
	attack_lock_often(locked, n_locks);
	locks_send_exchanges(instance, opened);
	close(root);
}

void attack_close_locked(int peer, void *data)
{
	const struct scene *scene = data;
	int fd = raw_memfd(PAGE);

	peer_signal(peer);
	attack_make_closes(scene->instance, fd, fd, LOCKS);
	pause();
}
