/* SPDX-License-Identifier: MIT */
#include "process/held.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "base/log.h"
#include "util.h"

#define HELD_FIRST  3 /* SD_LISTEN_FDS_START */
#define HELD_NUMBER 32

/* Of /dev/fuse, from the kernel's list of devices. */
#define HELD_FUSE_MAJOR 10
#define HELD_FUSE_MINOR 229

void held_init(struct held *held)
{
	*held = (struct held){
		.fuse = -1, .listener = -1, .service = -1, .holder = -1, .life = -1};
	for (unsigned i = 0; i < STATE_FDS_MAX; i++)
		held->state[i] = -1;
}

void held_close(struct held *held)
{
	close_keep_errno(held->fuse);
	close_keep_errno(held->listener);
	close_keep_errno(held->service);
	close_keep_errno(held->holder);
	close_keep_errno(held->life);
	for (unsigned i = 0; i < STATE_FDS_MAX; i++)
		close_keep_errno(held->state[i]);
	held_init(held);
}

bool held_is_complete(const struct held *held)
{
	return held->fuse >= 0 && held->listener >= 0 && held->n_state > 0;
}

/* ---- to the next service ----------------------------------------------------------- */

struct held_list {
	int fds[HELD_FDS_MAX];
	int n;
	char names[HELD_FDS_MAX * HELD_NAME_MAX];
	size_t length;
};

static int held_visit_state(const struct held *held,
			    int (*visit)(const char *name, int fd, void *data),
			    void *data)
{
	char name[HELD_NAME_MAX];
	int r = 0;

	for (unsigned i = 0; i < held->n_state && r == 0; i++) {
		(void)snprintf(name, sizeof(name), HELD_BANK "%u", i - 1);
		if (held->state[i] >= 0)
			r = visit(i == 0 ? HELD_LEDGER : name, held->state[i], data);
	}
	return r;
}

int held_for_each(const struct held *held,
		  int (*visit)(const char *name, int fd, void *data), void *data)
{
	const struct {
		const char *name;
		int fd;
	} others[] = {
		{HELD_LISTENER, held->listener}, {HELD_SERVICE, held->service},
		{HELD_HOLDER, held->holder},     {HELD_LIFE, held->life},
		{HELD_FUSE, held->fuse},
	};
	int r = held_visit_state(held, visit, data);

	for (size_t i = 0; i < ARRAY_SIZE(others) && r == 0; i++)
		if (others[i].fd >= 0)
			r = visit(others[i].name, others[i].fd, data);
	return r;
}

static int held_add(const char *name, int fd, void *data)
{
	struct held_list *list = data;

	list->length += (size_t)snprintf(list->names + list->length,
					 sizeof(list->names) - list->length, "%s%s",
					 list->n ? ":" : "", name);
	list->fds[list->n++] = fd;
	return 0;
}

static void held_list(const struct held *held, struct held_list *ret_list)
{
	*ret_list = (struct held_list){.n = 0};
	(void)held_for_each(held, held_add, ret_list);
}

unsigned held_count_passed(const struct held *held)
{
	struct held_list list;

	held_list(held, &list);
	return (unsigned)list.n;
}

int held_end(const struct held *held)
{
	return HELD_FIRST + (int)held_count_passed(held);
}

/* First to where none of the numbers from HELD_FIRST on is overwritten. */
static int held_move(struct held_list *list)
{
	const int aside = HELD_FIRST + list->n;

	for (int i = 0; i < list->n; i++) {
		list->fds[i] = fcntl(list->fds[i], F_DUPFD_CLOEXEC, aside);
		if (list->fds[i] < 0)
			return -errno;
	}
	for (int i = 0; i < list->n; i++)
		if (dup2(list->fds[i], HELD_FIRST + i) < 0)
			return -errno;
	return syscall(SYS_close_range, HELD_FIRST + list->n, ~0U, CLOSE_RANGE_CLOEXEC) <
			       0
		       ? -errno
		       : 0;
}

static int held_set_number(const char *variable, int number)
{
	char text[HELD_NUMBER];

	(void)snprintf(text, sizeof(text), "%d", number);
	return setenv(variable, text, 1) < 0 ? -errno : 0;
}

int held_pass(const struct held *held)
{
	struct held_list list;
	int r;

	held_list(held, &list);
	r = held_move(&list);
	if (r == 0)
		r = held_set_number("LISTEN_FDS", list.n);
	if (r == 0)
		r = held_set_number("LISTEN_PID", getpid());
	if (r == 0 && setenv("LISTEN_FDNAMES", list.names, 1) < 0)
		r = -errno;
	return r;
}

/* ---- from the holder --------------------------------------------------------------- */

/* poll(2) reports an error for one that is no mount's, or no mount's any more. */
static bool held_has_mount(const struct held *held)
{
	return held->fuse >= 0 && poll(&(struct pollfd){.fd = held->fuse}, 1, 0) == 0;
}

static const char *held_check_fuse(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(HELD_FUSE_MAJOR, HELD_FUSE_MINOR))
		return "is not /dev/fuse";
	return NULL;
}

static bool held_has_option(int fd, int option, int expected)
{
	int value;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 &&
	       value == expected;
}

static const char *held_check_socket(int fd, int listens)
{
	return held_has_option(fd, SO_DOMAIN, AF_UNIX) &&
			       held_has_option(fd, SO_TYPE, SOCK_SEQPACKET) &&
			       held_has_option(fd, SO_ACCEPTCONN, listens)
		       ? NULL
		       : "is not such a socket";
}

