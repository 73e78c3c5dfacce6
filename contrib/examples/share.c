/* SPDX-License-Identifier: MIT */
/*
 * share.c - the main job of dmabuffs, by three processes
 *
 * A allocates a buffer with a name, fills it with a file and passes the name, 16 bytes,
 * through a pipe. B is another user in a group of A's, in namespaces of its own with
 * nothing but a bind mount of the instance. It opens the name and maps the same memory. C
 * learns the name, too, but is not in the group, and the kernel denies it access. The
 *name is removed when A exits; B keeps the memory.
 *
 *	usage: share INSTANCE FILE SHA256        (as root, to become these users)
 *
 * Pipes carry the name, and their end shows that a process has exited:
 *
 *	      name, then the exit of A
 *	    A ------------------------> B
 *	    A <------------------------ B
 *	      "answered"
 *	    A ------------------------> C          A waits for the exit of C
 *	      name
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dmabuffs.h>

#include "stage.h"

#define MIB          (1024.0 * 1024)
#define INSIDE       "/buffers" /* where B finds the instance */
#define END_LIMIT_MS 5000

/* Unused on the system. B is in the group of A, C is not. */
static const struct user user_a = {.uid = 70001, .gid = 70001};
static const struct user user_b = {.uid = 70002, .gid = 70002, .other_group = 70001};
static const struct user user_c = {.uid = 70003, .gid = 70003};

static const char answer[] = "B was here: same memory, other user";

struct play {
	const char *instance; /* where it is mounted */
	const char *file;
	const char *sha256;
	int name_to_b[2], answer_to_a[2], name_to_c[2], end_of_c[2];
};

static void shorten(const dmabuffs_uuid *uuid, char text[DMABUFFS_UUID_TEXT_SIZE])
{
	dmabuffs_uuid_format(uuid, text);
	memcpy(text + 8, "...", 4); /* enough to tell names apart */
}

/* Each process keeps its own ends: a pipe ends when all writers have closed it. */
static void use_ends(const struct play *play, const int *mine, size_t n_mine)
{
	const int *pipes[] = {play->name_to_b, play->answer_to_a, play->name_to_c,
			      play->end_of_c};

	for (size_t i = 0; i < 2 * sizeof(pipes) / sizeof(*pipes); i++) {
		int fd = pipes[i / 2][i % 2];
		bool keep = false;

		for (size_t k = 0; k < n_mine; k++)
			keep = keep || mine[k] == fd;
		if (!keep)
			(void)close(fd);
	}
}

/* ---- A: exports -------------------------------------------------------------------- */

/* The group may read and write; all others may know the name and cannot open it. */
static int allocate(const char *path, size_t size, int *ret_fd, dmabuffs_uuid *ret_uuid)
{
	const struct dmabuffs_export_options options = {
		.size = sizeof(options),
		.flags = DMABUFFS_EXPORT_MODE,
		.mode = 0660,
		.label = "the example's buffer",
	};
	struct dmabuffs *instance;
	int r = dmabuffs_open(path, &instance);

	/* Stays open until the process exits: the name lives as long. */
	return r < 0 ? r
		     : dmabuffs_allocate(instance, size, 0, &options, ret_fd, ret_uuid);
}

