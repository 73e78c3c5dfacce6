/* SPDX-License-Identifier: MIT */
/*
 * client.c - a process that notices when the service does not go on
 *
 *   client MOUNT
 *
 * Exports a buffer, opens and maps its name, and prints the UUID. Then it uses all of
 * these, and makes new ones, until standard input ends. Nothing may fail meanwhile; a
 * request that takes long is no failure. Plain system calls, see ../vm/client.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../vm/client.h"

#define SIZE 4096U

struct holding {
	int control, directory;
	struct client_uuid uuid;
	int file;               /* the opened name */
	_Atomic uint32_t *own;  /* a mapping of the buffer */
	_Atomic uint32_t *name; /* and one of the opened name */
};

/* What failed: 0 or -errno, or 1 for content. */
static int fail(const char *what, int result)
{
	fprintf(stderr, "%s: %s\n", what,
		result < 0 ? strerror(-result) : "wrong content");
	return result;
}

static void *map(int fd)
{
	void *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return data == MAP_FAILED ? NULL : data;
}

static int make_memfd(void)
{
	int fd = memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 || ftruncate(fd, SIZE) < 0 ? -errno : fd;
}

/* Returns the opened name of a new buffer. */
static int make_name(const struct holding *holding, int memfd,
		     struct client_uuid *ret_uuid)
{
	uint64_t bytes;
	int r = memfd < 0 ? memfd
			  : client_export(holding->control, memfd, 0, ret_uuid, &bytes);

	return r < 0 ? fail("export", r)
		     : client_open(holding->directory, ret_uuid, O_RDWR);
}

static int begin(const char *mount, struct holding *holding)
{
	int memfd = make_memfd();

	holding->directory = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	holding->control = openat(holding->directory, ".control", O_RDWR | O_CLOEXEC);
	if (holding->control < 0)
		return fail("open .control", -errno);
	holding->file = make_name(holding, memfd, &holding->uuid);
	if (holding->file < 0)
		return fail("open", holding->file);
	holding->own = map(memfd);
	holding->name = map(holding->file);
	close(memfd);
	return holding->own && holding->name ? 0 : fail("map", -errno);
}

static int check_held(struct holding *holding, uint32_t step)
{
	uint32_t word = 0;

	*holding->own = step;
	if (*holding->name != step)
		return fail("mapping of the name", 1);
	if (pread(holding->file, &word, sizeof(word), 0) != sizeof(word))
		return fail("read of the opened name", -errno);
	return word == step ? 0 : fail("read of the opened name", 1);
}

static int check_open(const struct holding *holding)
{
	int fd = client_open(holding->directory, &holding->uuid, O_RDWR);
	struct stat st;
	int r;

	if (fd < 0)
		return fail("open of the name", fd);
	r = fstat(fd, &st) < 0 ? -errno : st.st_size == SIZE ? 0 : 1;
	close(fd);
	return r == 0 ? 0 : fail("size of the name", r);
}

static int check_new(const struct holding *holding)
{
	struct client_uuid uuid;
	int memfd = make_memfd(), file = make_name(holding, memfd, &uuid);

	close(memfd);
	if (file < 0)
		return fail("open of a new name", file);
	close(file);
	return 0;
}

static int check(struct holding *holding, uint32_t step)
{
	int r = check_held(holding, step);

	if (r == 0)
		r = check_open(holding);
	/* Names stay until the end, and are limited. */
	if (r == 0 && step < 4096)
		r = check_new(holding);
	return r;
}

static void print_uuid(const struct client_uuid *uuid)
{
	for (size_t i = 0; i < sizeof(uuid->bytes); i++)
		printf(i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
		       uuid->bytes[i]);
	printf("\n");
	fflush(stdout);
}

int main(int argc, char *argv[])
{
	struct pollfd input = {STDIN_FILENO, POLLIN, 0};
	struct holding holding;
	uint32_t step = 0;

	if (argc != 2 || begin(argv[1], &holding) < 0)
		return 1;
	print_uuid(&holding.uuid);
	while (poll(&input, 1, 0) == 0)
		if (check(&holding, ++step) != 0)
			return 1;
	printf("%u rounds\n", step);
	return 0;
}
