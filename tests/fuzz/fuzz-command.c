/* SPDX-License-Identifier: MIT */
/*
 * fuzz-command.c - decodes bytes into calls on a context and commands of its queue
 *
 * Invariants: the device changes only pages of buffers mapped writable for it, and none
 * after they are unmapped; another context's memory and an ASID that is not attached stay
 * unchanged; a queue makes progress or reports a fault.
 */
#include <accel.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "reader.h"

#define BUFFERS      4
#define PAGES        8
#define BYTES        (PAGES * FUZZ_PAGE)
#define BASE         0x100000UL
#define MAPPED_FROM  2 /* pages of the first two buffers, mapped from the start */
#define MAPPED_PAGES 4
#define QUEUES       4
#define MEMORY       (64UL << 20)
#define ENTRIES      32
#define FENCES       2
#define MAX_STEPS    64
#define MAX_FAULTS   16
#define SETTLE_MS    20000

/* A buffer as mapped in this process. */
struct memory {
	uint32_t id;
	int fd; /* of an imported buffer, or -1 */
	uint8_t *bytes;
	bool writable[PAGES]; /* the device may write it, or could before */
	bool truncated;
};

struct fuzz {
	struct accel_context *context;
	struct memory memory[BUFFERS];
	struct memory guard;
	uint32_t asids[2], guarded; /* the last one is not attached */
	uint32_t queue, fences[FENCES];
	uint64_t values[FENCES];
	struct accel_ring *ring; /* of a user-mode queue, or NULL */
	size_t ring_bytes;
	bool scribbled; /* the fuzzer has overwritten the ring's header */
};

static struct accel_registry *registry;
static struct accel_device *device;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- memory ------------------------------------------------------------------------ */

static uint8_t pattern(size_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 12) * 13 + 1);
}

static void fill(struct memory *memory)
{
	for (size_t i = 0; i < BYTES; i++)
		memory->bytes[i] = pattern(i);
}

static uint8_t *map_fd(int fd)
{
	void *bytes = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	MUST(bytes != MAP_FAILED);
	return bytes;
}

static void alloc_memory(struct accel_context *context, struct memory *memory)
{
	struct accel_buffer_alloc arg = {.bytes = BYTES};
	int fd;

	*memory = (struct memory){.fd = -1};
	MUST(accel_buffer_alloc(context, &arg) == 0);
	memory->id = arg.id;
	MUST(accel_buffer_open(context, arg.id, O_RDWR, &fd) == 0);
	memory->bytes = map_fd(fd);
	close(fd);
	fill(memory);
}

/* Imports memory that this process can truncate, or memory that is read-only. */
static void import_memory(struct accel_context *context, struct memory *memory,
			  bool readonly)
{
	char path[64];
	int fd;

	*memory = (struct memory){.fd = memfd_create("fuzz", MFD_CLOEXEC)};
	MUST(memory->fd >= 0 && ftruncate(memory->fd, BYTES) == 0);
	memory->bytes = map_fd(memory->fd);
	fill(memory);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory->fd);
	fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	MUST(fd >= 0 && accel_buffer_import(context, fd, &memory->id) == 0);
}

static void free_memory(struct memory *memory)
{
	munmap(memory->bytes, BYTES);
	if (memory->fd >= 0)
		close(memory->fd);
}

/* Checks a page that was never writable by the device. */
static void check_page(const struct memory *memory, size_t page)
{
	for (size_t i = page * FUZZ_PAGE; i < (page + 1) * FUZZ_PAGE; i++)
		MUST(memory->bytes[i] == pattern(i));
}

static void check_memory(const struct memory *memory)
{
	if (memory->truncated)
		return;
	for (size_t page = 0; page < PAGES; page++)
		if (!memory->writable[page])
			check_page(memory, page);
}

/* ---- setting up -------------------------------------------------------------------- */

static uint32_t make_asid(struct accel_context *context)
{
	struct accel_asid_create arg = {0};

	MUST(accel_asid_create(context, &arg) == 0);
	return arg.id;
}

static void map_pages(struct accel_context *context, uint32_t asid, struct memory *memory,
		      size_t first, size_t n, uint32_t access)
{
	struct accel_asid_map arg = {
		.flags = access | ACCEL_MAP_FIXED,
		.asid = asid,
		.buffer = memory->id,
		.offset = first * FUZZ_PAGE,
		.length = n * FUZZ_PAGE,
		.iova = BASE,
	};

	MUST(accel_asid_map(context, &arg) == 0);
	if (access & ACCEL_MAP_WRITE)
		memset(&memory->writable[first], true, n);
}

