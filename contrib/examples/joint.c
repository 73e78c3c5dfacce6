/* SPDX-License-Identifier: MIT */
/*
 * joint.c - the joint job: one command works on the memory of two processes
 *
 * A opens a context of an accelerator and passes its descriptor to B, a separate program
 * that shares nothing with A but a socket. B binds its address space in the context and
 * sends the address of a text on its heap. A has a buffer mapped in the same context. One
 * command then reads B's heap and writes A's buffer. A never maps B's memory, nor B A's:
 * they share the context, and every holder of its descriptor has its rights. C receives
 * the same numbers but no descriptor, and can do nothing with them.
 *
 *	usage: joint INSTANCE [DEVICE]		(any user; DEVICE is soft0)
 *
 *	        the context
 *	    A ----------------> B
 *	    A <---------------- B
 *	        an ASID, where the text is
 *	    A ----------------> C
 *	        the same numbers, no context
 *
 * B and C run until A closes its end of their sockets; their exit status is the result.
 */
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <dmabuffs-accel.h>

#include "stage.h"

#define SOCKET                                                                           \
	3 /* of B and C, the only descriptor they inherit besides the standard streams   \
	   */
#define RESULT_BYTES  4096
#define LIMIT_NS      INT64_C(5000000000)
#define LIMIT_SECONDS 10

static const char secret[] = "written by B, to memory that is B's alone";

/* From B to A, and from A to C. Numbers convey no rights. */
struct place {
	uint32_t asid; /* id in the context */
	uint32_t bytes;
	uint64_t address; /* in B */
};

/* ---- sockets ----------------------------------------------------------------------- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_context(int socket, int context)
{
	char byte = 0; /* descriptors do not travel alone */
	union control control = {.bytes = {0}};
	struct iovec data = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &context, sizeof(context));
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -EPIPE;
}

static int receive_context(int socket)
{
	char byte;
	union control control;
	struct iovec data = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int context;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
		return -EPIPE;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPROTO;
	memcpy(&context, CMSG_DATA(header), sizeof(context));
	return context;
}

static int send_place(int socket, const struct place *place)
{
	return send(socket, place, sizeof(*place), MSG_NOSIGNAL) == sizeof(*place)
		       ? 0
		       : -EPIPE;
}

static int receive_place(int socket, struct place *ret_place)
{
	return recv(socket, ret_place, sizeof(*ret_place), 0) == sizeof(*ret_place)
		       ? 0
		       : -EPIPE;
}

static void wait_for_end(int socket)
{
	char byte;

	(void)!recv(socket, &byte, 1, 0);
}

/* ---- B: lends its memory to the context -------------------------------------------- */

/* Whether the memory of A's memfd is mapped here. */
static int maps_result_of_a(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096];
	int found = 0;

	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps))
		found |= strstr(line, "memfd:result of A") != NULL;
	(void)fclose(maps);
	return found;
}

static int act_b(struct dmabuffs *instance)
{
	struct timespec start = stage_now();
	char *text = strdup(secret); /* on the heap */
	struct place place = {.bytes = sizeof(secret), .address = (uintptr_t)text};
	int r, context = receive_context(SOCKET);

	if (context < 0)
		return stage_fail("B", context, "no context came");
	stage_step(start, "B", "pid %d receives the context as descriptor %d", getpid(),
		   context);

	start = stage_now();
	r = dmabuffs_accel_bind_self(instance, context, 0, 0, &place.asid);
	if (r < 0)
		return stage_fail("B", r, "bind");
	stage_step(start, "B",
		   "binds its address space: ASID %u; the text is at %#" PRIx64,
		   place.asid, place.address);
	if (send_place(SOCKET, &place) < 0)
		return stage_fail("B", 0, "A does not listen");
	wait_for_end(SOCKET);
	if (maps_result_of_a())
		return stage_fail("B", 0, "has A's memory mapped");
	free(text);
	return 0;
}

/* ---- C: knows the numbers ---------------------------------------------------------- */

