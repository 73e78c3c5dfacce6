/* SPDX-License-Identifier: MIT */
/*
 * helper.h - asks the helper for what takes more rights than the service has
 *
 * The service has no right over the processes of its clients, nor over their memfds. A
 * few small processes have (process/helper.h). Each serves one socket, one request at a
 * time; requests and replies are the structs below, and a descriptor at most.
 *
 * A client decides how long it takes to close its descriptor (buffers/closer.h), and the
 * helper has to close what it took. So it replies first, and a socket whose process still
 * closes is not used for the next request. One person can keep a few of them busy like
 * that, and is refused then.
 *
 * Without a helper helper_is_used() is false, and the functions that need one do all of
 * it in the calling process: this is how the helper itself runs them. Thread safe.
 */
#ifndef DMABUFFS_HELPER_H
#define DMABUFFS_HELPER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <dmabuffs-ioctl.h>

#include "base/owners.h"

enum helper_op {
	HELPER_TAKE,       /* broker/take.h; replies with a descriptor */
	HELPER_REOPEN,     /* of a descriptor: buffer_reopen_fd(); replies with another */
	HELPER_FREEZE,     /* of a descriptor: buffer_freeze_mode(); can block */
	HELPER_IDS,        /* caller_read_ids() */
	HELPER_NAMESPACES, /* caller_read_namespaces() */
	HELPER_IDENTITY,   /* caller_read_identity() */
	HELPER_OWNERS,     /* owners_read() */
	HELPER_PROCFS,     /* procfs_is_mounted() */
	HELPER_OP_COUNT,
};

#define HELPER_LABEL_SIZE 256

struct helper_request {
	uint32_t size; /* of this struct */
	uint32_t op;
	int32_t tid; /* a thread, in our PID namespace; HELPER_REOPEN: 0, or as below */
	int32_t fd;  /* HELPER_TAKE, HELPER_REOPEN: its number there */
	uint32_t access; /* HELPER_REOPEN: an access mode of open(2) */
	uint32_t kinds;  /* HELPER_TAKE: TAKE_* */
	uint32_t uid;    /* HELPER_OWNERS */
	uint32_t reserved;
	uint64_t dev; /* HELPER_PROCFS: of a mount */
};

struct helper_reply {
	uint32_t size;  /* of this struct */
	int32_t result; /* 0 or more, or -errno */
	union {
		struct {
			uint32_t uid, gid;
		} ids;
		struct {
			uint64_t ns[DMABUFFS_NS_COUNT];
			int32_t pid;
			uint32_t reserved;
			char comm[DMABUFFS_COMM_SIZE];
			char label[HELPER_LABEL_SIZE];
		} identity;
		uint32_t owners[OWNERS_MAX];
		uint32_t is_own; /* HELPER_TAKE: see struct take */
	};
};

_Static_assert(sizeof(struct helper_request) == 40, "no implicit padding");
_Static_assert(sizeof(struct helper_reply) == 336, "no implicit padding");

/* For requests without a descriptor, for those whose descriptor it closes, the others. */
#define HELPER_PLAIN_SOCKETS 64
#define HELPER_QUICK_SOCKETS 512
#define HELPER_SLOW_SOCKETS  512
#define HELPER_SOCKETS       (HELPER_PLAIN_SOCKETS + HELPER_QUICK_SOCKETS + HELPER_SLOW_SOCKETS)

/* Where there are few descriptors, so many of each of the three kinds. */
#define HELPER_LEAST_OF_KIND 4
#define HELPER_LEAST_SOCKETS (3 * HELPER_LEAST_OF_KIND)

/* What the process at the other end of a socket writes; the service writes 1. */
typedef _Atomic uint32_t helper_busy;

/* For helper_call(): the request makes the helper close nothing of a client. */
#define HELPER_NOBODY UINT32_MAX

/*
 * From now on the helper is used. @control (taken over) is a socket to the process that
 * starts one more of them when it is sent a number and a socket; @busy has HELPER_SOCKETS
 * words, for the life of the process. @takes: it will often be asked for descriptors.
 * Before any thread is started. 0 or -errno.
 */
int helper_use(int control, helper_busy *busy, bool takes);

/*
 * Its sockets are in our descriptor table: bounds them to @most, in proportion, but no
 * lower than to HELPER_LEAST_SOCKETS. Before any client. Returns how many there can be
 * at a time; 0: there is no helper.
 */
unsigned helper_bound(uint64_t most);

bool helper_is_used(void);

/* The socket of helper_use(): it hangs up when that process ends. -1: there is none. */
int helper_control(void);

/*
 * Sends a request, with the descriptor @fd unless it is -1, on behalf of @person
 * (limits_person(), or HELPER_NOBODY). The result of the reply, whose descriptor is in
 * *@ret_fd, or -1; NULL: it has none. -EREMOTE: the helper is gone; -EBUSY: too much of
 * the person is still being closed, or all are busy.
 */
int helper_call(struct helper_request request, int fd, uid_t person,
		struct helper_reply *ret_reply, int *ret_fd);

/*
 * The same in two steps, by one thread: helper_begin() returns a number or -errno for
 * helper_end(), which waits for the reply. @fd can be closed in between.
 */
int helper_begin(struct helper_request request, int fd, uid_t person);
int helper_end(int call, struct helper_reply *ret_reply, int *ret_fd);

/* helper_call() about the thread @tid, without a descriptor. */
int helper_ask(enum helper_op op, pid_t tid, struct helper_reply *ret_reply);

/* One message with a descriptor, or -1, over a socket. 0 or -errno; -EPIPE: its end. */
int helper_send(int socket, const void *message, size_t size, int fd);
int helper_receive(int socket, void *message, size_t size, int *ret_fd);

#endif
