/* SPDX-License-Identifier: MIT */
/* event_page.c - pages of interprocess events, and which recorders are alive */
#include "event_page_private.h"

#include <fcntl.h>
#include <htab.h>
#include <memfd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <util.h>

#define SEALS        (F_SEAL_SHRINK | F_SEAL_GROW)
#define NUMBER_TRIES 16

/* The pages of this process: one entry for each inode. */
static struct {
	pthread_mutex_t lock;
	struct htab pages;
} event_page_registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- fork -------------------------------------------------------------------------- */

static void event_page_before_fork(void)
{
	pthread_mutex_lock(&event_page_registry.lock);
}

static void event_page_after_fork(void)
{
	pthread_mutex_unlock(&event_page_registry.lock);
}

/* Otherwise the child would keep the parent's lock alive. */
static void event_page_close_in_child(void)
{
	struct htab_node *node;

	htab_for_each(node, &event_page_registry.pages) {
		struct shared_event *event =
			container_of(node, struct shared_event, node);

		(void)close(event->fd);
		event->fd = -1;
	}
	pthread_mutex_unlock(&event_page_registry.lock);
}

static int event_page_watch_result;

static void event_page_watch_forks(void)
{
	event_page_watch_result = -pthread_atfork(
		event_page_before_fork, event_page_after_fork, event_page_close_in_child);
}

/* ---- recorders --------------------------------------------------------------------- */

static int event_page_lock_command(const struct shared_event *event, int command,
				   uint32_t recorder, short *ret_type)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = recorder,
		.l_len = 1,
	};

	if (fcntl(event->fd, command, &lock) < 0)
		return -errno;
	if (ret_type)
		*ret_type = lock.l_type;
	return 0;
}

/* Chooses a number that no other process has, and locks it. */
static int event_page_become_recorder(struct shared_event *event)
{
	for (int i = 0; i < NUMBER_TRIES; i++) {
		uint32_t recorder;
		int r;

		if (getrandom(&recorder, sizeof(recorder), 0) != sizeof(recorder))
			return -EIO;
		if (!recorder)
			continue;
		r = event_page_lock_command(event, F_OFD_SETLK, recorder, NULL);
		if (r == 0)
			event->recorder = recorder;
		if (r != -EAGAIN && r != -EACCES)
			return r;
	}
	/* Another process has locked the whole range. */
	return -EBADMSG;
}

bool event_page_is_alive(const struct shared_event *event, uint32_t recorder)
{
	short type = F_UNLCK;

	return event_page_lock_command(event, F_OFD_GETLK, recorder, &type) == 0 &&
	       type != F_UNLCK;
}

/* ---- pages ------------------------------------------------------------------------- */

static uint64_t event_page_hash_inode(dev_t dev, ino_t ino)
{
	return ((uint64_t)ino ^ (uint64_t)dev << 40) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct shared_event *event_page_find_inode_locked(dev_t dev, ino_t ino)
{
	struct shared_event *event;

	ASSERT_LOCKED(&event_page_registry.lock);
	htab_for_each_hash(event, &event_page_registry.pages,
			   event_page_hash_inode(dev, ino), node)
		if (event->dev == dev && event->ino == ino)
			break;
	return event;
}

/*
 * fstat() of a file on another process's FUSE file system may block forever. F_GET_SEALS
 * and F_GETFL do not call the file system, and succeed together only for a memfd.
 */
static int event_page_check_memfd(int fd, struct stat *ret_stat)
{
	int seals = fcntl(fd, F_GET_SEALS), mode = fcntl(fd, F_GETFL);
	struct stat stat;

	if (seals < 0 || mode < 0 || (seals & SEALS) != SEALS ||
	    (mode & O_ACCMODE) != O_RDWR)
		return -EBADMSG;
	if (fstat(fd, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode) || stat.st_size != EVENT_PAGE_BYTES)
		return -EBADMSG;
	*ret_stat = stat;
	return 0;
}

/* -ENOENT, too, if /proc belongs to another PID namespace and leads to another file. */
static int event_page_reopen(int fd, dev_t dev, ino_t ino)
{
	_cleanup_close_ int own = -1;
	struct stat stat;
	char path[40];

	/* Not "self": the main thread may have another descriptor table (CLONE_FILES). */
	(void)snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
	own = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (own < 0 || fstat(own, &stat) < 0)
		return -errno;
	if (stat.st_dev != dev || stat.st_ino != ino)
		return -ENOENT;
	return TAKE_FD(own);
}

/*
 * A descriptor with its own open file description. A memfd that the service passed on may
 * not be reopened by every user; then the service has opened it for this process alone,
 * and a duplicate suffices. The same without /proc: then the service shares the
 * exporter's description until it has opened its own. A lack of descriptors or memory is
 * an error.
 */
static int event_page_own_description(int fd, dev_t dev, ino_t ino)
{
	int own = event_page_reopen(fd, dev, ino);

	if (own != -EACCES && own != -EPERM && own != -ENOENT)
		return own;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? -errno : own;
}

static int event_page_map(struct shared_event *event)
{
	void *page = mmap(NULL, EVENT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			  event->fd, 0);

	if (page == MAP_FAILED)
		return errno == EPERM ? -EBADMSG : -errno;
	event->page = page;
	/* A mapping would keep the description, and thus the lock, alive in a child. */
	return madvise(page, EVENT_PAGE_BYTES, MADV_DONTFORK) < 0 ? -errno : 0;
}

static bool event_page_is_event(const struct event_page *page)
{
	return __atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) == EVENT_PAGE_MAGIC &&
	       __atomic_load_n(&page->version, __ATOMIC_RELAXED) == EVENT_PAGE_VERSION;
}

