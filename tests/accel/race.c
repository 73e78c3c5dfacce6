/* SPDX-License-Identifier: MIT */
/*
 * race.c - threads that make all calls concurrently, while contexts are closed under them
 *
 * accel-race [SECONDS]
 *
 * Built with ThreadSanitizer unless another sanitizer is enabled. At the end, all charges
 * must be released. Prints "ok NAME" or "FAIL: NAME: reason" for each check.
 */
#include "race.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/fds.h"
#include "../support/wait.h"
#include "context.h"
#include "owner.h"
#include "util.h"

#define DEVICES 3
#define ACTORS  2 /* for each slot */
#define MEMORY  (64 * RACE_PAGES * RACE_PAGE)
#define QUEUES  6

struct accel_registry *race_registry;
struct race_slot race_slots[RACE_SLOTS];

static atomic_bool stop;
static unsigned failures;

/* The users of two queues that write the same memory must synchronize, as with any
 * device. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
	return "race_top:^compute_\n";
}

/* ---- contexts ---------------------------------------------------------------------- */

static struct accel_context *open_context(struct accel_device *device)
{
	struct accel_context *context;

	return owner_open(&owner_counting, device, &context) < 0 ? NULL : context;
}

struct accel_context *race_get_context(struct race_slot *slot)
{
	struct accel_context *context;

	pthread_mutex_lock(&slot->lock);
	context = slot->context;
	if (context)
		accel_context_ref(context);
	pthread_mutex_unlock(&slot->lock);
	return context;
}

/* ---- threads ----------------------------------------------------------------------- */

static void *act(void *data)
{
	struct race_actor *actor = data;

	while (!stop) {
		struct accel_context *context = race_get_context(actor->slot);
		struct race_call *call = race_some_call(actor);

		if (!context) {
			usleep(100);
			continue;
		}
		if (call->call(context, actor) >= 0)
			call->succeeded++;
		accel_context_unref(context);
		actor->slot->calls++;
	}
	return NULL;
}

uint32_t race_below(struct race_actor *actor, uint32_t n)
{
	actor->random ^= actor->random << 13;
	actor->random ^= actor->random >> 7;
	actor->random ^= actor->random << 17;
	return (uint32_t)(actor->random >> 32) % n;
}

static void put_context(struct race_slot *slot, struct accel_context *context)
{
	pthread_mutex_lock(&slot->lock);
	slot->context = context;
	pthread_mutex_unlock(&slot->lock);
}

/* A context for some calls; then it is closed, whatever the actors do at that moment. */
static void *open_and_close(void *data)
{
	struct race_actor *actor = data;
	struct race_slot *slot = actor->slot;

	while (!stop) {
		struct accel_context *context = open_context(slot->device);
		uint64_t end = slot->calls + 1 + race_below(actor, 1000);

		put_context(slot, context);
		while (context && !stop && slot->calls < end)
			usleep(100);
		put_context(slot, NULL);
		accel_context_destroy(context);
		if (!context)
			usleep(1000);
	}
	return NULL;
}

static void run(unsigned seconds)
{
	static struct race_actor actors[RACE_SLOTS * (ACTORS + 1)];

	for (size_t i = 0; i < ARRAY_SIZE(actors); i++) {
		struct race_actor *actor = &actors[i];

		*actor = (struct race_actor){
			.slot = &race_slots[i % RACE_SLOTS],
			.random = 0x9e3779b97f4a7c15 * (i + 1),
		};
		if (pthread_create(&actor->thread, NULL,
				   i < RACE_SLOTS ? open_and_close : act, actor) != 0)
			abort();
	}
	sleep(seconds);
	stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(actors); i++)
		pthread_join(actors[i].thread, NULL);
}

/* ---- checks at the end ------------------------------------------------------------- */

static void check(const char *name, bool ok, const char *reason, long long value)
{
	if (ok) {
		printf("ok race::%s\n", name);
		return;
	}
	printf("FAIL: race::%s: %s %lld\n", name, reason, value);
	failures++;
}

static uint64_t count_charges(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(owner_charged); i++)
		sum += owner_charged[i];
	return sum;
}

static struct accel_device_info info_of(size_t device)
{
	struct accel_device_info info = {.size = sizeof(info)};

	accel_device_query(accel_device_at(race_registry, device), &info);
	return info;
}

/* An exclusive device is cleaned when it is opened. */
static void open_each_once(void)
{
	for (size_t i = 0; i < DEVICES; i++)
		accel_context_destroy(open_context(accel_device_at(race_registry, i)));
}

static bool is_settled(void)
{
	bool settled = owner_released == owner_opened && count_charges() == 0;

	for (size_t i = 0; i < DEVICES; i++) {
		struct accel_device_info info = info_of(i);

		settled &= info.memory_free == info.memory && !info.contexts &&
			   !info.asids && info.queues_free == info.queues;
	}
	return settled;
}

static bool settles(void *data)
{
	if (is_settled())
		return true;
	open_each_once();
	return false;
}

static void check_devices(void)
{
	long long memory = 0, queues = 0, asids = 0, open = 0;

	for (size_t i = 0; i < DEVICES; i++) {
		struct accel_device_info info = info_of(i);

		memory += (long long)(info.memory - info.memory_free);
		queues += info.queues - info.queues_free;
		asids += info.asids;
		open += info.contexts;
	}
	check("memory_is_back", !memory, "bytes missing:", memory);
	check("queues_are_back", !queues, "in use:", queues);
	check("asids_are_back", !asids, "in use:", asids);
	check("contexts_are_closed", !open, "open:", open);
}

static void check_calls(void)
{
	for (size_t i = 0; i < race_n_calls; i++)
		check(race_calls[i].name, race_calls[i].succeeded, "succeeded:", 0);
	check("contexts", owner_opened > 100, "too few:", owner_opened);
	check("events", owner_notified > 0, "none:", 0);
}

static void init(void)
{
	if (accel_registry_create(NULL, NULL, &race_registry) < 0)
		abort();
	for (size_t i = 0; i < DEVICES; i++) {
		struct accel_device_params params = {
			.size = sizeof(params),
			.queues = QUEUES,
			.memory = MEMORY,
			.exclusive = i == DEVICES - 1,
		};

		snprintf(params.name, sizeof(params.name), "race%zu", i);
		if (accel_device_create(race_registry, &accel_soft_backend, &params,
					NULL) < 0)
			abort();
	}
	for (size_t i = 0; i < RACE_SLOTS; i++) {
		pthread_mutex_init(&race_slots[i].lock, NULL);
		race_slots[i].device = accel_device_at(race_registry, i % DEVICES);
	}
}

int main(int argc, char **argv)
{
	unsigned fds = count_fds();
	bool ended;

	init();
	run(argc > 1 ? (unsigned)atoi(argv[1]) : 10);
	check_calls();
	(void)wait_until(settles, NULL);
	check_devices();
	ended = accel_registry_destroy(race_registry);
	check("threads_have_ended", ended, "not all", 0);
	check("nothing_is_charged", !count_charges(), "still:", count_charges());
	check("owners_are_released", owner_released == owner_opened,
	      "not:", owner_opened - owner_released);
	check("descriptors_are_closed", count_fds() == fds, "now:", count_fds());
	return failures != 0;
}
