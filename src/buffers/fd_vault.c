/* SPDX-License-Identifier: MIT */
#include "buffers/fd_vault.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/pidfd.h"
#include "locked.h"
#include "thread.h"
#include "util.h"

#define MAX_VAULTS   64
#define VAULT_STACK  (64 * 1024)
#define VAULT_SPARE  16  /* of a vault's table: for itself */
#define MIN_RESERVED 128 /* of our own table: for all that is not kept */
#define DAEMON_FDS   68  /* always open, without the vaults' pidfds */

enum request { REQUEST_NONE, REQUEST_KEEP, REQUEST_DROP, REQUEST_END };

/* A descriptor of a vault that is to be closed. */
struct dropped {
	int fd;
	sem_t done;
};

struct vault {
	pthread_t thread;
	int pidfd; /* of the thread, in our table */
	pid_t tid;
	pthread_mutex_t callers; /* serialises requests; taken before lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum request request;    /* protected by lock: REQUEST_NONE when it is done */
	int argument;            /* protected by lock */
	struct dropped *dropped; /* the argument of REQUEST_DROP; protected by lock */
	int result;              /* protected by lock */
	_Atomic unsigned n_kept;
};

/* Fixed between fd_vault_start() and fd_vault_stop(), except n_own. */
static struct {
	struct vault vaults[MAX_VAULTS];
	unsigned n_vaults;
	unsigned own_room;   /* of our table: for kept descriptors */
	unsigned reserved;   /* of our table: for the rest */
	unsigned vault_room; /* of each vault's table */
	_Atomic unsigned n_own;
} fd_vault_state = {.own_room = UINT32_MAX};

static int fd_vault_pidfd_getfd(int pidfd, int fd)
{
	int taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return taken < 0 ? -errno : taken;
}

/* ---- the thread -------------------------------------------------------------------- */

static void *fd_vault_close(void *arg)
{
	struct dropped *dropped = arg;

	close(dropped->fd);
	sem_post(&dropped->done);
	return NULL;
}

/*
 * A client can make a close(2) take long, and the vault is there for all users. So a
 * thread that shares the vault's table closes; the one that asked for it waits for that.
 */
static void fd_vault_start_close(struct dropped *dropped)
{
	if (thread_start(fd_vault_close, dropped, VAULT_STACK, NULL) < 0)
		fd_vault_close(dropped);
}

static int fd_vault_execute_locked(struct vault *vault, enum request request, int process)
{
	ASSERT_LOCKED(&vault->lock);
	if (request == REQUEST_KEEP)
		return fd_vault_pidfd_getfd(process, vault->argument);
	if (request == REQUEST_DROP)
		fd_vault_start_close(vault->dropped);
	return 0;
}

static void fd_vault_serve(struct vault *vault, int process)
{
	enum request request;

	pthread_mutex_lock(&vault->lock);
	do {
		while (vault->request == REQUEST_NONE)
			pthread_cond_wait(&vault->changed, &vault->lock);
		request = vault->request;
		vault->result = fd_vault_execute_locked(vault, request, process);
		vault->request = REQUEST_NONE;
		pthread_cond_broadcast(&vault->changed);
	} while (request != REQUEST_END);
	pthread_mutex_unlock(&vault->lock);
}

/*
 * First unshares the descriptor table and closes all of the copy: the parent process may
 * wait until its pipe on our standard output is closed. Reports -errno on failure.
 */
static void *fd_vault_run(void *arg)
{
	struct vault *vault = arg;
	int process = -1, r = 0;

	if (syscall(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE) < 0)
		r = -errno;
	if (r == 0)
		process = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (r == 0 && process < 0)
		r = -errno;
	pthread_mutex_lock(&vault->lock);
	vault->tid = gettid();
	vault->result = r;
	vault->request = REQUEST_NONE;
	pthread_cond_broadcast(&vault->changed);
	pthread_mutex_unlock(&vault->lock);
	if (r == 0)
		fd_vault_serve(vault, process);
	close_keep_errno(process);
	return NULL;
}

static void fd_vault_wait_done_locked(struct vault *vault)
{
	ASSERT_LOCKED(&vault->lock);
	while (vault->request != REQUEST_NONE)
		pthread_cond_wait(&vault->changed, &vault->lock);
}

static int fd_vault_request(struct vault *vault, enum request request, int argument,
			    struct dropped *dropped)
{
	int result;

	pthread_mutex_lock(&vault->callers);
	pthread_mutex_lock(&vault->lock);
	vault->request = request;
	vault->argument = argument;
	vault->dropped = dropped;
	pthread_cond_broadcast(&vault->changed);
	fd_vault_wait_done_locked(vault);
	result = vault->result;
	pthread_mutex_unlock(&vault->lock);
	pthread_mutex_unlock(&vault->callers);
	return result;
}

/* ---- start and stop ---------------------------------------------------------------- */

static int fd_vault_start_thread(struct vault *vault)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, VAULT_STACK);
	r = pthread_create(&vault->thread, &attr, fd_vault_run, vault);
	pthread_attr_destroy(&attr);
	return -r;
}