static int expect_fault(struct dmabuffs_accel_queue *queue, const struct place *place)
{
	struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.dst_asid = place->asid,
		.src_asid = place->asid,
		.dst = place->address,
		.src = place->address + place->bytes,
		.length = 1,
	};
	struct accel_fault fault = {0};
	uint64_t index;
	int r = dmabuffs_accel_queue_submit(queue, &command, 1, &index);

	if (r < 0)
		return stage_fail("C", r, "submit");
	r = dmabuffs_accel_queue_wait(queue, index, LIMIT_NS);
	if (r != -EIO || dmabuffs_accel_queue_fault(queue, &fault) < 0 ||
	    fault.reason != ACCEL_FAULT_ASID)
		return stage_fail("C", r, "its command did not fault (reason %u)",
				  fault.reason);
	return 0;
}

static int try_numbers(struct dmabuffs *instance, int context, const struct place *place)
{
	struct timespec start = stage_now();
	struct accel_queue_attach attach = {.asid = place->asid};
	struct dmabuffs_accel_queue *queue;
	int r = dmabuffs_accel_queue_create(instance, context, ACCEL_QUEUE_USER, 16, 0,
					    &queue);

	if (r < 0)
		return stage_fail("C", r, "queue");
	attach.queue = dmabuffs_accel_queue_id(queue);
	r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, &attach);
	if (r != -ENOENT)
		return stage_fail("C", r, "ASID %u is something here", place->asid);
	stage_step(start, "C", "opens a context of its own; ASID %u there: %s",
		   place->asid, strerror(-r));

	start = stage_now();
	r = expect_fault(queue, place);
	if (r == 0)
		stage_step(start, "C",
			   "names it in a command anyway: the command faults");
	dmabuffs_accel_queue_close(queue);
	return r;
}

static int act_c(struct dmabuffs *instance, const char *device)
{
	struct timespec start;
	struct place place;
	int r, context;

	if (receive_place(SOCKET, &place) < 0)
		return stage_fail("C", 0, "received nothing");
	start = stage_now();
	r = dmabuffs_accel_open(instance, device, &context);
	if (r == -EBUSY) { /* exclusive: A has the only context */
		stage_step(start, "C", "cannot even open the device: %s", strerror(-r));
		return 0;
	}
	if (r < 0)
		return stage_fail("C", r, "%s", device);
	r = try_numbers(instance, context, &place);
	(void)close(context);
	return r;
}

/* ---- A: runs the job --------------------------------------------------------------- */

struct job {
	struct dmabuffs *instance;
	int context;
	struct dmabuffs_accel_queue *queue;
	uint32_t asid; /* where the result is mapped for the device */
	uint64_t iova;
	const char *result; /* the same, for A */
};

/* Memory that a device may map has to be shared memory: a memfd, not the heap. */
static int map_result(struct job *job)
{
	struct accel_asid_create create = {0};
	struct accel_asid_map map = {
		.flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE,
		.length = RESULT_BYTES,
	};
	int r, fd = memfd_create("result of A", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, RESULT_BYTES) < 0)
		return -errno;
	job->result = mmap(NULL, RESULT_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (job->result == MAP_FAILED)
		return -errno;
	r = dmabuffs_accel_import_buffer(job->instance, job->context, fd, &map.buffer);
	(void)close(fd); /* mappings and buffer keep the memory */
	if (r == 0)
		r = dmabuffs_accel_call(job->context, DMABUFFS_ACCEL_IOC_ASID_CREATE,
					&create);
	map.asid = job->asid = create.id;
	if (r == 0)
		r = dmabuffs_accel_call(job->context, DMABUFFS_ACCEL_IOC_ASID_MAP, &map);
	job->iova = map.iova;
	return r;
}

static int prepare(struct job *job, const char *device)
{
	struct timespec start = stage_now();
	int r = dmabuffs_accel_open(job->instance, device, &job->context);

	if (r < 0)
		return stage_fail("A", r, "%s", device);
	r = dmabuffs_accel_queue_create(job->instance, job->context, ACCEL_QUEUE_USER, 16,
					0, &job->queue);
	if (r < 0)
		return stage_fail("A", r, "queue");
	stage_step(start, "A", "pid %d opens a context of %s, with a queue", getpid(),
		   device);

	start = stage_now();
	r = map_result(job);
	if (r < 0)
		return stage_fail("A", r, "result");
	stage_step(start, "A", "maps an empty buffer in it: ASID %u, at %#" PRIx64,
		   job->asid, job->iova);
	return 0;
}