/* For an ASID that is not attached: its pages count as not writable. */
static void map_all(struct accel_context *context, uint32_t asid, struct memory *memory)
{
	map_pages(context, asid, memory, 0, PAGES, ACCEL_MAP_READ | ACCEL_MAP_WRITE);
	memset(memory->writable, false, sizeof(memory->writable));
}

static void attach(struct fuzz *fuzz, uint32_t asid)
{
	struct accel_queue_attach arg = {.queue = fuzz->queue, .asid = asid};

	MUST(accel_queue_attach(fuzz->context, &arg) == 0);
}

static void open_ring(struct fuzz *fuzz)
{
	void *memory;
	int fd;

	fuzz->ring_bytes = ACCEL_RING_ENTRIES + ENTRIES * sizeof(struct accel_command);
	MUST(accel_queue_open_ring(fuzz->context, fuzz->queue, &fd) == 0);
	memory = mmap(NULL, fuzz->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(memory != MAP_FAILED);
	close(fd);
	fuzz->ring = memory;
}

static void make_queue(struct fuzz *fuzz, bool user)
{
	struct accel_queue_create arg = {.flags = user ? ACCEL_QUEUE_USER : 0,
					 .entries = ENTRIES};

	MUST(accel_queue_create(fuzz->context, &arg) == 0);
	fuzz->queue = arg.id;
	if (user)
		open_ring(fuzz);
}

static void start(struct fuzz *fuzz, bool user)
{
	static const struct accel_owner nobody = {.size = sizeof(nobody)};

	*fuzz = (struct fuzz){0};
	MUST(accel_context_create(device, &nobody, &fuzz->context) == 0);
	alloc_memory(fuzz->context, &fuzz->memory[0]);
	alloc_memory(fuzz->context, &fuzz->memory[1]);
	import_memory(fuzz->context, &fuzz->memory[2], false);
	import_memory(fuzz->context, &fuzz->memory[3], true);
	alloc_memory(fuzz->context, &fuzz->guard);
	make_queue(fuzz, user);
	for (unsigned int i = 0; i < 2; i++) {
		fuzz->asids[i] = make_asid(fuzz->context);
		attach(fuzz, fuzz->asids[i]);
		/* The pages before and after are not mapped for the device. */
		map_pages(fuzz->context, fuzz->asids[i], &fuzz->memory[i], MAPPED_FROM,
			  MAPPED_PAGES, ACCEL_MAP_READ | ACCEL_MAP_WRITE);
	}
	fuzz->guarded = make_asid(fuzz->context);
	map_all(fuzz->context, fuzz->guarded, &fuzz->guard);
	for (unsigned int i = 0; i < FENCES; i++) {
		struct accel_fence arg = {0};

		MUST(accel_fence_create(fuzz->context, &arg) == 0);
		fuzz->fences[i] = arg.id;
	}
}

/* ---- steps: address spaces --------------------------------------------------------- */

/* Returns an ASID, mostly a usable one. */
static uint32_t read_asid(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);

	if (byte < 0xe0)
		return fuzz->asids[byte & 1];
	return byte < 0xf0 ? fuzz->guarded : byte & 0x0f;
}

static uint64_t read_address(struct reader *reader)
{
	uint8_t byte = read_byte(reader);

	if (byte >= 0xe0)
		return read_number(reader);
	/* Some addresses lie around the ends of pages. */
	if (byte >= 0xc0)
		return BASE + (byte >> 2 & 7) * FUZZ_PAGE - 1 - (byte & 3) * 4;
	return BASE + byte * 64;
}

static uint64_t read_length(struct reader *reader)
{
	uint8_t byte = read_byte(reader);

	return byte < 0xe0 ? 4 + (byte >> 1) * 8 * (byte & 1 ? 1 : 4)
			   : read_number(reader);
}

