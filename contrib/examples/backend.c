/* SPDX-License-Identifier: MIT */
/*
 * backend.c - a device of one's own for libaccel, from its installed headers alone
 *
 * cc -o backend backend.c $(pkg-config --cflags --libs libaccel) -pthread
 *
 * The device has two operations, NOP and FILL. Each queue has a thread as its engine. The
 * program then is the device's first user, and prints the memory that the device wrote.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <accel-backend.h>

#define BATCH 16
#define BYTES 8192

/* ---- the engine of one queue ------------------------------------------------------- */

struct engine {
	struct accel_queue *queue;
	uint32_t kicks; /* changes when there is work, or the engine is to stop */
	int stop;
};

static void fill(void *memory, size_t n, void *data)
{
	for (size_t i = 0; i < n;
	     i++) /* pieces are whole pages, or the command is short */
		((unsigned char *)memory)[i] = ((unsigned char *)data)[i % 8];
}

static int execute(struct engine *engine, const struct accel_command *command,
		   struct accel_fault *fault)
{
	const struct accel_operand dst = {command->dst_asid, ACCEL_MAP_WRITE,
					  command->dst, command->length};
	uint64_t pattern = command->value;

	*fault = (struct accel_fault){.reason = ACCEL_FAULT_COMMAND};
	if (command->op == ACCEL_OP_NOP)
		return 0;
	if (command->op != ACCEL_OP_FILL)
		return -EFAULT;
	return accel_queue_access(engine->queue, &dst, fill, &pattern, fault);
}

static void work(struct engine *engine, const struct accel_command *batch, unsigned n)
{
	uint64_t first = accel_queue_head(engine->queue) - n;
	struct accel_fault fault;
	unsigned i = 0;

	while (i < n && !__atomic_load_n(&engine->stop, __ATOMIC_ACQUIRE) &&
	       execute(engine, &batch[i], &fault) == 0) {
		accel_ring_complete(engine->queue, first + ++i);
		if (batch[i - 1].flags & ACCEL_COMMAND_NOTIFY)
			accel_queue_notify(engine->queue, first + i - 1);
	}
	if (i == n)
		return;
	fault.index = first + i;
	if (!__atomic_load_n(&engine->stop, __ATOMIC_ACQUIRE))
		accel_queue_fault(engine->queue, &fault);
	accel_queue_cancel(engine->queue, batch + i, n - i);
}

static void *run(void *arg)
{
	struct accel_command batch[BATCH];
	struct engine *engine = arg;

	while (!__atomic_load_n(&engine->stop, __ATOMIC_ACQUIRE)) {
		uint32_t seen = __atomic_load_n(&engine->kicks, __ATOMIC_ACQUIRE);
		int n = 0;

		if (accel_queue_is_running(engine->queue))
			n = accel_ring_fetch(engine->queue, batch, BATCH);
		if (n > 0)
			work(engine, batch, (unsigned)n);
		else if (n < 0)
			accel_queue_fault(
				engine->queue,
				&(struct accel_fault){
					.index = accel_queue_head(engine->queue),
					.reason = ACCEL_FAULT_RING});
		else if (!__atomic_load_n(&engine->stop, __ATOMIC_ACQUIRE))
			accel_engine_sleep(engine->queue, &engine->kicks, seen);
	}
	accel_queue_stopped(engine->queue); /* from here on, no call has this engine */
	free(engine);
	return NULL;
}

/* ---- the table --------------------------------------------------------------------- */

static int device_start(const struct accel_device_params *params,
			struct accel_properties *ret_properties, void **ret_device)
{
	*ret_properties = (struct accel_properties){
		.operations = 1U << ACCEL_OP_NOP | 1U << ACCEL_OP_FILL,
		.page_size = 4096,
		.aperture = {.first = 4096, .last = (1ULL << 40) - 1},
	};
	*ret_device = NULL;
	return 0;
}

static void device_stop(void *device)
{
}

static int queue_start(void *device, struct accel_queue *queue, void **ret_engine)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	pthread_t thread;

	if (!engine)
		return -ENOMEM;
	engine->queue = queue;
	if (pthread_create(&thread, NULL, run, engine)) {
		free(engine);
		return -ENOMEM;
	}
	pthread_detach(thread);
	*ret_engine = engine;
	return 0;
}

