/* SPDX-License-Identifier: MIT */
/* test-fd-vault.c - more descriptors than the limit of one table */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/pidfd.h"
#include "buffers/closer.h"
#include "buffers/fd_vault.h"
#include "fixture.h"
#include "stuck-socket.h"
#include "../support/wait.h"

#define LIMIT 200
#define MANY  600

static struct kept_fd kept[MANY];
static unsigned before;

static void set_limit(rlim_t n)
{
	struct rlimit limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = n;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
}

static uint64_t start(uint64_t wanted)
{
	set_limit(LIMIT);
	return fd_vault_start(wanted, 0);
}

static void init(void)
{
	cr_assert(zero(int, buffer_setup()));
	before = count_fds();
}

static void finish(void)
{
	fd_vault_stop();
	cr_assert(eq(uint, count_fds(), before));
}

TestSuite(fd_vault, .init = init, .fini = finish);

static void give_back(struct kept_fd from, int fd)
{
	if (from.table)
		close(fd);
}

/* The size of the @i-th memfd is @i bytes. */
static void keep(size_t i)
{
	kept[i] = keep_fd(new_memfd(i));
	cr_assert(ge(int, kept[i].fd, 0));
}

static void expect_kept(size_t i)
{
	int fd = fd_vault_borrow(kept[i]), again;
	char path[64];
	struct stat st;

	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, fstat(fd, &st)));
	cr_assert(eq(long, st.st_size, (long)i));
	give_back(kept[i], fd);

	fd_vault_path(kept[i], path, sizeof(path));
	again = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(ge(int, again, 0), "%s", path);
	cr_assert(zero(int, fstat(again, &st)));
	cr_assert(eq(long, st.st_size, (long)i));
	close(again);
}

/* All that is not kept fits, as far as a quarter of the table does. */
Test(fd_vault, room_for_others)
{
	struct rlimit limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	if (limit.rlim_max < 4 * LIMIT)
		cr_skip("RLIMIT_NOFILE is too low");
	set_limit(4 * LIMIT);
	cr_assert(eq(u64, fd_vault_start(10, 0), 4 * LIMIT - 132 /* the least */));
	fd_vault_stop();
	cr_assert(ge(u64, fd_vault_start(10, LIMIT - 130), 3 * LIMIT));
	cr_assert(ge(u64, fd_vault_reserved(), LIMIT - 130));
	fd_vault_stop();
	cr_assert(eq(u64, fd_vault_start(10, UINT64_MAX / 4), 3 * LIMIT));
}

/* The kernel's number; it never becomes lower. */
static unsigned table_size(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned size = 0;
	char line[200];

	cr_assert(ne(ptr, file, NULL));
	while (fgets(line, sizeof(line), file) && sscanf(line, "FDSize: %u", &size) != 1)
		;
	fclose(file);
	return size;
}

Test(fd_vault, a_table_for_those_that_come)
{
	set_limit(4096);
	fd_vault_start(10, 0);
	fd_vault_expect(0);
	cr_assert(lt(uint, table_size(), 1000));
	fd_vault_expect(1000);
	cr_assert(gt(uint, table_size(), 1000));
	fd_vault_expect(UINT64_MAX);
	cr_assert(le(uint, table_size(), 4096));
}

Test(fd_vault, without_a_start_all_stay_here)
{
	int fd = new_memfd(0);

	kept[0] = fd_vault_keep(fd);
	cr_assert(eq(uint, kept[0].table, 0));
	cr_assert(eq(int, kept[0].fd, fd));
	expect_kept(0);
	cr_assert(is_open(fd), "a borrowed descriptor was closed");
	fd_vault_drop(kept[0]);
	cr_assert(not(is_open(fd)));
	fd_vault_drop((struct kept_fd){0, -1});
}

/* As before Linux 6.9. */
static void forbid_pidfds_of_threads(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 3),
		/* Its lower half, on little-endian machines. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PIDFD_THREAD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_SIZE(steps), steps};

	cr_assert(zero(int, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	cr_assert(zero(int, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)));
}

/* There are fewer names then, and the service knows how many. */
Test(fd_vault, without_pidfds_of_threads)
{
	uint64_t room;

	forbid_pidfds_of_threads();
	room = start(MANY);
	cr_assert(lt(u64, room, LIMIT));
	cr_assert(gt(u64, room, 10));
	for (size_t i = 0; i < room; i++) {
		keep(i);
		cr_assert(eq(uint, kept[i].table, 0));
		expect_kept(i);
	}
	for (size_t i = 0; i < room; i++)
		fd_vault_drop(kept[i]);
}

