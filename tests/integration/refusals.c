/* SPDX-License-Identifier: MIT */
/* refusals.c - a seccomp(2) filter that asks the parent about each call */
#include "refusals.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "child.h"
#include "harness.h"

/* The flags of clone3(2) are in memory, where a filter cannot read them. */
static int refusal_listen(const struct refusal *refusal)
{
	const uint16_t compare = refusal->flag ? BPF_JSET : BPF_JGE;
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)refusal->call, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 4),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		/* Its lower half, on little-endian machines. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | compare | BPF_K, refusal->flag, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_SIZE(steps), steps};

	return ASSERT_OK(SYS(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				     SECCOMP_FILTER_FLAG_NEW_LISTENER, &program)));
}

struct refused {
	const struct refusal *refusal;
	void (*fn)(void *data);
	void *data;
};

static void refusal_call(int peer, void *data)
{
	const struct refused *refused = data;
	int listener = refusal_listen(refused->refusal);

	peer_put_fd(peer, listener);
	close(listener);
	refused->fn(refused->data);
	peer_signal(peer);
}

/* The caller may have been killed: then both calls fail. */
static void refusal_reply(struct refusal *refusal, int listener)
{
	struct seccomp_notif call = {0};
	struct seccomp_notif_resp reply = {0};

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return;
	reply.id = call.id;
	if (++refusal->n_calls == refusal->nth || refusal->nth == 0)
		reply.error = -refusal->error;
	else
		reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

void refusal_run(struct refusal *refusal, void (*fn)(void *data), void *data)
{
	struct refused refused = {refusal, fn, data};
	struct child child;
	struct pollfd fds[2];

	refusal->n_calls = 0;
	child_start(&child, NULL, refusal_call, &refused);
	fds[0] = (struct pollfd){child.peer, POLLIN, 0};
	fds[1] = (struct pollfd){peer_get_fd(child.peer), POLLIN, 0};
	while (!fds[0].revents) {
		ASSERT(poll(fds, ARRAY_SIZE(fds), 2 * WAIT_MS) > 0);
		if (fds[1].revents & POLLIN)
			refusal_reply(refusal, fds[1].fd);
	}
	close(fds[1].fd);
	child_wait(&child);
}
