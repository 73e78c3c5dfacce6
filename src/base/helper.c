/* SPDX-License-Identifier: MIT */
#include "base/helper.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "clock.h"
#include "list.h"
#include "locked.h"
#include "util.h"

/* So many may be busy with what one person made them close, or be blocked by one. */
#define HELPER_PER_PERSON 32
/* The same, once half of the sockets were needed at a time. */
#define HELPER_LATER_PER_PERSON 2
/* Where there are few sockets, before that: a share of all, but no fewer than later. */
#define HELPER_PERSON_SHARE 4
/*
 * For a socket, if all are used. Requests that leave nothing end by themselves; those
 * that can block are waited for in a thread of its own (offload.h), the others in one of
 * all.
 */
#define HELPER_WAIT_PLAIN_MS 10000
#define HELPER_WAIT_QUICK_MS 100
#define HELPER_WAIT_SLOW_MS  1000
/* Nothing tells that a process has closed all. */
#define HELPER_LOOK_MS 1
/* Where many threads share a processor, those that close may just not have had it. */
#define HELPER_YIELDS 32
/* Started before the first client comes, and kept. */
#define HELPER_FIRST_PLAIN 1
#define HELPER_FIRST_QUICK 2

struct helper_slot {
	int socket; /* -1: not started, or busy and not used again */
	bool in_use;
	uid_t person; /* of the last request */
};

struct helper_range {
	int first, wait_ms, n_kept, n; /* fixed; the last before the first client */
	int n_seen; /* all that follow were not started, or have ended */
	int n_in_use;
	struct list waiters; /* struct helper_waiter, the first come first */
};

/* A thread that waits for a socket. */
struct helper_waiter {
	struct list of_range;
};

/* Protected by lock, a leaf; fixed after helper_use(): control, busy. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t released; /* a request has ended */
	struct helper_slot slots[HELPER_SOCKETS];
	struct helper_range ranges[3];
	helper_busy *busy; /* NULL: there is no helper */
	int control;
	bool is_gone; /* and that is logged */
} helper_state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.released = PTHREAD_COND_INITIALIZER,
	.ranges = {{.first = 0,
		    .n = HELPER_PLAIN_SOCKETS,
		    .wait_ms = HELPER_WAIT_PLAIN_MS,
		    .waiters = LIST_INIT(helper_state.ranges[0].waiters)},
		   {.first = HELPER_PLAIN_SOCKETS,
		    .n = HELPER_QUICK_SOCKETS,
		    .wait_ms = HELPER_WAIT_QUICK_MS,
		    .waiters = LIST_INIT(helper_state.ranges[1].waiters)},
		   {.first = HELPER_PLAIN_SOCKETS + HELPER_QUICK_SOCKETS,
		    .n = HELPER_SLOW_SOCKETS,
		    .wait_ms = HELPER_WAIT_SLOW_MS,
		    .waiters = LIST_INIT(helper_state.ranges[2].waiters)}},
};

/* ---- messages ---------------------------------------------------------------------- */

union helper_rights {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int helper_send(int socket, const void *message, size_t size, int fd)
{
	union helper_rights rights = {.header = {.cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS,
						 .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec iov = {(void *)message, size};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		header.msg_control = &rights;
		header.msg_controllen = sizeof(rights);
		memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	}
	do
		n = sendmsg(socket, &header, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int helper_receive(int socket, void *message, size_t size, int *ret_fd)
{
	union helper_rights rights = {.header = {0}};
	struct iovec iov = {message, size};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights),
	};
	ssize_t n;

	do
		n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	*ret_fd = -1;
	if (n >= 0 && CMSG_FIRSTHDR(&header))
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(*ret_fd));
	if (n == (ssize_t)size)
		return header.msg_flags & MSG_CTRUNC ? -EMFILE : 0;
	close_keep_errno(TAKE_FD(*ret_fd));
	if (n < 0)
		return -errno;
	return n == 0 ? -EPIPE : -EPROTO;
}

/* ---- the sockets ------------------------------------------------------------------- */

static struct helper_range *helper_range_for(uint32_t op)
{
	if (op == HELPER_FREEZE)
		return &helper_state.ranges[2];
	return &helper_state.ranges[op == HELPER_TAKE || op == HELPER_REOPEN];
}

static struct helper_range *helper_range_of(int number)
{
	struct helper_range *range = helper_state.ranges;