/* The mapping stays, to see the answer of B. */
static int fill(int fd, int file, size_t size, char **ret_bytes)
{
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (bytes == MAP_FAILED)
		return -errno;
	for (size_t done = 0; done < size;) {
		ssize_t n = read(file, bytes + done, size - done);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	*ret_bytes = bytes;
	return 0;
}

static int pass_name(int pipe, const dmabuffs_uuid *uuid)
{
	return write(pipe, uuid->bytes, sizeof(uuid->bytes)) == sizeof(uuid->bytes)
		       ? 0
		       : -EPIPE;
}

static int prepare(const struct play *play, char **ret_bytes, dmabuffs_uuid *ret_uuid)
{
	struct timespec start = stage_now();
	int fd, r, file = open(play->file, O_RDONLY | O_CLOEXEC);
	char text[DMABUFFS_UUID_TEXT_SIZE];
	struct stat status;
	size_t size;

	if (file < 0 || fstat(file, &status) < 0)
		return stage_fail("A", -errno, "%s", play->file);
	size = (size_t)status.st_size;
	r = allocate(play->instance, size, &fd, ret_uuid);
	if (r < 0)
		return stage_fail("A", r, "allocate");
	shorten(ret_uuid, text);
	stage_step(start, "A", "uid %u allocates a buffer for its group: %s", getuid(),
		   text);

	start = stage_now();
	r = fill(fd, file, size, ret_bytes);
	if (r < 0)
		return stage_fail("A", r, "%s", play->file);
	stage_step(start, "A", "fills it with %.0f MiB", (double)size / MIB);
	(void)close(file);
	return 0;
}

/* Waits for B and reads its own memory. */
static int see_answer(const struct play *play, const char *bytes)
{
	struct timespec start = stage_now();
	char byte;

	if (read(play->answer_to_a[0], &byte, 1) != 1 ||
	    memcmp(bytes, answer, sizeof(answer)))
		return stage_fail("A", 0, "no answer in the buffer");
	stage_step(start, "A", "waited for B, and finds in its memory: \"%s\"", bytes);
	return 0;
}

static int act_a(void *data)
{
	const struct play *play = data;
	const int ends[] = {play->name_to_b[1], play->answer_to_a[0], play->name_to_c[1],
			    play->end_of_c[0]};
	struct timespec start;
	dmabuffs_uuid uuid;
	char *bytes = NULL, byte;

	use_ends(play, ends, 4);
	if (prepare(play, &bytes, &uuid) < 0)
		return -1;
	start = stage_now();
	if (pass_name(play->name_to_b[1], &uuid) < 0)
		return stage_fail("A", 0, "B does not listen");
	stage_step(start, "A", "passes %zu bytes through a pipe to B",
		   sizeof(uuid.bytes));
	if (see_answer(play, bytes) < 0)
		return -1;
	if (pass_name(play->name_to_c[1], &uuid) < 0)
		return stage_fail("A", 0, "C does not listen");
	(void)!read(play->end_of_c[0], &byte, 1);
	return 0; /* and the name is removed with this process */
}

/* ---- B: imports -------------------------------------------------------------------- */

static int receive_name(const char *who, int pipe, dmabuffs_uuid *ret_uuid)
{
	ssize_t n = read(pipe, ret_uuid->bytes, sizeof(ret_uuid->bytes));

	return n == sizeof(ret_uuid->bytes) ? 0 : stage_fail(who, 0, "received no name");
}

static int check_sha256(const struct play *play, const char *bytes, size_t size)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char text[2 * sizeof(hash) + 1];
	struct timespec start = stage_now();

	crypto_hash_sha256(hash, (const unsigned char *)bytes, size);
	sodium_bin2hex(text, sizeof(text), hash, sizeof(hash));
	if (strcmp(text, play->sha256))
		return stage_fail("B", 0, "SHA-256 is %s, not %s", text, play->sha256);
	stage_step(start, "B", "SHA-256 of its mapping is that of the file: %.8s...",
		   text);
	return 0;
}

static int import_and_answer(const struct play *play, struct dmabuffs *instance,
			     const dmabuffs_uuid *uuid,
			     struct dmabuffs_mapping **ret_mapping)
{
	struct timespec start = stage_now();
	int r = dmabuffs_import_map(instance, uuid, O_RDWR, ret_mapping);
	char *bytes;

	if (r < 0)
		return stage_fail("B", r, "import");
	stage_step(start, "B", "uid %u, pid %d there, opens the name and maps it",
		   getuid(), getpid());
	bytes = dmabuffs_mapping_address(*ret_mapping);
	if (check_sha256(play, bytes, dmabuffs_mapping_bytes(*ret_mapping)) < 0)
		return -1;
	start = stage_now();
	memcpy(bytes, answer, sizeof(answer));
	stage_step(start, "B", "writes an answer into the buffer");
	return 0;
}

/* The service notices the exit of A a moment after the pipe does. */
static int wait_for_removal(struct dmabuffs *instance, const dmabuffs_uuid *uuid)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	for (int i = 0; i < END_LIMIT_MS; i++) {
		int fd, r = dmabuffs_import(instance, uuid, O_RDONLY, &fd);

		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return stage_fail("B", r, "import after the exit of A");
		(void)close(fd);
		(void)nanosleep(&moment, NULL);
	}
	return stage_fail("B", 0, "the name outlives A");
}