static void queue_kick(void *engine)
{
	accel_engine_kick(&((struct engine *)engine)->kicks);
}

static void queue_stop(void *engine)
{
	__atomic_store_n(&((struct engine *)engine)->stop, 1, __ATOMIC_RELEASE);
	queue_kick(engine);
}

static const struct accel_backend backend = {
	.version = ACCEL_BACKEND_VERSION,
	.name = "example",
	.device_start = device_start,
	.device_stop = device_stop,
	.memory_alloc = accel_memory_alloc,
	.memory_scrub = accel_memory_scrub,
	.queue_start = queue_start,
	.queue_kick = queue_kick,
	.queue_stop = queue_stop,
};

/* ---- a user of it ------------------------------------------------------------------ */

static sem_t events;

static void notify(void *data)
{
	sem_post(&events);
}

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "cannot %s: %s\n", what, strerror(-r));
	exit(EXIT_FAILURE);
}

/* The memory of a buffer, as another holder of it sees it. */
static const unsigned char *view(struct accel_context *context, uint32_t buffer)
{
	void *memory;
	int fd;

	check(accel_buffer_open(context, buffer, O_RDONLY, &fd), "open the buffer");
	memory = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
	check(memory == MAP_FAILED ? -errno : 0, "map the buffer");
	close(fd);
	return memory;
}

/* Fills the buffer, and then submits what the device does not have. */
static void use(struct accel_context *context)
{
	struct accel_buffer_alloc buffer = {.size = sizeof(buffer), .bytes = BYTES};
	struct accel_asid_create asid = {.size = sizeof(asid)};
	struct accel_asid_map map = {.size = sizeof(map),
				     .length = BYTES,
				     .flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE};
	struct accel_queue_create queue = {.size = sizeof(queue), .entries = 16};
	struct accel_queue_attach attach = {.size = sizeof(attach)};
	struct accel_queue_submit submit = {.size = sizeof(submit), .count = 3};
	struct accel_event event[2];
	const unsigned char *memory;

	check(accel_buffer_alloc(context, &buffer), "allocate");
	check(accel_asid_create(context, &asid), "create an ASID");
	check(accel_queue_create(context, &queue), "create a queue");
	map.asid = attach.asid = asid.id;
	map.buffer = buffer.id;
	attach.queue = submit.queue = queue.id;
	check(accel_asid_map(context, &map), "map");
	check(accel_queue_attach(context, &attach), "attach");
	submit.commands[1] = (struct accel_command){.op = ACCEL_OP_FILL,
						    .flags = ACCEL_COMMAND_NOTIFY,
						    .dst_asid = asid.id,
						    .dst = map.iova,
						    .length = BYTES,
						    .value = 0x0706050403020100};
	submit.commands[2].op = ACCEL_OP_CRC32C;
	check(accel_queue_submit(context, &submit), "submit");
	for (size_t n = 0; n < 2; n += accel_events_read(context, event + n, 2 - n))
		while (sem_wait(&events) < 0)
			;
	memory = view(context, buffer.id);
	printf("byte %d is %d\n", BYTES - 1, memory[BYTES - 1]);
	printf("command %d: event %d\n", (int)event[0].value, (int)event[0].type);
	printf("command %d: event %d, reason %d\n", (int)event[1].value,
	       (int)event[1].type, (int)event[1].reason);
	munmap((void *)memory, BYTES);
}

int main(void)
{
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "own0"};
	const struct accel_owner owner = {.size = sizeof(owner), .notify = notify};
	struct accel_registry *registry;
	struct accel_context *context;
	struct accel_device *device;

	sem_init(&events, 0, 0);
	check(accel_registry_create(NULL, NULL, &registry), "create a registry");
	check(accel_device_create(registry, &backend, &params, &device),
	      "add the device");
	check(accel_context_create(device, &owner, &context), "open it");
	use(context);
	accel_context_destroy(context);
	return accel_registry_destroy(registry) ? EXIT_SUCCESS : EXIT_FAILURE;
}