static void step_map(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);
	struct memory *memory = &fuzz->memory[byte % BUFFERS];
	struct accel_asid_map arg = {
		.flags = byte >> 4,
		.asid = fuzz->asids[byte >> 2 & 1],
		.buffer = memory->id,
		.offset = read_number(reader),
		.length = read_number(reader),
		.iova = byte & 0x40 ? read_address(reader) & ~(FUZZ_PAGE - 1) : 0,
	};

	if (byte & 8) {
		arg.offset = arg.offset % PAGES * FUZZ_PAGE;
		arg.length = (1 + arg.length % PAGES) * FUZZ_PAGE;
	}
	if (accel_asid_map(fuzz->context, &arg) < 0)
		return;
	MUST(arg.offset % FUZZ_PAGE == 0 && arg.length % FUZZ_PAGE == 0 && arg.length);
	MUST(arg.offset <= BYTES && arg.length <= BYTES - arg.offset);
	MUST(memory != &fuzz->memory[3] || !(arg.flags & ACCEL_MAP_WRITE));
	if (arg.flags & ACCEL_MAP_WRITE)
		memset(&memory->writable[arg.offset / FUZZ_PAGE], true,
		       arg.length / FUZZ_PAGE);
}

static void step_unmap(struct fuzz *fuzz, struct reader *reader)
{
	struct accel_asid_unmap arg = {.asid = fuzz->asids[read_byte(reader) & 1],
				       .iova = read_address(reader)};

	arg.length = read_number(reader);
	if (accel_asid_unmap(fuzz->context, &arg) == 0)
		MUST(arg.length % FUZZ_PAGE == 0);
}

/* A copy has at most the source's access, so no page becomes writable by it. */
static void step_copy(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);
	struct accel_asid_copy arg = {
		.flags = byte >> 2,
		.dst_asid = fuzz->asids[byte & 1],
		.src_asid = fuzz->asids[byte >> 1 & 1],
		.src_iova = read_address(reader) & ~(FUZZ_PAGE - 1),
	};

	arg.length = read_number(reader);
	arg.dst_iova = arg.flags & ACCEL_MAP_FIXED ? read_address(reader) : 0;
	accel_asid_copy(fuzz->context, &arg);
}

static void step_attach(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);
	struct accel_queue_attach arg = {.queue = fuzz->queue,
					 .asid = fuzz->asids[byte & 1]};

	if (byte & 2)
		accel_queue_attach(fuzz->context, &arg);
	else
		accel_queue_detach(fuzz->context, &arg);
}

/* ---- steps: buffers and fences ----------------------------------------------------- */

static void step_buffer(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);
	struct memory *memory = &fuzz->memory[byte % BUFFERS];
	struct accel_object object = {.id = memory->id};

	if (byte & 0x80) {
		accel_buffer_free(fuzz->context, &object);
	} else if (byte & 0x40) {
		/* The pages are gone, so there is nothing to check. */
		if (accel_buffer_revoke(fuzz->context, &object) == 0)
			memory->truncated = true;
	} else if (memory->fd >= 0 && byte & 0x20) {
		memory->truncated = true;
		MUST(ftruncate(memory->fd, (off_t)(read_number(reader) % BYTES)) == 0);
	}
}

static void step_fence(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);
	struct accel_fence arg = {.id = fuzz->fences[byte % FENCES]};
	struct accel_object object = {.id = arg.id};

	if (byte & 0x80) {
		accel_fence_destroy(fuzz->context, &object);
		return;
	}
	if (byte & 0x40) {
		arg.value = read_number(reader);
		accel_fence_signal(fuzz->context, &arg);
		return;
	}
	if (accel_fence_query(fuzz->context, &arg) < 0)
		return;
	MUST(arg.value >= fuzz->values[byte % FENCES]);
	fuzz->values[byte % FENCES] = arg.value;
}

/* ---- steps: commands --------------------------------------------------------------- */

/* Fills the fields that the operation needs, so that most commands are executed. */
static void fill_command(struct fuzz *fuzz, struct reader *reader,
			 struct accel_command *command)
{
	bool is_fence = command->op == ACCEL_OP_SIGNAL || command->op == ACCEL_OP_WAIT;

	if (is_fence) {
		command->src2_asid = fuzz->fences[read_byte(reader) % FENCES];
		command->value = read_number(reader);
		return;
	}
	if (command->op == ACCEL_OP_NOP)
		return;
	command->dst_asid = read_asid(fuzz, reader);
	command->dst = read_address(reader);
	if (command->op != ACCEL_OP_FILL) {
		command->src_asid = read_asid(fuzz, reader);
		command->src = read_address(reader);
	}
	if (command->op == ACCEL_OP_COMPARE || command->op >= ACCEL_OP_XOR) {
		command->src2_asid = read_asid(fuzz, reader);
		command->src2 = read_address(reader);
	}
	if (command->op == ACCEL_OP_MATMUL) {
		command->rows = read_byte(reader) & 0x1f;
		command->columns = read_byte(reader) & 0x1f;
		command->inner = read_byte(reader) & 0x1f;
	} else {
		command->length = read_length(reader);
	}
	if (command->op == ACCEL_OP_FILL || command->op == ACCEL_OP_CRC32C)
		command->value = read_number(reader);
}

