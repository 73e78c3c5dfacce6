/* SPDX-License-Identifier: MIT */
#include "hipsoft-fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <clock.h>

void soft_configure(const char *devices, const char *memory)
{
	setenv("HIPSOFT_DEVICES", devices, 1);
	setenv("HIPSOFT_MEMORY", memory, 1);
}

void *soft_malloc(size_t bytes)
{
	void *pointer = NULL;

	expect_ok(hipMalloc(&pointer, bytes));
	cr_assert(ne(ptr, pointer, NULL));
	return pointer;
}

struct hipipc_allocation soft_find(const void *pointer)
{
	struct hipipc_allocation found = {0};

	cr_assert(zero(int, hipsoft_provider.find((uintptr_t)pointer, &found)));
	return found;
}

double soft_now_s(void)
{
	return (double)now_ns() / (double)NS_PER_S;
}

hipEvent_t soft_event(unsigned flags)
{
	hipEvent_t event = NULL;

	expect_ok(hipEventCreateWithFlags(&event, flags));
	cr_assert(ne(ptr, event, NULL));
	return event;
}

hipStream_t soft_stream(void)
{
	hipStream_t stream = NULL;

	expect_ok(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
	return stream;
}

struct child {
	int pid, status;
};

static bool has_ended(void *data)
{
	struct child *child = data;

	return waitpid(child->pid, &child->status, WNOHANG | __WALL) == child->pid;
}

int wait_for_child(int pid)
{
	struct child child = {pid, 0};

	cr_assert(gt(int, pid, 0));
	if (!wait_until(has_ended, &child)) {
		kill(pid, SIGKILL);
		waitpid(pid, &child.status, __WALL);
		return -1;
	}
	return WIFEXITED(child.status) ? WEXITSTATUS(child.status) : -1;
}