	while (number >= range->first + range->n)
		range++;
	return range;
}

static int helper_start_locked(unsigned number)
{
	const uint32_t message = number;
	int ends[2], r;

	ASSERT_LOCKED(&helper_state.lock);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = helper_send(helper_state.control, &message, sizeof(message), ends[1]);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	helper_state.slots[number].socket = ends[0];
	return 0;
}

static int helper_start_one_locked(int number)
{
	int r = helper_start_locked((unsigned)number);

	if (r == -EPIPE || r == -ECONNRESET) {
		if (!helper_state.is_gone)
			log_error("the helper was ended: buffers must be sent to the "
				  "broker");
		helper_state.is_gone = true;
		r = -EREMOTE;
	}
	return r < 0 ? r : number;
}

/* A person decides how long a request in use takes, too; its caller may wait, see
 * offload.h. */
static bool helper_can_block(const struct helper_range *range)
{
	return range == &helper_state.ranges[2];
}

static bool helper_is_busy(int number)
{
	return atomic_load_explicit(&helper_state.busy[number], memory_order_acquire);
}

static int helper_most_of_person(const struct helper_range *range)
{
	int share = MAX(range->n / HELPER_PERSON_SHARE, HELPER_LATER_PER_PERSON);

	return range->n_seen < range->n / 2 ? MIN(HELPER_PER_PERSON, share)
					    : HELPER_LATER_PER_PERSON;
}

/* The first free socket, so that few are used; -EAGAIN: one will soon be; -errno. */
static int helper_choose_locked(const struct helper_range *range, uid_t person)
{
	int free = -1, unused = -1, of_person = 0;

	ASSERT_LOCKED(&helper_state.lock);
	for (int i = range->first; i < range->first + range->n_seen; i++) {
		const struct helper_slot *slot = &helper_state.slots[i];
		int *found = slot->socket < 0 ? &unused : &free;

		if (slot->in_use && !helper_can_block(range))
			continue;
		if (slot->in_use || helper_is_busy(i))
			of_person += slot->person == person;
		else if (*found < 0)
			*found = i;
	}
	if (person != HELPER_NOBODY && of_person >= helper_most_of_person(range))
		return helper_can_block(range) ? -EAGAIN : -EBUSY;
	if (free >= 0)
		return free;
	if (unused < 0 && range->n_seen < range->n)
		unused = range->first + range->n_seen;
	return unused >= 0 ? helper_start_one_locked(unused) : -EAGAIN;
}

/*
 * Who comes later does not get a socket before those that wait, or a user with many
 * requests would have all. Where a person has a share, its own requests may be what one
 * waits for: others pass it.
 */
static int helper_choose_in_turn_locked(const struct helper_range *range, uid_t person,
					const struct helper_waiter *waiter)
{
	const struct helper_waiter *first =
		list_first(&range->waiters, struct helper_waiter, of_range);

	ASSERT_LOCKED(&helper_state.lock);
	if (first != waiter && !helper_can_block(range))
		return -EAGAIN;
	return helper_choose_locked(range, person);
}

static int helper_wait_and_choose_locked(struct helper_range *range, uid_t person)
{
	uint64_t until = now_ms() + (uint64_t)range->wait_ms;
	struct helper_waiter waiter;
	int number;

	ASSERT_LOCKED(&helper_state.lock);
	list_add_tail(&range->waiters, &waiter.of_range);
	do {
		const struct timespec next = deadline_ms(HELPER_LOOK_MS);

		pthread_cond_clockwait(&helper_state.released, &helper_state.lock,
				       CLOCK_MONOTONIC, &next);
		number = helper_choose_in_turn_locked(range, person, &waiter);
	} while (number == -EAGAIN && now_ms() < until);
	list_remove(&waiter.of_range);
	/* It is the next one's turn. */
	pthread_cond_broadcast(&helper_state.released);
	return number;
}

static int helper_acquire(uint32_t op, uid_t person)
{
	struct helper_range *range = helper_range_for(op);
	SCOPED_LOCK(&helper_state.lock);
	int number = helper_choose_in_turn_locked(range, person, NULL);

	if (number == -EAGAIN)
		number = helper_wait_and_choose_locked(range, person);
	if (number < 0)
		return number;
	range->n_seen = MAX(range->n_seen, number - range->first + 1);
	range->n_in_use++;
	helper_state.slots[number].in_use = true;
	helper_state.slots[number].person = person;
	atomic_store_explicit(&helper_state.busy[number], 1, memory_order_relaxed);
	return number;
}

/* Those that came with a burst; a process that is still busy ends after that. */
static void helper_shrink_locked(struct helper_range *range)
{
	ASSERT_LOCKED(&helper_state.lock);
	for (int i = range->n_kept; i < range->n_seen; i++)
		close_keep_errno(TAKE_FD(helper_state.slots[range->first + i].socket));
	while (range->n_seen > range->n_kept &&
	       !helper_is_busy(range->first + range->n_seen - 1))
		range->n_seen--;
}

static void helper_release(int number, bool is_gone)
{
	struct helper_slot *slot = &helper_state.slots[number];
	struct helper_range *range = helper_range_of(number);
	SCOPED_LOCK(&helper_state.lock);

	slot->in_use = false;
	pthread_cond_broadcast(&helper_state.released);
	if (is_gone) {
		close(TAKE_FD(slot->socket));
		atomic_store(&helper_state.busy[number], 0);
	}
	if (--range->n_in_use == 0)
		helper_shrink_locked(range);
}

/* ---- requests ---------------------------------------------------------------------- */

/* -EPIPE: the process at the other end has ended. */
static int helper_start_call(struct helper_request request, int fd, uid_t person)
{
	int r, number = helper_acquire(request.op, person);

	for (int i = 0; i < HELPER_YIELDS && number == -EBUSY; i++) {
		sched_yield();
		number = helper_acquire(request.op, person);
	}
	if (number < 0)
		return number == -EAGAIN ? -EBUSY : number;
	request.size = sizeof(request);
	r = helper_send(helper_state.slots[number].socket, &request, sizeof(request), fd);
	if (r == 0)
		return number;
	helper_release(number, true);
	return -EPIPE;
}

static int helper_end_call(int number, struct helper_reply *ret_reply, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	int r = helper_receive(helper_state.slots[number].socket, ret_reply,
			       sizeof(*ret_reply), &fd);

	/* It is not the helper's fault if our table is full. */
	helper_release(number, r < 0 && r != -EMFILE);
	if (r < 0)
		return r == -EMFILE ? r : -EPIPE;
	if (ret_reply->result >= 0 && ret_fd)
		*ret_fd = TAKE_FD(fd);
	return ret_reply->result;
}

static int helper_error(int r)
{
	return r == -EPIPE ? -EREMOTE : r;
}

int helper_begin(struct helper_request request, int fd, uid_t person)
{
	int r = -EPIPE;

	/* All that are kept may have been killed. */
	for (int i = 0; i <= HELPER_FIRST_QUICK && r == -EPIPE; i++)
		r = helper_start_call(request, fd, person);
	return helper_error(r);
}

int helper_end(int call, struct helper_reply *ret_reply, int *ret_fd)
{
	return call < 0 ? call : helper_error(helper_end_call(call, ret_reply, ret_fd));
}

int helper_call(struct helper_request request, int fd, uid_t person,
		struct helper_reply *ret_reply, int *ret_fd)
{
	int r = -EPIPE;