static void read_command(struct fuzz *fuzz, struct reader *reader,
			 struct accel_command *ret_command)
{
	uint8_t byte = read_byte(reader);

	*ret_command = (struct accel_command){.op = byte % (ACCEL_OP_COUNT + 1)};
	ret_command->flags = byte & 0x10 ? ACCEL_COMMAND_NOTIFY : 0;
	fill_command(fuzz, reader, ret_command);
	/* Replaces one byte by an arbitrary one. */
	if (byte >= 0xe0) {
		byte = read_byte(reader);
		((uint8_t *)ret_command)[byte % sizeof(*ret_command)] = read_byte(reader);
	}
}

static void ring_bell(struct fuzz *fuzz)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_fetch_add(&fuzz->ring->doorbell, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &fuzz->ring->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void put_in_ring(struct fuzz *fuzz, const struct accel_command *commands,
			uint32_t n)
{
	struct accel_command *slots = (void *)((char *)fuzz->ring + ACCEL_RING_ENTRIES);
	uint64_t tail = __atomic_load_n(&fuzz->ring->tail, __ATOMIC_RELAXED);

	/* Also over entries not fetched yet: they change while they are read. */
	for (uint32_t i = 0; i < n; i++)
		slots[(tail + i) % ENTRIES] = commands[i];
	__atomic_store_n(&fuzz->ring->tail, tail + n, __ATOMIC_RELEASE);
	ring_bell(fuzz);
}

static void step_submit(struct fuzz *fuzz, struct reader *reader)
{
	struct accel_queue_submit arg = {.queue = fuzz->queue};
	struct accel_queue_info info = {.size = sizeof(info), .id = fuzz->queue};

	arg.count = 1 + read_byte(reader) % 8;
	for (uint32_t i = 0; i < arg.count; i++)
		read_command(fuzz, reader, &arg.commands[i]);
	if (!fuzz->ring) {
		accel_queue_submit(fuzz->context, &arg);
		return;
	}
	MUST(accel_queue_get_info(fuzz->context, &info) == 0);
	put_in_ring(fuzz, arg.commands, arg.count);
}

static void step_scribble(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);
	uint64_t value = read_number(reader);
	volatile uint32_t *words = (void *)fuzz->ring;

	if (!fuzz->ring)
		return;
	fuzz->scribbled = true;
	if (byte & 0x80) {
		__atomic_store_n(&fuzz->ring->tail, value, __ATOMIC_RELEASE);
		ring_bell(fuzz);
	} else if (byte & 0x40) {
		MUST(madvise(fuzz->ring, fuzz->ring_bytes, MADV_REMOVE) == 0);
	} else {
		words[byte * 2] = (uint32_t)value;
		words[byte * 2 + 1] = (uint32_t)(value >> 32);
	}
}

static void step_reset(struct fuzz *fuzz, struct reader *reader)
{
	struct accel_object arg = {.id = fuzz->queue};
	int r = accel_queue_reset(fuzz->context, &arg);

	MUST(r == 0 || r == -EINVAL || r == -EIO);
}

static void (*const steps[])(struct fuzz *fuzz, struct reader *reader) = {
	step_map,  step_map,    step_submit, step_submit, step_submit,   step_unmap,
	step_copy, step_attach, step_buffer, step_fence,  step_scribble, step_reset,
};

/* ---- checks ------------------------------------------------------------------------ */

