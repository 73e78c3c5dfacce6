/* SPDX-License-Identifier: MIT */
/*
 * ipc_parent.c - shares device memory with other programs through HIP's IPC calls
 *
 * Allocates a buffer of floats, fills it, and sends the handles of the buffer and of
 * events to its children, separate programs (ipc_child.c), through their standard input.
 * Child i makes the device wait for event i - 1, add i to each element, and record event
 * i. The parent waits for the last event and checks all elements: if two children had
 * worked at the same time, some would be wrong.
 *
 *	usage: ipc_parent [--namespaces] [CHILDREN [ELEMENTS]]
 *
 * With --namespaces each child runs in a container that shares only the instance of
 * dmabuffs with the parent. DMABUFFS_MOUNT is its mount point, /dev/dma-buf-uuids by
 * default. No other line here depends on dmabuffs.
 *
 *	          memory, event 0, event 1             memory, event 1, event 2
 *	parent ------------------------------> child 1
 *	       ----------------------------------------------------------------> child 2
 *...
 *
 *	parent ---- "0 is recorded" ---------> child 1 ---- "1 is recorded" ---> child 2
 *...
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <fcntl.h>

#include "ipc_pair.h"
#include "stage.h"

#define MAX_CHILDREN  256
#define LIMIT_SECONDS 60

struct children {
	int n;
	bool contained; /* each in its own namespaces */
	pid_t pids[MAX_CHILDREN];
	int pipes[MAX_CHILDREN + 1][2]; /* to each child; the last one to the parent */
};

struct job {
	size_t n; /* floats */
	float *host, *buffer;
	hipIpcMemHandle_t memory;
	hipStream_t stream;
	hipEvent_t events[MAX_CHILDREN + 1];
	hipIpcEventHandle_t recorded[MAX_CHILDREN + 1]; /* of these events */
};

static void fail(const char *what)
{
	fprintf(stderr, "ipc_parent: %s\n", what);
	exit(EXIT_FAILURE); /* children that still run are killed */
}

/* ---- children ---------------------------------------------------------------------- */

/* Before the device is used, since a forked child cannot use it. */
static void start_children(struct children *children)
{
	for (int i = 0; i <= children->n; i++)
		if (pipe2(children->pipes[i], O_CLOEXEC) < 0)
			fail("no pipe");
	for (int i = 0; i < children->n; i++) {
		children->pids[i] =
			stage_spawn("ipc_child", children->pipes[i][0],
				    children->pipes[i + 1][1], children->contained);
		if (children->pids[i] < 0)
			fail("no new process");
	}
	/* End of file is seen once all copies of the other end are closed. */
	for (int i = 0; i < children->n; i++)
		(void)close(children->pipes[i][0]);
	(void)close(children->pipes[children->n][1]);
}

static void send_messages(struct children *children, const struct job *job)
{
	struct message message = {.memory = job->memory, .n = job->n};

	for (int i = 0; i < children->n; i++) {
		message.number = i + 1;
		message.before = job->recorded[i];
		message.after = job->recorded[i + 1];
		if (write(children->pipes[i][1], &message, sizeof(message)) !=
		    sizeof(message))
			fail("a child exited before it got its message");
	}
}

static void take_turns(struct children *children)
{
	if (!pass_turn(children->pipes[0][1]))
		fail("the first child exited before its turn");
	for (int i = 0; i < children->n; i++)
		(void)close(children->pipes[i][1]);
	if (!wait_for_turn(children->pipes[children->n][0]))
		fail("a child exited before its turn");
}

static void wait_for_children(const struct children *children)
{
	struct timespec start = stage_now();
	int failed = 0;

	for (int i = 0; i < children->n; i++)
		failed += !stage_wait(children->pids[i]);
	if (failed)
		fail("a child failed");
	stage_step(start, "P", "all children have exited with status 0");
}

/* ---- the job ----------------------------------------------------------------------- */

/* Small integers, which floats hold exactly. */
static float value_at(size_t i)
{
	return (float)(i % 1000);
}

