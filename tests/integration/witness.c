/* SPDX-License-Identifier: MIT */
/* witness.c - tracks memfds by file handle */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness.h"
#include "raw.h"
#include "witness.h"

union handle {
	struct file_handle header;
	char space[sizeof(struct file_handle) + WITNESS_BYTES];
};

void witness_take(struct witness *ret_witness, int fd)
{
	union handle handle = {.header.handle_bytes = WITNESS_BYTES};
	int mount;

	ASSERT_OK(SYS(name_to_handle_at(fd, "", &handle.header, &mount, AT_EMPTY_PATH)));
	memset(ret_witness, 0, sizeof(*ret_witness));
	ret_witness->type = handle.header.handle_type;
	ret_witness->size = handle.header.handle_bytes;
	memcpy(ret_witness->bytes, handle.header.f_handle, handle.header.handle_bytes);
	/* Checks that the witness works at all. */
	ASSERT(witness_sees(ret_witness));
}

void witness_take_name(struct witness *ret_witness, const struct instance *instance,
		       const uint8_t uuid[16])
{
	int connection = ASSERT_OK(raw_connect(instance));
	int opened = ASSERT_OK(raw_open(instance, uuid, O_RDONLY));
	int fd = ASSERT_OK(raw_exchange(connection, opened));

	witness_take(ret_witness, fd);
	close(fd);
	close(opened);
	close(connection);
}

static bool is_known(const struct witness *witness, const struct witness *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(witness, &known[i], sizeof(*witness)) == 0)
			return true;
	return false;
}

/* True for a memfd that is still open in that process. */
static bool take_link(struct witness *ret_witness, int dir, const char *name)
{
	char link[64] = "";
	int fd;

	if (readlinkat(dir, name, link, sizeof(link) - 1) < 0 ||
	    strncmp(link, "/memfd:", 7) != 0)
		return false;
	fd = openat(dir, name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	witness_take(ret_witness, fd);
	close(fd);
	return true;
}

size_t witness_take_process(struct witness *ret_witnesses, size_t max, pid_t pid)
{
	struct witness witness;
	struct dirent *entry;
	char path[40];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	ASSERT(dir);
	while ((entry = readdir(dir))) {
		if (!take_link(&witness, dirfd(dir), entry->d_name) ||
		    is_known(&witness, ret_witnesses, n))
			continue;
		ASSERT(n < max);
		ret_witnesses[n++] = witness;
	}
	closedir(dir);
	return n;
}

bool witness_sees(const struct witness *witness)
{
	union handle handle = {.header.handle_bytes = witness->size,
			       .header.handle_type = witness->type};
	/* All memfds are on one kernel mount; any memfd identifies it. */
	int mount = ASSERT_OK(SYS(memfd_create("witness", MFD_CLOEXEC)));
	long long fd;

	memcpy(handle.header.f_handle, witness->bytes, witness->size);
	/* O_PATH does not open the file, so it breaks no lease. */
	fd = SYS(open_by_handle_at(mount, &handle.header, O_PATH | O_CLOEXEC));
	close(mount);
	if (fd < 0) {
		ASSERT_ERR(fd, ESTALE);
		return false;
	}
	close((int)fd);
	return true;
}

static bool is_gone(void *data)
{
	return !witness_sees(data);
}

void witness_expect_gone(const struct witness *witnesses, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!wait_until(is_gone, (void *)&witnesses[i]))
			test_fail(__FILE__, __LINE__,
				  "memory is pinned: memfd %zu of %zu", i + 1, n);
}

struct level {
	pid_t pid;
	int n_fds;
};

static bool is_down_to(void *data)
{
	const struct level *level = data;

	return count_process_fds(level->pid) <= level->n_fds;
}

void witness_expect_fds(pid_t pid, int n)
{
	struct level level = {pid, n};

	if (wait_until(is_down_to, &level))
		return;
	print_fds(pid);
	test_fail(__FILE__, __LINE__, "process %d has %d descriptors, had %d", pid,
		  count_process_fds(pid), n);
}