Test(fd_vault, needs_no_other_table_for_few)
{
	unsigned opened = count_fds();

	cr_assert(ge(u64, start(10), 10));
	cr_assert(eq(uint, count_fds(), opened));
}

Test(fd_vault, keeps_many)
{
	unsigned elsewhere = 0;

	cr_assert(ge(u64, start(MANY), MANY));
	for (size_t i = 0; i < MANY; i++) {
		keep(i);
		elsewhere += kept[i].table > 0;
	}
	cr_assert(gt(uint, elsewhere, MANY - LIMIT));
	for (size_t i = 0; i < MANY; i++)
		expect_kept(i);
	for (size_t i = 0; i < MANY; i++)
		fd_vault_drop(kept[i]);
}

/* A closed descriptor leaves a free slot in its table. */
Test(fd_vault, uses_room_again)
{
	start(MANY);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < MANY; i++)
			keep(i);
		for (size_t i = 0; i < MANY; i += 2)
			fd_vault_drop(kept[i]);
		for (size_t i = 0; i < MANY; i += 2)
			keep(i);
		for (size_t i = 0; i < MANY; i++) {
			expect_kept(i);
			fd_vault_drop(kept[i]);
		}
	}
}

/* Without further tables, slots reserved for connections are used as well. */
Test(fd_vault, more_than_there_is_room_for)
{
	uint64_t room = start(0);
	size_t n = 0;

	cr_assert(lt(u64, room, LIMIT));
	/* Descriptors of the service itself are not available to clients either. */
	cr_assert(lt(u64, fd_vault_reserved(), LIMIT - room));
	for (; n < room + 10; n++) {
		keep(n);
		cr_assert(zero(uint, kept[n].table));
	}
	while (n)
		fd_vault_drop(kept[--n]);
}

static bool all_gone(void *data)
{
	struct stat st;

	/* End of file: the last reference to the pipe's write end is gone. */
	return fstat(*(int *)data, &st) == 0 && read(*(int *)data, &st, 1) == 0;
}

/* fd_vault_drop() closes the descriptor: no table keeps a copy. */
Test(fd_vault, drop_closes)
{
	int fds[2];

	start(MANY);
	for (size_t i = 0; i < LIMIT; i++)
		keep(i);
	cr_assert(zero(int, pipe2(fds, O_CLOEXEC | O_NONBLOCK)));
	kept[LIMIT] = keep_fd(fds[1]);
	cr_assert(gt(uint, kept[LIMIT].table, 0));
	cr_assert(not(all_gone(&fds[0])));
	fd_vault_drop(kept[LIMIT]);
	cr_assert(all_gone(&fds[0]));
	for (size_t i = 0; i < LIMIT; i++)
		fd_vault_drop(kept[i]);
	close(fds[0]);
}

/*
 * A table is copied when its thread unshares: none of the service's descriptors may stay.
 */
Test(fd_vault, copies_nothing_of_ours)
{
	int fds[2];

	cr_assert(zero(int, pipe2(fds, O_CLOEXEC | O_NONBLOCK)));
	start(MANY);
	close(fds[1]);
	cr_assert(all_gone(&fds[0]));
	close(fds[0]);
}

static void *work(void *data)
{
	for (int round = 0; round < 100; round++) {
		struct kept_fd mine = keep_fd(new_memfd(77));
		int fd = fd_vault_borrow(mine);
		struct stat st;

		cr_assert(zero(int, fstat(fd, &st)));
		cr_assert(eq(long, st.st_size, 77));
		give_back(mine, fd);
		fd_vault_drop(mine);
	}
	return NULL;
}

Test(fd_vault, threads)
{
	pthread_t threads[4];

	start(MANY);
	/* Fill the first table, so that most of the following go to the others. */
	for (size_t i = 0; i < LIMIT; i++)
		keep(i);
	for (int i = 0; i < 4; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, work, NULL)));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < LIMIT; i++)
		fd_vault_drop(kept[i]);
}

/* ---- use by a buffer --------------------------------------------------------------- */

