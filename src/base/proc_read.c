/* SPDX-License-Identifier: MIT */
#include "base/proc_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clients.h"
#include "util.h"

/* Up to the lines that are read here. */
#define STATUS_SIZE 512

int proc_read_text(pid_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	ssize_t n;

	if (pid <= 0)
		return -ESRCH;
	clients_path(path, sizeof(path), pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

int proc_read_line(pid_t pid, const char *name, char *buf, size_t size)
{
	int r = proc_read_text(pid, name, buf, size);

	if (r == 0)
		buf[strcspn(buf, "\n")] = '\0';
	return r;
}

pid_t proc_read_leader(pid_t pid)
{
	char status[STATUS_SIZE];
	const char *line;
	int r = proc_read_text(pid, "status", status, sizeof(status));

	if (r < 0)
		return r;
	line = strstr(status, "\nTgid:");
	return line ? (pid_t)strtol(line + strlen("\nTgid:"), NULL, 10) : -EPROTO;
}

/* Lines of the form "Uid: real effective saved filesystem". */
static int proc_read_fs_id(const char *status, const char *line, unsigned *ret_id)
{
	const char *found = strstr(status, line);

	return found && sscanf(found + strlen(line), "%*u %*u %*u %u", ret_id) == 1
		       ? 0
		       : -EPROTO;
}

int proc_read_fs_ids(pid_t pid, uid_t *ret_uid, gid_t *ret_gid)
{
	char status[STATUS_SIZE];
	unsigned uid, gid;
	int r = proc_read_text(pid, "status", status, sizeof(status));

	if (r == 0)
		r = proc_read_fs_id(status, "\nUid:", &uid);
	if (r == 0)
		r = proc_read_fs_id(status, "\nGid:", &gid);
	if (r < 0)
		return r;
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}
