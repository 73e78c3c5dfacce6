/* SPDX-License-Identifier: MIT */
/*
 * test-stress.c - sixteen processes that export, import and unlink concurrently
 *
 *
 * Slots in shared memory list the existing names and the checksums of their buffers. A
 * published buffer never changes, so each importer can verify it; the only permitted
 * failure is that the name was removed meanwhile.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

#define DEFAULT_SECONDS 30
#define N_EXPORTERS     6
#define N_IMPORTERS     8
#define N_UNLINKERS     2
#define N_SLOTS         64
#define N_HELD          8
#define MAX_PAGES       64

/* A published buffer; protected by the board's lock. */
struct slot {
	bool used;
	uint8_t uuid[16];
	uint64_t bytes;
	uint64_t checksum;
};

struct board {
	pthread_mutex_t lock;
	struct slot slots[N_SLOTS];
	atomic_bool stop;
	atomic_ulong exported, imported, exchanged, unlinked, missed;
};

struct worker {
	const struct instance *instance;
	struct board *board;
	unsigned int seed;
};

static unsigned int draw(struct worker *worker, unsigned int below)
{
	return (unsigned int)rand_r(&worker->seed) % below;
}

/* FNV-1a over words: neither fast nor secure, but detects any wrong byte. */
static uint64_t checksum(const void *address, size_t bytes)
{
	const uint64_t *words = address;
	uint64_t sum = 14695981039346656037ULL;

	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		sum = (sum ^ words[i]) * 1099511628211ULL;
	return sum;
}

static void fill(struct worker *worker, uint64_t *words, size_t bytes)
{
	uint64_t state = (uint64_t)draw(worker, 1 << 30) << 32 | draw(worker, 1 << 30);

	for (size_t i = 0; i < bytes / sizeof(*words); i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		words[i] = state;
	}
}

/* Creates a buffer and fills in its description. */
static int make_buffer(struct worker *worker, struct slot *ret_slot)
{
	int fd = ASSERT_OK(SYS(memfd_create("stress", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
	void *address;

	ret_slot->used = true;
	ret_slot->bytes = PAGE * (1 + draw(worker, MAX_PAGES));
	ASSERT_OK(SYS(ftruncate(fd, (off_t)ret_slot->bytes)));
	ASSERT_OK(raw_map(fd, ret_slot->bytes, PROT_READ | PROT_WRITE, &address));
	fill(worker, address, ret_slot->bytes);
	ret_slot->checksum = checksum(address, ret_slot->bytes);
	munmap(address, ret_slot->bytes);
	if (draw(worker, 4) == 0)
		ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)));
	return fd;
}

static void publish(struct worker *worker, const struct slot *slot)
{
	pthread_mutex_lock(&worker->board->lock);
	worker->board->slots[draw(worker, N_SLOTS)] = *slot;
	pthread_mutex_unlock(&worker->board->lock);
}

static struct slot look(struct worker *worker)
{
	struct slot slot;

	pthread_mutex_lock(&worker->board->lock);
	slot = worker->board->slots[draw(worker, N_SLOTS)];
	pthread_mutex_unlock(&worker->board->lock);
	return slot;
}

/* Keeps up to N_HELD roots with some names each; closing a root removes its names. */
static void run_exporter(int peer, void *data)
{
	struct worker *worker = data;
	int roots[N_HELD];

	memset(roots, -1, sizeof(roots));
	while (!worker->board->stop) {
		int *root = &roots[draw(worker, N_HELD)];
		struct slot slot;
		int fd;

		if (*root >= 0 && draw(worker, 4) == 0) {
			close(*root);
			*root = -1;
		}
		if (*root < 0)
			*root = ASSERT_OK(raw_root(worker->instance));
		fd = make_buffer(worker, &slot);
		ASSERT_OK(
			raw_export_fd(*root, fd, DMABUFFS_EXPORT_MODE, 0666, slot.uuid));
		close(fd);
		publish(worker, &slot);
		worker->board->exported++;
	}
}

static void check_mapping(int fd, const struct slot *slot)
{
	void *address;

	ASSERT_OK(raw_map(fd, slot->bytes, PROT_READ, &address));
	ASSERT(checksum(address, slot->bytes) == slot->checksum);
	munmap(address, slot->bytes);
}

static void check_read(int fd, const struct slot *slot)
{
	static uint64_t words[MAX_PAGES * PAGE / sizeof(uint64_t)];

	ASSERT_EQ(pread(fd, words, sizeof(words), 0), (ssize_t)slot->bytes);
	ASSERT(checksum(words, slot->bytes) == slot->checksum);
}

