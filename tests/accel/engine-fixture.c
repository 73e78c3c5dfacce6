/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine-fixture.h"

struct soft_job engine_job;
struct user_queue engine_queue;

static void engine_init(void)
{
	soft_init();
	soft_job_init(&engine_job, soft_context, 0);
	user_queue_init(&engine_queue, soft_context, ENTRIES);
	cr_assert(zero(int, soft_attach(soft_context, engine_queue.id, engine_job.asid)));
}

static void engine_finish(void)
{
	user_queue_finish(&engine_queue);
	soft_job_finish(&engine_job);
	soft_finish();
}

TestSuite(engine, .init = engine_init, .fini = engine_finish);

bool engine_is_idle(void *data)
{
	const struct engine_idle *idle = data;

	return soft_info(idle->device).queues_free == idle->queues_free;
}

bool engine_has_free_queue(void *unused)
{
	return soft_info(soft_device).queues_free > 0;
}