static int outlive_a(const struct play *play, struct dmabuffs *instance,
		     const dmabuffs_uuid *uuid, const char *bytes)
{
	struct timespec start;
	char byte;

	if (read(play->name_to_b[0], &byte, 1) != 0)
		return stage_fail("B", 0, "A says more than a name");
	start = stage_now();
	if (wait_for_removal(instance, uuid) < 0)
		return -1;
	if (memcmp(bytes, answer, sizeof(answer)))
		return stage_fail("B", 0, "the mapping has changed");
	stage_step(start, "B",
		   "A has exited and its name is removed: %s; B's mapping stays",
		   strerror(ENOENT));
	return 0;
}

static int act_b_inside(void *data)
{
	const struct play *play = data;
	struct dmabuffs *instance;
	struct dmabuffs_mapping *mapping = NULL;
	dmabuffs_uuid uuid;
	int r = dmabuffs_open(INSIDE, &instance);

	if (r < 0)
		return stage_fail("B", r, INSIDE);
	if (receive_name("B", play->name_to_b[0], &uuid) < 0 ||
	    import_and_answer(play, instance, &uuid, &mapping) < 0)
		return -1;
	if (write(play->answer_to_a[1], "", 1) != 1)
		return stage_fail("B", 0, "A does not listen");
	r = outlive_a(play, instance, &uuid, dmabuffs_mapping_address(mapping));
	dmabuffs_mapping_destroy(mapping);
	dmabuffs_close(instance);
	return r;
}

/* As root: builds the namespaces and waits outside for the process inside. */
static int act_b(void *data)
{
	const struct play *play = data;
	const int ends[] = {play->name_to_b[0], play->answer_to_a[1]};
	struct timespec start = stage_now();
	pid_t inside;
	int r;

	use_ends(play, ends, 2);
	r = stage_enclose(play->instance, INSIDE);
	if (r < 0)
		return stage_fail("B", r, "namespaces");
	stage_step(start, "B", "gets PID, network, IPC and mount namespaces of its own");
	inside = stage_start(&user_b, act_b_inside, data);
	/* Or A would wait for an answer that cannot come. */
	(void)close(play->answer_to_a[1]);
	(void)close(play->name_to_b[0]);
	return stage_wait(inside) ? 0 : -1;
}

/* ---- C: is denied ------------------------------------------------------------------ */

static int act_c(void *data)
{
	const struct play *play = data;
	const int ends[] = {play->name_to_c[0], play->end_of_c[1]};
	struct dmabuffs *instance;
	struct timespec start;
	dmabuffs_uuid uuid;
	int fd, r;

	use_ends(play, ends, 2);
	if (receive_name("C", play->name_to_c[0], &uuid) < 0)
		return -1;
	start = stage_now();
	r = dmabuffs_open(play->instance, &instance);
	if (r < 0)
		return stage_fail("C", r, "%s", play->instance);
	r = dmabuffs_import(instance, &uuid, O_RDONLY, &fd);
	dmabuffs_close(instance);
	if (r != -EACCES)
		return stage_fail("C", r, "was not refused as it should be");
	stage_step(start, "C", "uid %u knows the name, too, and is denied: %s", getuid(),
		   strerror(-r));
	return 0;
}

/* ------------------------------------------------------------------------------------ */

static int play_all(struct play *play)
{
	static const struct user root = {0};
	const struct {
		const struct user *user;
		int (*act)(void *data);
	} cast[] = {{&root, act_b}, {&user_c, act_c}, {&user_a, act_a}};
	pid_t pids[sizeof(cast) / sizeof(*cast)];
	int r = 0;

	for (size_t i = 0; i < sizeof(cast) / sizeof(*cast); i++)
		pids[i] = stage_start(cast[i].user, cast[i].act, play);
	use_ends(play, NULL, 0);
	for (size_t i = 0; i < sizeof(cast) / sizeof(*cast); i++)
		if (!stage_wait(pids[i]))
			r = -1;
	return r;
}

int main(int argc, char *argv[])
{
	struct play play = {NULL};

	if (argc != 4) {
		fputs("usage: share INSTANCE FILE SHA256\n", stderr);
		return 2;
	}
	play.instance = argv[1];
	play.file = argv[2];
	play.sha256 = argv[3];
	if (pipe2(play.name_to_b, O_CLOEXEC) < 0 ||
	    pipe2(play.answer_to_a, O_CLOEXEC) < 0 ||
	    pipe2(play.name_to_c, O_CLOEXEC) < 0 || pipe2(play.end_of_c, O_CLOEXEC) < 0)
		return stage_fail("", -errno, "no pipe") < 0;
	return play_all(&play) < 0;
}