static int fd_vault_start_vault(struct vault *vault)
{
	int r;

	*vault = (struct vault){.request = REQUEST_KEEP /* until it has begun */};
	pthread_mutex_init(&vault->callers, NULL);
	pthread_mutex_init(&vault->lock, NULL);
	pthread_cond_init(&vault->changed, NULL);
	r = fd_vault_start_thread(vault);
	if (r < 0)
		return r;
	pthread_mutex_lock(&vault->lock);
	fd_vault_wait_done_locked(vault);
	r = vault->result;
	pthread_mutex_unlock(&vault->lock);
	if (r < 0) {
		pthread_join(vault->thread, NULL);
		return r;
	}
	vault->pidfd = (int)syscall(SYS_pidfd_open, vault->tid, PIDFD_THREAD);
	if (vault->pidfd >= 0)
		return 0;
	r = -errno;
	fd_vault_request(vault, REQUEST_END, 0, NULL);
	pthread_join(vault->thread, NULL);
	return r;
}

uint64_t fd_vault_start(uint64_t wanted, uint64_t others)
{
	struct rlimit limit = {0};
	rlim_t total, reserved;
	uint64_t room;
	int r = 0;

	getrlimit(RLIMIT_NOFILE, &limit);
	total = limit.rlim_cur;
	reserved = MIN(total / 4, (rlim_t)others + DAEMON_FDS + MAX_VAULTS);
	reserved = MAX(reserved, (rlim_t)MIN_RESERVED);
	reserved = MIN(reserved, total * 2 / 3);
	fd_vault_state.own_room = (unsigned)(total - reserved);
	fd_vault_state.reserved = (unsigned)reserved;
	fd_vault_state.vault_room = (unsigned)(total - VAULT_SPARE);
	room = fd_vault_state.own_room;
	/* Each vault's pidfd is in the reserved part. */
	while (room < wanted && fd_vault_state.n_vaults < MIN(MAX_VAULTS, reserved / 4) &&
	       r == 0) {
		r = fd_vault_start_vault(&fd_vault_state.vaults[fd_vault_state.n_vaults]);
		if (r == 0) {
			fd_vault_state.n_vaults++;
			room += fd_vault_state.vault_room;
		}
	}
	log_debug("room for %llu buffers, %u tables beside our own",
		  (unsigned long long)room, fd_vault_state.n_vaults);
	return room;
}

void fd_vault_expect(uint64_t n)
{
	uint64_t all = MIN(n, (uint64_t)fd_vault_state.own_room) + DAEMON_FDS;

	close_keep_errno(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)all));
}

uint64_t fd_vault_reserved(void)
{
	unsigned taken = DAEMON_FDS + fd_vault_state.n_vaults;

	return fd_vault_state.reserved > taken ? fd_vault_state.reserved - taken : 0;
}

void fd_vault_stop(void)
{
	while (fd_vault_state.n_vaults) {
		struct vault *vault = &fd_vault_state.vaults[--fd_vault_state.n_vaults];

		fd_vault_request(vault, REQUEST_END, 0, NULL);
		pthread_join(vault->thread, NULL);
		close(vault->pidfd);
	}
}

/* ---- descriptors ------------------------------------------------------------------- */

/* Counts one more in the table; false: it is full. */
static bool fd_vault_reserve(_Atomic unsigned *n, unsigned room)
{
	if (atomic_fetch_add(n, 1) < room)
		return true;
	atomic_fetch_sub(n, 1);
	return false;
}

static bool fd_vault_move_to(unsigned table, int fd, struct kept_fd *ret_kept)
{
	struct vault *vault = &fd_vault_state.vaults[table - 1];
	int there;

	if (!fd_vault_reserve(&vault->n_kept, fd_vault_state.vault_room))
		return false;
	there = fd_vault_request(vault, REQUEST_KEEP, fd, NULL);
	if (there < 0) {
		atomic_fetch_sub(&vault->n_kept, 1);
		return false;
	}
	*ret_kept = (struct kept_fd){table, there};
	return true;
}

struct kept_fd fd_vault_keep(int fd)
{
	struct kept_fd kept = {0, fd};

	if (fd_vault_reserve(&fd_vault_state.n_own, fd_vault_state.own_room))
		return kept;
	for (unsigned table = 1; table <= fd_vault_state.n_vaults; table++)
		if (fd_vault_move_to(table, fd, &kept))
			return kept;
	/* The last resort: the part reserved for other uses. */
	atomic_fetch_add(&fd_vault_state.n_own, 1);
	return kept;
}

int fd_vault_borrow(struct kept_fd kept)
{
	return kept.table ? fd_vault_pidfd_getfd(
				    fd_vault_state.vaults[kept.table - 1].pidfd, kept.fd)
			  : kept.fd;
}

void fd_vault_path(struct kept_fd kept, char *path, size_t size)
{
	if (kept.table)
		snprintf(path, size, "/proc/self/task/%d/fd/%d",
			 fd_vault_state.vaults[kept.table - 1].tid, kept.fd);
	else
		snprintf(path, size, "/proc/self/fd/%d", kept.fd);
}

pid_t fd_vault_thread(unsigned table)
{
	return fd_vault_state.vaults[table - 1].tid;
}

static void fd_vault_drop_there(struct vault *vault, int fd)
{
	struct dropped dropped = {.fd = fd};

	sem_init(&dropped.done, 0, 0);
	fd_vault_request(vault, REQUEST_DROP, 0, &dropped);
	while (sem_wait(&dropped.done) < 0)
		;
	sem_destroy(&dropped.done);
}

void fd_vault_drop(struct kept_fd kept)
{
	if (kept.fd < 0)
		return;
	if (kept.table) {
		struct vault *vault = &fd_vault_state.vaults[kept.table - 1];

		fd_vault_drop_there(vault, kept.fd);
		atomic_fetch_sub(&vault->n_kept, 1);
	} else {
		close_keep_errno(kept.fd);
		atomic_fetch_sub(&fd_vault_state.n_own, 1);
	}
}