static void check_fault(const struct fuzz *fuzz, const struct accel_queue_info *info)
{
	const struct accel_fault *fault = &info->fault;

	MUST(info->state == ACCEL_QUEUE_FAULTED || info->state == ACCEL_QUEUE_ISOLATED);
	MUST(fault->reason > ACCEL_FAULT_NONE && fault->reason <= ACCEL_FAULT_DEVICE);
	MUST(fault->count >= 1 && fault->count <= MAX_FAULTS);
	MUST((fault->count == MAX_FAULTS) == (info->state == ACCEL_QUEUE_ISOLATED));
	MUST(!fault->reserved);
	if (fuzz->ring)
		return;
	MUST(fault->reason != ACCEL_FAULT_RING && fault->index < info->submitted);
	MUST(info->completed == fault->index);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void rest(void)
{
	const struct timespec moment = {.tv_nsec = 20000};

	nanosleep(&moment, NULL);
}

static bool is_done(struct fuzz *fuzz, struct accel_queue_info *info)
{
	*info = (struct accel_queue_info){.size = sizeof(*info), .id = fuzz->queue};
	MUST(accel_queue_get_info(fuzz->context, info) == 0);
	if (info->state != ACCEL_QUEUE_RUNNING)
		return true;
	if (!fuzz->ring)
		return info->completed == info->submitted;
	ring_bell(fuzz);
	return info->completed == info->submitted &&
	       info->submitted == __atomic_load_n(&fuzz->ring->tail, __ATOMIC_ACQUIRE);
}

/* Signals all fences, and waits until the queue stops making progress. */
static void settle(struct fuzz *fuzz)
{
	struct accel_queue_info info;
	uint64_t end = now_ms() + SETTLE_MS;

	for (unsigned int i = 0; i < FENCES; i++) {
		struct accel_fence arg = {.id = fuzz->fences[i], .value = UINT64_MAX};

		accel_fence_signal(fuzz->context, &arg);
	}
	while (!is_done(fuzz, &info)) {
		MUST(now_ms() < end);
		rest();
	}
	if (info.state != ACCEL_QUEUE_RUNNING)
		check_fault(fuzz, &info);
}

/* After an unmap the device writes nothing, not even by commands under way. */
static void unmap_and_check(struct fuzz *fuzz)
{
	static uint8_t before[BUFFERS][BYTES];

	for (unsigned int i = 0; i < 2; i++) {
		struct accel_asid_unmap arg = {.asid = fuzz->asids[i],
					       .length = UINT64_MAX};

		MUST(accel_asid_unmap(fuzz->context, &arg) == 0);
	}
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (!fuzz->memory[i].truncated)
			memcpy(before[i], fuzz->memory[i].bytes, BYTES);
	settle(fuzz);
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (!fuzz->memory[i].truncated)
			MUST(!memcmp(before[i], fuzz->memory[i].bytes, BYTES));
}

static void finish(struct fuzz *fuzz)
{
	struct accel_device_info info = {.size = sizeof(info)};
	uint64_t end = now_ms() + SETTLE_MS;

	/* Before the context is destroyed: the device keeps memory still in use. */
	for (unsigned int i = 0; i < BUFFERS; i++) {
		check_memory(&fuzz->memory[i]);
		free_memory(&fuzz->memory[i]);
	}
	check_memory(&fuzz->guard);
	free_memory(&fuzz->guard);
	accel_context_destroy(fuzz->context);
	if (fuzz->ring)
		munmap(fuzz->ring, fuzz->ring_bytes);
	/* Engines exit asynchronously; then nothing is left of the context. */
	for (;;) {
		accel_device_query(device, &info);
		if (info.queues_free == QUEUES && info.memory_free == MEMORY - BYTES &&
		    info.asids == 1)
			return;
		MUST(now_ms() < end);
		rest();
	}
}

/* ---- libFuzzer interface ----------------------------------------------------------- */

/* A second context, which must never change. */
static struct accel_context *bystander_context;
static struct memory bystander;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct accel_owner nobody = {.size = sizeof(nobody)};
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "fuzz0",
						   .queues = QUEUES,
						   .memory = MEMORY};

	MUST(accel_registry_create(NULL, NULL, &registry) == 0);
	MUST(accel_device_create(registry, &accel_soft_backend, &params, &device) == 0);
	MUST(accel_context_create(device, &nobody, &bystander_context) == 0);
	alloc_memory(bystander_context, &bystander);
	map_all(bystander_context, make_asid(bystander_context), &bystander);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader = {data, size};
	struct fuzz fuzz;

	start(&fuzz, read_byte(&reader) & 1);
	for (int i = 0; i < MAX_STEPS && reader.size; i++)
		steps[read_byte(&reader) % (sizeof(steps) / sizeof(steps[0]))](&fuzz,
									       &reader);
	unmap_and_check(&fuzz);
	finish(&fuzz);
	check_memory(&bystander);
	return 0;
}