/* A buffer that is kept when our own table has no room any more. */
static void keep_elsewhere(struct buffer *ret_buffer)
{
	start(MANY);
	for (size_t i = 0; i < LIMIT; i++)
		keep(i);
	new_buffer(ret_buffer, 100);
	buffer_keep(ret_buffer, NULL);
	cr_assert(gt(uint, ret_buffer->table, 0));
}

Test(fd_vault, a_buffer_elsewhere)
{
	struct buffer buffer;
	uint64_t size;
	int fd;

	keep_elsewhere(&buffer);
	cr_assert(zero(int, buffer_size(&buffer, &size)));
	cr_assert(eq(u64, size, 100));
	cr_assert(zero(int, buffer_freeze(&buffer, false)));
	cr_assert(eq(u32, buffer_seals(&buffer), F_SEAL_SEAL));
	cr_assert(zero(int, buffer_held(&buffer)));
	fd = buffer_open(&buffer, O_RDWR);
	cr_assert(eq(int, fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR));
	cr_assert(eq(int, buffer_held(&buffer), 1));
	close(fd);
	cr_assert(zero(int, buffer_held(&buffer)));
	cr_assert(zero(int, buffer_revoke(&buffer)));
	cr_assert(zero(int, buffer_size(&buffer, &size)));
	cr_assert(zero(u64, size));
	buffer.kind = DMABUFFS_KIND_DMABUF;
	fd = buffer_open(&buffer, O_RDWR);
	cr_assert(is_open(fd));
	close(fd);
	buffer_finish(&buffer);
	for (size_t i = 0; i < LIMIT; i++)
		fd_vault_drop(kept[i]);
}

/* Each close of a memfd with many record locks takes long, so none is made. */
Test(fd_vault, the_size_of_a_buffer_elsewhere_needs_no_descriptor)
{
	struct buffer buffer;
	int dups[LIMIT];
	uint64_t size;
	size_t n = 0;

	keep_elsewhere(&buffer);
	while (n < LIMIT && (dups[n] = dup(STDERR_FILENO)) >= 0)
		n++;
	cr_assert(zero(int, buffer_size(&buffer, &size)));
	cr_assert(eq(u64, size, 100));
	while (n > 0)
		close(dups[--n]);
	buffer_finish(&buffer);
	for (size_t i = 0; i < LIMIT; i++)
		fd_vault_drop(kept[i]);
}

/* ---- the close of what was borrowed ------------------------------------------------ */

static struct limits limits;

static void start_limits(void)
{
	struct limits_config config;

	limits_config_default(&config);
	config.per_uid[RES_CLOSES] = 2;
	limits_init(&limits, &config);
	cr_assert(zero(int, closer_start()));
}

static bool has_left_the_table(void *fd)
{
	return !is_open(*(int *)fd);
}

/* The closer of the person does not return until the peer is closed. */
static int block_closer(void)
{
	struct closing *stuck = closing_new(&limits, UID_A, 1);
	int peer, fd = stuck_socket(&peer);

	closing_add(stuck, fd);
	closing_end(stuck);
	cr_assert(wait_until(has_left_the_table, &fd));
	return peer;
}

/* A client makes each close of its file take long; another thread waits for it. */
Test(fd_vault, what_was_borrowed_is_closed_elsewhere)
{
	struct closing *own, *unused;
	struct buffer buffer;
	unsigned opened;
	int peer;

	start_limits();
	own = closing_new(&limits, UID_A, 0);
	keep_elsewhere(&buffer);
	buffer.closing = own;
	peer = block_closer();
	opened = count_fds();
	cr_assert(zero(u32, buffer_seals(&buffer)));
	cr_assert(eq(uint, count_fds(), opened + 1), "it was closed by the caller");
	cr_assert(zero(u32, buffer_seals(&buffer)));
	cr_assert(eq(int, buffer_borrow(&buffer, &unused), -EMFILE));
	cr_assert(eq(uint, count_fds(), opened + 2));
	close(peer);
	cr_assert(closer_stop());
	cr_assert(zero(u64, limits_used(&limits, RES_CLOSES)));
	buffer_finish(&buffer);
	closing_end(own);
	limits_finish(&limits);
	for (size_t i = 0; i < LIMIT; i++)
		fd_vault_drop(kept[i]);
}