static void check_info(int fd, const struct slot *slot)
{
	struct dmabuffs_info info;

	ASSERT_OK(raw_info(fd, &info));
	ASSERT_EQ(info.bytes, slot->bytes);
	ASSERT(memcmp(info.uuid, slot->uuid, sizeof(info.uuid)) == 0);
	ASSERT(info.importers >= 1);
}

static void check_exchange(struct worker *worker, int fd, const struct slot *slot,
			   int *connection)
{
	int copy;

	if (*connection < 0)
		*connection = ASSERT_OK(raw_connect(worker->instance));
	copy = ASSERT_OK(raw_exchange(*connection, fd));
	check_mapping(copy, slot);
	close(copy);
	if (draw(worker, 16) == 0) {
		close(*connection);
		*connection = -1;
	}
	worker->board->exchanged++;
}

static void import_once(struct worker *worker, int *connection)
{
	const struct slot slot = look(worker);
	int fd;

	if (!slot.used)
		return;
	fd = raw_open(worker->instance, slot.uuid, draw(worker, 2) ? O_RDWR : O_RDONLY);
	if (fd == -ENOENT) {
		worker->board->missed++;
		return;
	}
	ASSERT_OK(fd);
	check_info(fd, &slot);
	if (draw(worker, 2))
		check_mapping(fd, &slot);
	else
		check_read(fd, &slot);
	if (draw(worker, 2))
		check_exchange(worker, fd, &slot, connection);
	close(fd);
	worker->board->imported++;
}

static void run_importer(int peer, void *data)
{
	struct worker *worker = data;
	int connection = -1;

	while (!worker->board->stop)
		import_once(worker, &connection);
}

/* Runs as root, which may remove any name, and lists the changing directory. */
static void run_unlinker(int peer, void *data)
{
	struct worker *worker = data;

	while (!worker->board->stop) {
		const struct slot slot = look(worker);
		int result;

		if (draw(worker, 50) == 0)
			ASSERT_OK(raw_count(worker->instance));
		if (!slot.used)
			continue;
		result = raw_unlink(worker->instance, slot.uuid);
		ASSERT(result == 0 || result == -ENOENT);
		worker->board->unlinked += result == 0;
		/* Leave some names for the other workers. */
		usleep(1000 + draw(worker, 2000));
	}
}

static struct board *new_board(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attributes;

	ASSERT(board != MAP_FAILED);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	ASSERT_EQ(pthread_mutex_init(&board->lock, &attributes), 0);
	return board;
}

static int seconds(void)
{
	const char *text = getenv("DMABUFFS_STRESS_SECONDS");

	return text && atoi(text) > 0 ? atoi(text) : DEFAULT_SECONDS;
}

/* No worker may exit early. */
static void wait_for_workers(struct child *workers, size_t n)
{
	uint64_t end = now_ms() + (uint64_t)seconds() * 1000;

	for (size_t i = 0; now_ms() < end; i = (i + 1) % n)
		if (wait_ready(workers[i].peer, POLLIN, 20))
			child_wait(&workers[i]);
}

static bool directory_is_empty(void *data)
{
	return ASSERT_OK(raw_count(data)) == 0;
}

static void sixteen_processes(struct instance *instance)
{
	struct child workers[N_EXPORTERS + N_IMPORTERS + N_UNLINKERS];
	struct board *board = new_board();

	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		struct worker worker = {instance, board, 1000 + i};

		if (i < N_EXPORTERS)
			child_start(&workers[i], USER(1001 + i), run_exporter, &worker);
		else if (i < N_EXPORTERS + N_IMPORTERS)
			child_start(&workers[i], USER(2001 + i), run_importer, &worker);
		else
			child_start(&workers[i], NULL, run_unlinker, &worker);
	}
	wait_for_workers(workers, ARRAY_SIZE(workers));
	board->stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++)
		child_wait(&workers[i]);
	test_note("%lu exports, %lu imports, %lu exchanges, %lu unlinks, %lu names gone",
		  board->exported, board->imported, board->exchanged, board->unlinked,
		  board->missed);
	ASSERT(board->exported && board->imported && board->exchanged && board->unlinked);
	ASSERT(wait_until(directory_is_empty, instance));
}

const struct test_case test_cases[] = {
	{"sixteen_processes", sixteen_processes, NULL, 900},
	{0},
};
