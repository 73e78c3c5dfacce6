/* SPDX-License-Identifier: MIT */
/*
 * ipc_child.c - adds its number to every element of a buffer of ipc_parent.c
 *
 * Reads a struct message from standard input, and later a byte when it is this child's
 * turn; passes the turn on by a byte to descriptor 3. Nothing in here depends on who owns
 * the memory, or on the namespaces that the program runs in.
 */
#include "ipc_pair.h"
#include "stage.h"

#ifdef HIPSOFT_VERSION
/* The software runtime has no kernels, but a function that does the same. */
static hipError_t add_to(float *to, const float *what, size_t n, hipStream_t stream)
{
	return hipsoftVectorAdd(to, to, what, n, stream);
}
#else
#include <hip/hip_runtime.h>

__global__ void add(float *to, const float *what, size_t n)
{
	size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;

	if (i < n)
		to[i] += what[i];
}

static hipError_t add_to(float *to, const float *what, size_t n, hipStream_t stream)
{
	add<<<(n + 255) / 256, 256, 0, stream>>>(to, what, n);
	return hipGetLastError();
}
#endif

/* Device memory of this process, filled with one number. */
static float *make_addend(float value, size_t n)
{
	float *host = (float *)malloc(n * sizeof(float)), *addend;

	if (!host)
		exit(EXIT_FAILURE);
	for (size_t i = 0; i < n; i++)
		host[i] = value;
	CHECK(hipMalloc((void **)&addend, n * sizeof(float)));
	CHECK(hipMemcpy(addend, host, n * sizeof(float), hipMemcpyHostToDevice));
	free(host);
	return addend;
}

/* Queues the addition after the previous child's, and passes the turn on. */
static void add_in_turn(const struct message *message, float *buffer, hipEvent_t before,
			hipEvent_t after)
{
	float *addend = make_addend((float)message->number, message->n);
	hipStream_t stream;

	CHECK(hipStreamCreate(&stream));
	if (!wait_for_turn(STDIN_FILENO)) {
		fprintf(stderr, "child %d: the previous child exited early\n",
			message->number);
		exit(EXIT_FAILURE);
	}
	CHECK(hipStreamWaitEvent(stream, before, 0));
	CHECK(add_to(buffer, addend, message->n, stream));
	CHECK(hipEventRecord(after, stream));
	if (!pass_turn(STAGE_OUTPUT)) {
		fprintf(stderr, "child %d: the next child exited early\n",
			message->number);
		exit(EXIT_FAILURE);
	}
	CHECK(hipStreamSynchronize(stream));
	CHECK(hipStreamDestroy(stream));
	CHECK(hipFree(addend));
}

int main(void)
{
	struct timespec start = stage_now();
	struct message message;
	hipEvent_t before, after;
	float *buffer;
	char who[16];

	if (read(STDIN_FILENO, &message, sizeof(message)) != sizeof(message)) {
		fputs("ipc_child: no message; run ipc_parent instead\n", stderr);
		return EXIT_FAILURE;
	}
	CHECK(hipIpcOpenMemHandle((void **)&buffer, message.memory,
				  hipIpcMemLazyEnablePeerAccess));
	CHECK(hipIpcOpenEventHandle(&before, message.before));
	CHECK(hipIpcOpenEventHandle(&after, message.after));
	add_in_turn(&message, buffer, before, after);
	CHECK(hipEventDestroy(before));
	CHECK(hipEventDestroy(after));
	CHECK(hipIpcCloseMemHandle(buffer));

	(void)snprintf(who, sizeof(who), "C%d", message.number);
	stage_step(start, who, "uid %u, pid %d: opens it, adds %d on its turn, closes it",
		   getuid(), getpid(), message.number);
	return EXIT_SUCCESS;
}