static int attach(struct job *job, uint32_t asid)
{
	struct accel_queue_attach arg = {.queue = dmabuffs_accel_queue_id(job->queue),
					 .asid = asid};

	return dmabuffs_accel_call(job->context, DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, &arg);
}

/* The whole job: one command through two address spaces. */
static int run(struct job *job, const struct place *place)
{
	const struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.src_asid = place->asid,
		.src = place->address,
		.dst_asid = job->asid,
		.dst = job->iova,
		.length = place->bytes,
	};
	struct timespec start = stage_now();
	uint64_t index = 0;
	int r = dmabuffs_accel_queue_submit(job->queue, &command, 1, &index);

	if (r == 0)
		r = dmabuffs_accel_queue_wait(job->queue, index, LIMIT_NS);
	if (r < 0)
		return stage_fail("A", r, "the command");
	stage_step(start, "A", "one command: from ASID %u to ASID %u", place->asid,
		   job->asid);
	if (memcmp(job->result, secret, sizeof(secret)))
		return stage_fail("A", 0, "the text differs from that of B");
	start = stage_now();
	stage_step(start, "A", "finds in its buffer: \"%s\"", job->result);
	return 0;
}

static int act_a(struct job *job, const char *device, int to_b, int to_c)
{
	struct place place;
	int r;

	if (prepare(job, device) < 0)
		return -1;
	if (send_context(to_b, job->context) < 0 || receive_place(to_b, &place) < 0)
		return stage_fail("A", 0, "B does not reply");
	if (place.bytes > RESULT_BYTES)
		return stage_fail("A", 0, "the text of B is too long");
	r = attach(job, job->asid);
	if (r == 0)
		r = attach(job, place.asid);
	if (r < 0)
		return stage_fail("A", r, "attach");
	if (run(job, &place) < 0)
		return -1;
	if (send_place(to_c, &place) < 0)
		return stage_fail("A", 0, "C does not listen");
	return 0;
}

/* ------------------------------------------------------------------------------------ */

/* Executes the same file as another program, which inherits no memory. */
static pid_t start(const char *role, const char *path, const char *device,
		   int *ret_socket)
{
	const struct timeval limit = {.tv_sec = LIMIT_SECONDS};
	const char *argv[] = {"joint", path, device, role, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) /* no wait is unbounded */
		(void)setsockopt(ends[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], SOCKET);
	r = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, (char **)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	if (r) {
		(void)close(ends[0]);
		return -r;
	}
	*ret_socket = ends[0];
	return pid;
}

static int play(struct job *job, const char *path, const char *device)
{
	int to_b = -1, to_c = -1, r;
	pid_t b = start("B", path, device, &to_b);
	pid_t c = start("C", path, device, &to_c);

	if (b < 0 || c < 0)
		r = stage_fail("A", b < 0 ? b : c, "no new process");
	else
		r = act_a(job, device, to_b, to_c);
	if (to_c >= 0)
		(void)shutdown(to_c, SHUT_WR);
	if (c > 0 && !stage_wait(c)) /* before the context and its ids are destroyed */
		r = -1;
	if (to_b >= 0)
		(void)shutdown(to_b, SHUT_WR);
	if (b > 0 && !stage_wait(b))
		r = -1;
	return r;
}

int main(int argc, char *argv[])
{
	const char *device = argc > 2 ? argv[2] : "soft0";
	struct job job = {.context = -1};
	int r;

	if (argc < 2 || argc > 4) {
		fputs("usage: joint INSTANCE [DEVICE]\n", stderr);
		return 2;
	}
	r = dmabuffs_open(argv[1], &job.instance);
	if (r < 0)
		return stage_fail(argc == 4 ? argv[3] : "A", r, "%s", argv[1]) < 0;
	if (argc == 3 || argc == 2)
		r = play(&job, argv[1], device);
	else
		r = *argv[3] == 'B' ? act_b(job.instance) : act_c(job.instance, device);
	dmabuffs_accel_queue_close(job.queue);
	dmabuffs_close(job.instance);
	return r < 0;
}
