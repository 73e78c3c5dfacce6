/* SPDX-License-Identifier: MIT */
/* exporter.c - another process that exports buffers on request */
#include "exporter.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bench.h"
#include "../support/place.h"
#include "../support/make-memfd.h"
#include "client.h"

struct command {
	bool unlink; /* else export */
	size_t first;
	size_t count;
	struct exporter_kind kind;
};

/* The export keeps the buffer alive: the descriptor is closed at once. */
static int export_one(int root, struct exporter_kind kind, dmabuffs_uuid *ret_uuid)
{
	struct dmabuffs_export argument;
	_cleanup_close_ int fd = try_memfd(4096, (int)kind.seals);
	int r;

	if (fd < 0)
		return fd;
	argument = client_prepare_export(fd, kind.mode);
	r = client_export(root, &argument);
	if (r >= 0)
		memcpy(ret_uuid->bytes, argument.uuid, sizeof(argument.uuid));
	return r;
}

static int execute_order(int root, dmabuffs_uuid *uuids, const struct command *command)
{
	int r = 0;

	for (size_t i = 0; i < command->count && r >= 0; i++) {
		dmabuffs_uuid *uuid = &uuids[command->first + i];

		r = command->unlink ? client_unlink(root, uuid->bytes)
				    : export_one(root, command->kind, uuid);
	}
	return r;
}

/* Serves until the peer closes its socket. */
static int serve(const struct exporter *exporter, const char *mount, int socket)
{
	int root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct command command;

	if (root < 0)
		return complain(-errno, "open %s", mount);
	while (recv(socket, &command, sizeof(command), 0) == sizeof(command)) {
		int r = execute_order(root, exporter->uuids, &command);

		if (send(socket, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
			break;
	}
	close_keep_errno(root);
	return 0;
}

static int spawn(struct exporter *exporter, const char *mount)
{
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return complain(-errno, "socketpair");
	exporter->pid = place_fork(sockets[1]);
	if (exporter->pid == 0)
		_exit(serve(exporter, mount, sockets[1]) < 0);
	close_keep_errno(sockets[1]);
	if (exporter->pid < 0) {
		exporter->pid = 0;
		close_keep_errno(sockets[0]);
		return complain(-errno, "fork");
	}
	exporter->socket = sockets[0];
	return 0;
}

int exporter_start(struct exporter *exporter, const char *mount, size_t capacity)
{
	void *uuids = mmap(NULL, capacity * sizeof(*exporter->uuids),
			   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (uuids == MAP_FAILED)
		return complain(-errno, "mmap");
	exporter->uuids = uuids;
	exporter->capacity = capacity;
	return spawn(exporter, mount);
}

void exporter_stop(struct exporter *exporter)
{
	close_keep_errno(exporter->socket);
	if (exporter->pid > 0)
		(void)waitpid(exporter->pid, NULL, 0);
	if (exporter->uuids)
		(void)munmap(exporter->uuids,
			     exporter->capacity * sizeof(*exporter->uuids));
	*exporter = EXPORTER_INIT;
}

static int order(const struct exporter *exporter, const struct command *command)
{
	int result;

	if (send(exporter->socket, command, sizeof(*command), MSG_NOSIGNAL) < 0)
		return complain(-errno, "the exporter has exited");
	if (recv(exporter->socket, &result, sizeof(result), 0) != sizeof(result))
		return complain(-EIO, "the exporter has exited");
	if (result < 0)
		return complain(result, command->unlink ? "unlink" : "export");
	return 0;
}

int exporter_export(struct exporter *exporter, size_t first, size_t count,
		    struct exporter_kind kind)
{
	const struct command command = {.first = first, .count = count, .kind = kind};

	return order(exporter, &command);
}

int exporter_unlink(struct exporter *exporter, size_t first, size_t count)
{
	const struct command command = {.unlink = true, .first = first, .count = count};

	return order(exporter, &command);
}
