/* SPDX-License-Identifier: MIT */
/* successor.c - a service that takes over */
#include "successor.h"

#include <signal.h>

#include "../support/process.h"
#include "harness.h"
#include "raw.h"

void kill_process(pid_t pid)
{
	ASSERT_OK(SYS(kill(pid, SIGKILL)));
}

void expect_to_be_served(const struct instance *instance)
{
	static const uint8_t absent[16] = {1};

	ASSERT_ERR(raw_exists(instance, absent), ENOENT);
}

bool has_successor(void *data)
{
	struct instance *instance = data;
	pid_t service = process_child(instance->pid);

	if (service <= 0 || service == instance->service)
		return false;
	instance->service = service;
	return true;
}

void expect_successor(struct instance *instance)
{
	expect_to_be_served(instance);
	ASSERT(wait_until(has_successor, instance));
	close(ASSERT_OK(raw_connect(instance)));
}
