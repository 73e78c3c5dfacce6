/* SPDX-License-Identifier: MIT */
/*
 * test-accel-joint.c - a joint job of two processes with one context
 *
 *
 * The descriptor is the security domain: a process that has it may let the device access
 * the memory of every process bound to the context. A third process without it may not.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

static const char source_text[] = "in the heap of B, where only B is at home";

#define RESULT_SIZE 256

/* The location of a process's memory, as announced to others. */
struct place {
	pid_t pid;
	uint32_t asid;
	uint64_t address;
};

static void tell_place(int peer, struct seat *seat, const void *address)
{
	struct place place = {
		.pid = getpid(),
		.asid = bind_self(seat, 0),
		.address = (uintptr_t)address,
	};

	peer_put(peer, &place, sizeof(place));
}

/* ---- B: lends its memory, without knowledge of A ----------------------------------- */

static void act_b(int peer, void *data)
{
	char *text = strdup(source_text);
	struct seat seat;

	seat_take(&seat, data, peer_get_fd(peer));
	tell_place(peer, &seat, text);
	peer_wait(peer);
	/* The job only reads this memory. */
	ASSERT(strcmp(text, source_text) == 0);
	seat_close(&seat);
	free(text);
}

/* ---- A: runs the job --------------------------------------------------------------- */

static void run_job(struct seat *seat, uint32_t own, char *result, const struct place *b)
{
	struct dmabuffs_accel_queue *queue = make_queue(seat);

	ASSERT_OK(attach(seat->context, dmabuffs_accel_queue_id(queue), own));
	ASSERT_OK(attach(seat->context, dmabuffs_accel_queue_id(queue), b->asid));
	expect_done(queue, copy(own, (uintptr_t)result, b->asid, b->address,
				sizeof(source_text)));
	ASSERT(strcmp(result, source_text) == 0);
	dmabuffs_accel_queue_close(queue);
}

/* The same with a buffer: one command uses an ASID of each style. */
static void run_job_to_buffer(struct seat *seat, const struct place *b)
{
	struct dmabuffs_accel_queue *queue = make_queue(seat);
	struct region region;

	region_create(seat, &region, PAGE);
	attach_region(seat, queue, &region);
	ASSERT_OK(attach(seat->context, dmabuffs_accel_queue_id(queue), b->asid));
	expect_done(queue, copy(region.asid, region.iova, b->asid, b->address,
				sizeof(source_text)));
	ASSERT(memcmp(region.bytes, source_text, sizeof(source_text)) == 0);
	dmabuffs_accel_queue_close(queue);
	region_finish(&region);
}

/* B's memory is accessible only through the device. */
static void expect_no_access(const struct place *place)
{
	struct iovec here = {.iov_base = (char[RESULT_SIZE]){0},
			     .iov_len = sizeof(source_text)};
	struct iovec there = {.iov_base = (void *)(uintptr_t)place->address,
			      .iov_len = sizeof(source_text)};
	char path[40];

	ASSERT_ERR(SYS(process_vm_readv(place->pid, &here, 1, &there, 1, 0)), EPERM);
	snprintf(path, sizeof(path), "/proc/%d/mem", place->pid);
	ASSERT_ERR(SYS(open(path, O_RDONLY)), EACCES);
}

static void act_a(int peer, void *data)
{
	char *result = calloc(1, RESULT_SIZE);
	struct place b;
	struct seat seat;

	seat_open(&seat, data, SOFT0);
	peer_put_fd(peer, seat.context);
	peer_get(peer, &b, sizeof(b));
	expect_no_access(&b);
	run_job(&seat, bind_self(&seat, 0), result, &b);
	run_job_to_buffer(&seat, &b);
	peer_signal(peer);
	peer_wait(peer);
	ASSERT(strcmp(result, source_text) == 0);
	seat_close(&seat);
	free(result);
}

/* ---- C: knows all the numbers, has no descriptor ----------------------------------- */

struct knowledge {
	const struct instance *instance;
	struct place b;
};

static int act_c(void *data)
{
	const struct knowledge *knowledge = data;
	const struct place *b = &knowledge->b;
	struct dmabuffs_accel_queue *queue;
	struct region region;
	struct seat seat;
	int pidfd;

	expect_no_access(b);
	seat_open(&seat, knowledge->instance, SOFT0);
	region_create(&seat, &region, PAGE);
	queue = make_queue(&seat);
	attach_region(&seat, queue, &region);
	for (uint32_t id = 1; id < 64; id++) {
		if (id == region.asid)
			continue;
		/* This includes ids that are valid in the other context. */
		ASSERT_ERR(attach(seat.context, dmabuffs_accel_queue_id(queue), id),
			   ENOENT);
	}
	ASSERT(b->asid != region.asid);
	expect_fault(queue, copy(region.asid, region.iova, b->asid, b->address, 1),
		     ACCEL_FAULT_ASID, b->address);
	expect_fault(queue, copy(region.asid, region.iova, region.asid, b->address, 1),
		     ACCEL_FAULT_UNMAPPED, b->address);
	ASSERT(is_filled(&region, 0, PAGE, 0));
	/* The descriptor cannot be taken either. */
	pidfd = (int)SYS(pidfd_open(b->pid, 0));
	ASSERT_OK(pidfd);
	for (int fd = 0; fd < 16; fd++)
		ASSERT_ERR(SYS(pidfd_getfd(pidfd, fd, 0)), EPERM);
	close(pidfd);
	dmabuffs_accel_queue_close(queue);
	region_finish(&region);
	seat_close(&seat);
	return 0;
}

/* ------------------------------------------------------------------------------------ */

/* Three different users; the test process only forwards messages. */
static void joint_job(struct instance *instance)
{
	struct knowledge knowledge = {.instance = instance};
	struct child a, b;
	int context;

	child_start(&a, USER(1001), act_a, instance);
	child_start(&b, USER(1002), act_b, instance);
	context = peer_get_fd(a.peer);
	peer_put_fd(b.peer, context);
	close(context);
	peer_get(b.peer, &knowledge.b, sizeof(knowledge.b));
	peer_put(a.peer, &knowledge.b, sizeof(knowledge.b));
	peer_wait(a.peer);
	ASSERT_OK(child_call(USER(1003), act_c, &knowledge));
	peer_signal(b.peer);
	child_wait(&b);
	peer_signal(a.peer);
	child_wait(&a);
	expect_unused(instance, SOFT0);
}

/* Runs the example program. */
static void example(struct instance *instance)
{
	char output[4000] = "";
	int ends[2], status;
	ssize_t n, used = 0;
	pid_t pid;

	ASSERT_OK(SYS(pipe2(ends, O_CLOEXEC)));
	pid = fork();
	ASSERT(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execl(JOINT, "joint", instance->dir, NULL);
		_exit(127);
	}
	close(ends[1]);
	while (wait_ready(ends[0], POLLIN, WAIT_MS)) {
		n = read(ends[0], output + used, sizeof(output) - 1 - (size_t)used);
		if (n <= 0)
			break;
		used += n;
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		test_fail(__FILE__, __LINE__, "status %#x: %s", (unsigned int)status,
			  output);
	ASSERT(strstr(output, "finds in its buffer: \"written by B"));
	close(ends[0]);
	expect_unused(instance, SOFT0);
}

const struct test_case test_cases[] = {
	{"joint_job", joint_job},
	{"joint_job_nopassthrough", joint_job, "nopassthrough"},
	{"joint_example", example},
	{"joint_example_exclusive", example, "accel=soft0:exclusive"},
	{0},
};