static void allocate(struct job *job)
{
	job->host = (float *)malloc(job->n * sizeof(float));
	if (!job->host)
		fail("no memory");
	for (size_t i = 0; i < job->n; i++)
		job->host[i] = value_at(i);
	CHECK(hipMalloc((void **)&job->buffer, job->n * sizeof(float)));
	CHECK(hipIpcGetMemHandle(&job->memory, job->buffer));
}

static void make_events(struct job *job, int n)
{
	const unsigned int flags = hipEventInterprocess | hipEventDisableTiming;

	for (int i = 0; i < n; i++) {
		CHECK(hipEventCreateWithFlags(&job->events[i], flags));
		CHECK(hipIpcGetEventHandle(&job->recorded[i], job->events[i]));
	}
}

/* Does not wait: the first child's work waits for the event. */
static void start_to_fill(struct job *job)
{
	CHECK(hipStreamCreate(&job->stream));
	CHECK(hipMemcpyAsync(job->buffer, job->host, job->n * sizeof(float),
			     hipMemcpyHostToDevice, job->stream));
	CHECK(hipEventRecord(job->events[0], job->stream));
}

static void check_all(struct job *job, int n_children)
{
	float sum = (float)(n_children * (n_children + 1) / 2);
	struct timespec start = stage_now();
	size_t wrong = 0;

	CHECK(hipMemcpy(job->host, job->buffer, job->n * sizeof(float),
			hipMemcpyDeviceToHost));
	for (size_t i = 0; i < job->n; i++)
		wrong += job->host[i] != value_at(i) + sum;
	if (wrong) {
		fprintf(stderr, "ipc_parent: %zu of %zu elements are wrong\n", wrong,
			job->n);
		exit(EXIT_FAILURE);
	}
	stage_step(start, "P", "finds %.0f added to each of %zu elements", sum, job->n);
}

static void release(struct job *job, int n_events)
{
	for (int i = 0; i < n_events; i++)
		CHECK(hipEventDestroy(job->events[i]));
	CHECK(hipStreamDestroy(job->stream));
	CHECK(hipFree(job->buffer));
	free(job->host);
}

static void play(struct children *children, struct job *job)
{
	struct timespec start = stage_now();

	allocate(job);
	make_events(job, children->n + 1);
	stage_step(start, "P",
		   "uid %u, pid %d: %zu floats, %d events; a handle of each: %d bytes",
		   getuid(), getpid(), job->n, children->n + 1, HIP_IPC_HANDLE_SIZE);
	start = stage_now();
	start_to_fill(job);
	send_messages(children, job);
	take_turns(children);
	stage_step(start, "P", "sent %d children%s 3 handles each; all had their turn",
		   children->n, children->contained ? " in containers" : "");
	start = stage_now();
	CHECK(hipEventSynchronize(job->events[children->n]));
	stage_step(start, "P", "waited for the event that the last of them recorded");
	check_all(job, children->n);
	wait_for_children(children);
	release(job, children->n + 1);
}

/* ------------------------------------------------------------------------------------ */

static unsigned long number(const char *text, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || value < 1 || value > most)
		fail("usage: ipc_parent [--namespaces] [CHILDREN [ELEMENTS]]");
	return value;
}

int main(int argc, char *argv[])
{
	static struct children children = {.n = 4};
	static struct job job = {.n = 1 << 20};

	if (argc > 1 && !strcmp(argv[1], "--namespaces")) {
		children.contained = true;
		argc--;
		argv++;
	}
	if (argc > 1)
		children.n = (int)number(argv[1], MAX_CHILDREN);
	if (argc > 2)
		job.n = number(argv[2], 1UL << 28);
	(void)signal(SIGPIPE, SIG_IGN); /* write(2) reports that a child has exited */
	(void)alarm(LIMIT_SECONDS);
	start_children(&children);
	play(&children, &job);
	return EXIT_SUCCESS;
}