	for (int i = 0; i <= HELPER_FIRST_QUICK && r == -EPIPE; i++) {
		r = helper_start_call(request, fd, person);
		if (r >= 0)
			r = helper_end_call(r, ret_reply, ret_fd);
	}
	return helper_error(r);
}

int helper_ask(enum helper_op op, pid_t tid, struct helper_reply *ret_reply)
{
	return helper_call((struct helper_request){.op = op, .tid = tid}, -1,
			   HELPER_NOBODY, ret_reply, NULL);
}

/* ---- the start --------------------------------------------------------------------- */

static int helper_keep_locked(struct helper_range *range, int n)
{
	int r = 0;

	ASSERT_LOCKED(&helper_state.lock);
	for (int i = 0; i < n && r == 0; i++)
		r = helper_start_locked((unsigned)(range->first + i));
	range->n_kept = range->n_seen = n;
	return r;
}

int helper_use(int control, helper_busy *busy, bool takes)
{
	int r;
	SCOPED_LOCK(&helper_state.lock);

	helper_state.control = control;
	helper_state.busy = busy;
	for (int i = 0; i < HELPER_SOCKETS; i++)
		helper_state.slots[i].socket = -1;
	r = helper_keep_locked(&helper_state.ranges[0], HELPER_FIRST_PLAIN);
	if (r == 0 && takes)
		r = helper_keep_locked(&helper_state.ranges[1], HELPER_FIRST_QUICK);
	return r;
}

unsigned helper_bound(uint64_t most)
{
	static const int most_of[] = {HELPER_PLAIN_SOCKETS, HELPER_QUICK_SOCKETS,
				      HELPER_SLOW_SOCKETS};
	unsigned all = 0;
	SCOPED_LOCK(&helper_state.lock);

	most = MIN(most, (uint64_t)HELPER_SOCKETS);
	for (size_t i = 0; i < ARRAY_SIZE(helper_state.ranges); i++) {
		int n = (int)((uint64_t)most_of[i] * most / HELPER_SOCKETS);

		helper_state.ranges[i].n = MAX(n, HELPER_LEAST_OF_KIND);
		all += (unsigned)helper_state.ranges[i].n;
	}
	return helper_state.busy ? all : 0;
}

bool helper_is_used(void)
{
	return helper_state.busy != NULL;
}

int helper_control(void)
{
	return helper_is_used() ? helper_state.control : -1;
}