/* A queue of the bank is such a socket, too, and has a name. */
static const char *held_check_holder(int fd)
{
	struct sockaddr_un address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
	    size > offsetof(struct sockaddr_un, sun_path))
		return "is not such a socket";
	return held_check_socket(fd, 0);
}

static const char *held_check_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) ? NULL : "is not a pipe";
}

/* Without a signal this checks whether one could be sent. */
static const char *held_check_process(int fd)
{
	return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0 && errno == EBADF
		       ? "is not a process's"
		       : NULL;
}

/* The ledger and the bank are checked by state_open(). */
static const char *held_check(const struct held *held)
{
	const char *why = NULL;

	if (held->fuse >= 0)
		why = held_check_fuse(held->fuse);
	if (!why && held->listener >= 0)
		why = held_check_socket(held->listener, 1);
	if (!why && held->holder >= 0)
		why = held_check_holder(held->holder);
	if (!why && held->life >= 0)
		why = held_check_pipe(held->life);
	if (!why && held->service >= 0)
		why = held_check_process(held->service);
	return why;
}

static int *held_place_of_bank(struct held *held, const char *number)
{
	unsigned n;
	char after;

	if (sscanf(number, "%2u%c", &n, &after) != 1 || n >= STATE_FDS_MAX - 1)
		return NULL;
	held->n_state = MAX(held->n_state, n + 2);
	return &held->state[n + 1];
}

static int *held_place(struct held *held, const char *name)
{
	if (!strcmp(name, HELD_FUSE))
		return &held->fuse;
	if (!strcmp(name, HELD_LISTENER))
		return &held->listener;
	if (!strcmp(name, HELD_SERVICE))
		return &held->service;
	if (!strcmp(name, HELD_HOLDER))
		return &held->holder;
	if (!strcmp(name, HELD_LIFE))
		return &held->life;
	if (!strcmp(name, HELD_LEDGER)) {
		held->n_state = MAX(held->n_state, 1U);
		return &held->state[0];
	}
	return strncmp(name, HELD_BANK, strlen(HELD_BANK)) == 0
		       ? held_place_of_bank(held, name + strlen(HELD_BANK))
		       : NULL;
}

static int held_refuse(const char *what, const char *why)
{
	log_error("cannot take over: descriptor \"%s\" %s", what, why);
	return -EBADFD;
}

static int held_put(struct held *held, const char *name, int fd)
{
	int *place = held_place(held, name);

	if (!place)
		return held_refuse(name, "is unknown");
	if (*place >= 0)
		return held_refuse(name, "is there twice");
	*place = fd;
	return 0;
}

int held_parse(const char *names, unsigned n, struct held *ret_held)
{
	_cleanup_free_ char *copy = strdup(names);
	char *rest = copy;
	int r = copy ? 0 : -ENOMEM;

	held_init(ret_held);
	if (r == 0 && n > HELD_FDS_MAX)
		return held_refuse(names, "is one of too many");
	for (unsigned i = 0; i < n && r == 0; i++) {
		const char *name = strsep(&rest, ":");

		r = held_put(ret_held, name ? name : "", HELD_FIRST + (int)i);
	}
	return r == 0 && n > 0 && rest ? held_refuse(rest, "is not passed") : r;
}

static int held_claim(const char *name, int fd, void *unused)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? held_refuse(name, "is not open") : 0;
}

static int held_verify_places(const struct held *held)
{
	if (held->n_state == 0 || held->state[0] < 0)
		return held_refuse(HELD_LEDGER, "is missing");
	for (unsigned i = 0; i < held->n_state; i++)
		if (held->state[i] < 0)
			return held_refuse(HELD_BANK, "lacks one of a lower number");
	if (held->listener < 0)
		return held_refuse(HELD_LISTENER, "is missing");
	return 0;
}

static int held_verify(const struct held *held)
{
	const char *why = held_check(held);

	if (why) {
		log_error("cannot take over: a descriptor %s", why);
		return -EBADFD;
	}
	if (held_has_mount(held))
		return held_verify_places(held);
	log_warning("cannot take over: the descriptors are of no mount");
	return -ENOTCONN;
}

/* How many are passed to this process; systemd's own variable says to which. */
static int held_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

	if (!pid || !n || atoi(pid) != getpid())
		return 0;
	return MAX(atoi(n), 0);
}

static void held_forget_variables(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

/* What a starter left open could lead out of the root that the service will have. */
static void held_close_others(int n, int keep)
{
	int first = HELD_FIRST + n;

	if (keep > first)
		close_range((unsigned)first, (unsigned)keep - 1, 0);
	close_range((unsigned)MAX(keep + 1, first), ~0U, 0);
}

int held_take(int keep, struct held *ret_held)
{
	const char *variable = getenv("LISTEN_FDNAMES");
	_cleanup_free_ char *names = strdup(variable ? variable : "");
	int n = held_count(), r = names ? 0 : -ENOMEM;

	held_forget_variables();
	if (r == 0)
		r = held_parse(names, (unsigned)n, ret_held);
	if (r < 0)
		return r;
	held_close_others(n, keep);
	if (n == 0)
		return 0;
	r = held_for_each(ret_held, held_claim, NULL);
	return r == 0 ? held_verify(ret_held) : r;
}