static void event_page_free(struct shared_event *event)
{
	pthread_mutex_destroy(&event->lock);
	if (event->page)
		(void)munmap(event->page, EVENT_PAGE_BYTES);
	close_keep_errno(event->fd);
	free(event);
}

/* Takes ownership of @fd, on failure too. */
static int event_page_add_locked(int fd, const struct stat *stat,
				 struct shared_event **ret_event)
{
	struct shared_event *event = calloc(1, sizeof(*event));
	int r;

	ASSERT_LOCKED(&event_page_registry.lock);
	if (!event) {
		close_keep_errno(fd);
		return -ENOMEM;
	}
	*event = (struct shared_event){
		.dev = stat->st_dev,
		.ino = stat->st_ino,
		.refs = 1,
		.fd = fd,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	list_init(&event->records);
	r = event_page_map(event);
	if (r == 0 && !event_page_is_event(event->page))
		r = -EBADMSG;
	if (r == 0)
		r = event_page_become_recorder(event);
	if (r == 0)
		r = htab_insert(&event_page_registry.pages, &event->node,
				event_page_hash_inode(event->dev, event->ino));
	if (r < 0) {
		event_page_free(event);
		return r;
	}
	*ret_event = event;
	return 0;
}

static int event_page_open_inode_locked(int fd, const struct stat *stat,
					struct shared_event **ret_event)
{
	struct shared_event *event =
		event_page_find_inode_locked(stat->st_dev, stat->st_ino);
	int own;

	if (event) {
		event->refs++;
		*ret_event = event;
		return 0;
	}
	own = event_page_own_description(fd, stat->st_dev, stat->st_ino);
	return own < 0 ? own : event_page_add_locked(own, stat, ret_event);
}

int event_page_open(int fd, struct shared_event **ret_event)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct stat stat = {0};
	int r = event_page_check_memfd(fd, &stat);

	if (r < 0)
		return r;
	pthread_once(&once, event_page_watch_forks);
	if (event_page_watch_result < 0)
		return event_page_watch_result;
	pthread_mutex_lock(&event_page_registry.lock);
	r = event_page_open_inode_locked(fd, &stat, ret_event);
	pthread_mutex_unlock(&event_page_registry.lock);
	return r;
}

/* Without F_SEAL_SEAL: the service adds seals of its own. */
int event_page_create(struct shared_event **ret_event)
{
	const struct event_page page = {
		.magic = EVENT_PAGE_MAGIC,
		.version = EVENT_PAGE_VERSION,
	};
	_cleanup_close_ int fd = memfd_new("hipsoft-event", EVENT_PAGE_BYTES, SEALS);

	if (fd < 0)
		return fd;
	if (pwrite(fd, &page, sizeof(page), 0) != sizeof(page))
		return -ENOMEM;
	return event_page_open(fd, ret_event);
}

struct shared_event *event_page_ref(struct shared_event *event)
{
	pthread_mutex_lock(&event_page_registry.lock);
	event->refs++;
	pthread_mutex_unlock(&event_page_registry.lock);
	return event;
}

void event_page_unref(struct shared_event *event)
{
	bool is_last;

	if (!event)
		return;
	pthread_mutex_lock(&event_page_registry.lock);
	is_last = --event->refs == 0;
	if (is_last)
		htab_remove(&event_page_registry.pages, &event->node);
	pthread_mutex_unlock(&event_page_registry.lock);
	if (is_last)
		event_page_free(event);
}

int event_page_export(struct shared_event *event, int *ret_fd)
{
	int fd = event_page_own_description(event->fd, event->dev, event->ino);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}
