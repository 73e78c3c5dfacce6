/* SPDX-License-Identifier: MIT */
/*
 * test-soft-ops.c - every operation against plain C
 *
 * Each operand has a space whose pages are scattered over buffers, and one in the test's
 * own memory (SVA). A trial takes either, at a random place, with a random length; then
 * the whole result space must be as expected.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "context.h"
#include "soft-fixture.h"
#include "user-queue.h"

#define PAGES   600U /* more than two chunks */
#define BYTES   (PAGES * PAGE)
#define TRIALS  200
#define RANDOM  ((uint64_t)rand())
#define IOVA(n) (UINT64_C(0x100000000) * ((n) + 1))

struct space {
	uint32_t asid;
	uint64_t base; /* device address */
	char *view;    /* the same bytes in the same order, for the test */
};

enum { DST, SRC, SRC2, ROLES };
enum { MAPPED, SVA, KINDS };

static struct user_queue queue;
static struct space spaces[ROLES][KINDS];
static char *expected[KINDS];  /* expected content of the spaces for results */
static uint32_t asids[2], sva; /* sva: 0 where the kernel lacks it */
static uint32_t buffers[ROLES];

/* ---- spaces ------------------------------------------------------------------------ */

static void map_page(uint32_t asid, uint32_t buffer, uint64_t offset, uint64_t iova)
{
	struct accel_asid_map map = {
		.size = sizeof(map),
		.flags = RW | ACCEL_MAP_FIXED,
		.asid = asid,
		.buffer = buffer,
		.offset = offset,
		.length = PAGE,
		.iova = iova,
	};

	cr_assert(zero(int, accel_asid_map(soft_context, &map)));
}

/* Maps the shuffled pages of a memfd's buffer at @space->base. */
static uint32_t scatter(struct space *space)
{
	int fd = new_memfd(BYTES);
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	unsigned order[PAGES];
	uint32_t buffer;

	cr_assert(zero(int, accel_buffer_import(soft_context, own, &buffer)));
	space->view = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < PAGES; i++) {
		unsigned j = (unsigned)RANDOM % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (unsigned i = 0; i < PAGES; i++) {
		map_page(space->asid, buffer, order[i] * PAGE, space->base + i * PAGE);
		cr_assert(ne(ptr,
			     mmap(space->view + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, fd, (off_t)(order[i] * PAGE)),
			     MAP_FAILED));
	}
	close(fd);
	return buffer;
}

static void bind_self(void)
{
	struct accel_asid_create arg = {.size = sizeof(arg)};
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (!(soft_info(soft_device).flags & ACCEL_DEVICE_SVA))
		return;
	cr_assert(zero(int, accel_asid_create_sva(soft_context, &arg, mem, maps)));
	cr_assert(zero(int, soft_attach(soft_context, queue.id, arg.id)));
	sva = arg.id;
}

static void fill_randomly(char *memory, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memory[i] = (char)rand();
}

static void init_role(unsigned role)
{
	struct space *own = &spaces[role][SVA];

	/* The operands of a command share ASIDs or not. */
	spaces[role][MAPPED].asid = asids[role % 2];
	spaces[role][MAPPED].base = IOVA(role);
	buffers[role] = scatter(&spaces[role][MAPPED]);
	own->asid = sva;
	own->view = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	cr_assert(ne(ptr, own->view, MAP_FAILED));
	own->base = (uintptr_t)own->view;
	for (unsigned kind = 0; kind < KINDS; kind++)
		fill_randomly(spaces[role][kind].view, BYTES);
}

static void init(void)
{
	srand(1);
	soft_init();
	user_queue_init(&queue, soft_context, 16);
	bind_self();
	for (int i = 0; i < 2; i++) {
		asids[i] = soft_asid(soft_context, 0);
		cr_assert(zero(int, soft_attach(soft_context, queue.id, asids[i])));
	}
	for (unsigned role = 0; role < ROLES; role++)
		init_role(role);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		expected[kind] = malloc(BYTES);
		memcpy(expected[kind], spaces[DST][kind].view, BYTES);
	}
}

static void finish(void)
{
	user_queue_finish(&queue);
	for (unsigned role = 0; role < ROLES; role++)
		for (unsigned kind = 0; kind < KINDS; kind++)
			munmap(spaces[role][kind].view, BYTES);
	for (unsigned kind = 0; kind < KINDS; kind++)
		free(expected[kind]);
	soft_finish();
}

TestSuite(soft_ops, .init = init, .fini = finish);

/* ---- trials ------------------------------------------------------------------------ */

static unsigned random_kind(void)
{
	return sva ? (unsigned)RANDOM % KINDS : MAPPED;
}

/* Mostly short, sometimes across pages or chunks. */
static uint64_t random_length(uint64_t align)
{
	static const uint64_t most[] = {70, 70, 4 * PAGE, BYTES};
	uint64_t length = RANDOM % most[RANDOM % 4] + 1;

	return (length + align - 1) / align * align;
}

static uint64_t random_offset(uint64_t length, uint64_t align)
{
	return RANDOM % ((BYTES - length) / align + 1) * align;
}

/* A random place for @length bytes of one operand. */
struct place {
	unsigned kind;
	uint64_t offset;
	uint32_t asid;
	uint64_t address;
	char *view;
};

static struct place choose(unsigned role, uint64_t length, uint64_t align)
{
	unsigned kind = random_kind();
	const struct space *space = &spaces[role][kind];
	uint64_t offset = random_offset(length, align);

	return (struct place){
		.kind = kind,
		.offset = offset,
		.asid = space->asid,
		.address = space->base + offset,
		.view = space->view + offset,
	};
}

static void *expected_at(const struct place *place)
{
	return expected[place->kind] + place->offset;
}

static struct accel_command command_of(enum accel_op op, const struct place *dst,
				       const struct place *src, const struct place *src2)
{
	struct accel_command command = {
		.op = (uint16_t)op,
		.dst_asid = dst->asid,
		.dst = dst->address,
	};

	if (src) {
		command.src_asid = src->asid;
		command.src = src->address;
	}
	if (src2) {
		command.src2_asid = src2->asid;
		command.src2 = src2->address;
	}
	return command;
}

static void run(const struct accel_command *command)
{
	int r = user_queue_run(&queue, command);
	const struct accel_fault *fault = &queue.producer.ring->fault;

	cr_assert(zero(int, r), "reason %u, address %#llx, ASID %u", fault->reason,
		  (unsigned long long)fault->address, fault->asid);
}

/* Exactly the expected bytes have changed. */
static void expect_result(unsigned kind)
{
	cr_assert(zero(int, memcmp(expected[kind], spaces[DST][kind].view, BYTES)));
}

/* ---- operations -------------------------------------------------------------------- */

Test(soft_ops, nop)
{
	const struct accel_command nop = {.op = ACCEL_OP_NOP};

	for (unsigned i = 0; i < TRIALS; i++)
		run(&nop);
	cr_expect(eq(u64, ring_completed(queue.producer.ring), TRIALS));
}

Test(soft_ops, copy)
{
	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t length = random_length(1);
		struct place dst = choose(DST, length, 1), src = choose(SRC, length, 1);
		struct accel_command command =
			command_of(ACCEL_OP_COPY, &dst, &src, NULL);

		command.length = length;
		memcpy(expected_at(&dst), src.view, length);
		run(&command);
		expect_result(dst.kind);
	}
}

Test(soft_ops, fill)
{
	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t length = random_length(1);
		struct place dst = choose(DST, length, 1);
		struct accel_command command =
			command_of(ACCEL_OP_FILL, &dst, NULL, NULL);
		char *want = expected_at(&dst);

		command.length = length;
		fill_randomly((char *)&command.value, sizeof(command.value));
		for (uint64_t k = 0; k < length; k++)
			want[k] = ((char *)&command.value)[k % 8];
		run(&command);
		expect_result(dst.kind);
	}
}

Test(soft_ops, compare)
{
	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t length = random_length(1), want = ACCEL_EQUAL;
		struct place dst = choose(DST, 8, 8);
		struct place src = choose(SRC, length, 1), src2 = choose(SRC2, length, 1);
		struct accel_command command =
			command_of(ACCEL_OP_COMPARE, &dst, &src, &src2);

		memcpy(src2.view, src.view, length);
		if (i % 3) {
			want = RANDOM % length;
			src2.view[want] ^= 0x40;
			src2.view[want + RANDOM % (length - want)] ^= 0x80;
		}
		command.length = length;
		memcpy(expected_at(&dst), &want, sizeof(want));
		run(&command);
		expect_result(dst.kind);
	}
}

static uint32_t crc32c(uint32_t crc, const char *data, uint64_t length)
{
	crc = ~crc;
	for (uint64_t i = 0; i < length; i++) {
		crc ^= (uint8_t)data[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

Test(soft_ops, crc32c)
{
	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t length = random_length(1);
		struct place dst = choose(DST, 4, 4), src = choose(SRC, length, 1);
		struct accel_command command =
			command_of(ACCEL_OP_CRC32C, &dst, &src, NULL);
		uint32_t want;

		command.length = length;
		command.value = i % 2 ? (uint32_t)RANDOM : 0;
		want = crc32c((uint32_t)command.value, src.view, length);
		memcpy(expected_at(&dst), &want, sizeof(want));
		run(&command);
		expect_result(dst.kind);
	}
}

/* RFC 3720, B.4, and the well known check value. */
Test(soft_ops, crc32c_of_the_standard)
{
	struct place dst = choose(DST, 4, 4), src = choose(SRC, 64, 1);
	struct accel_command command = command_of(ACCEL_OP_CRC32C, &dst, &src, NULL);
	const uint32_t *result = (void *)dst.view;

	command.length = 32;
	memset(src.view, 0, 32);
	run(&command);
	cr_expect(eq(u32, *result, 0x8a9136aa));
	memset(src.view, 0xff, 32);
	run(&command);
	cr_expect(eq(u32, *result, 0x62a8ab43));
	for (int i = 0; i < 32; i++)
		src.view[i] = (char)i;
	run(&command);
	cr_expect(eq(u32, *result, 0x46dd794e));
	memcpy(src.view, "123456789", 9);
	command.length = 9;
	run(&command);
	cr_expect(eq(u32, *result, 0xe3069283));
	/* The same input in two parts. */
	command.length = 4;
	run(&command);
	command.value = *result;
	command.src += 4;
	command.length = 5;
	run(&command);
	cr_expect(eq(u32, *result, 0xe3069283));
}

Test(soft_ops, xor)
{
	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t length = random_length(1);
		struct place dst = choose(DST, length, 1);
		struct place src = choose(SRC, length, 1), src2 = choose(SRC2, length, 1);
		struct accel_command command =
			command_of(ACCEL_OP_XOR, &dst, &src, &src2);
		char *want = expected_at(&dst);

		command.length = length;
		for (uint64_t k = 0; k < length; k++)
			want[k] = (char)(src.view[k] ^ src2.view[k]);
		run(&command);
		expect_result(dst.kind);
	}
}

/* Small whole numbers: sums and products are exact in any order of evaluation. */
static void fill_with_numbers(char *memory, uint64_t bytes)
{
	float *to = (void *)memory;

	for (uint64_t i = 0; i < bytes / sizeof(*to); i++)
		to[i] = (float)((int)(RANDOM % 17) - 8);
}

Test(soft_ops, vadd)
{
	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t length = random_length(4);
		struct place dst = choose(DST, length, 4);
		struct place src = choose(SRC, length, 4), src2 = choose(SRC2, length, 4);
		struct accel_command command =
			command_of(ACCEL_OP_VADD, &dst, &src, &src2);
		const float *a = (void *)src.view, *b = (void *)src2.view;
		float *want = expected_at(&dst);

		command.length = length;
		fill_with_numbers(src.view, length);
		fill_with_numbers(src2.view, length);
		for (uint64_t k = 0; k < length / 4; k++)
			want[k] = a[k] + b[k];
		run(&command);
		expect_result(dst.kind);
	}
}

static void multiply(float *to, const float *a, const float *b, unsigned rows,
		     unsigned columns, unsigned inner)
{
	for (unsigned i = 0; i < rows; i++)
		for (unsigned j = 0; j < columns; j++) {
			float sum = 0;

			for (unsigned k = 0; k < inner; k++)
				sum += a[i * inner + k] * b[k * columns + j];
			to[i * columns + j] = sum;
		}
}

static void try_matmul(unsigned rows, unsigned columns, unsigned inner)
{
	struct place dst = choose(DST, rows * columns * 4, 4);
	struct place src = choose(SRC, rows * inner * 4, 4);
	struct place src2 = choose(SRC2, inner * columns * 4, 4);
	struct accel_command command = command_of(ACCEL_OP_MATMUL, &dst, &src, &src2);

	command.rows = (uint16_t)rows;
	command.columns = (uint16_t)columns;
	command.inner = (uint16_t)inner;
	fill_with_numbers(src.view, rows * inner * 4);
	fill_with_numbers(src2.view, inner * columns * 4);
	multiply(expected_at(&dst), (void *)src.view, (void *)src2.view, rows, columns,
		 inner);
	run(&command);
	expect_result(dst.kind);
}

Test(soft_ops, matmul)
{
	for (unsigned i = 0; i < TRIALS; i++)
		try_matmul((unsigned)RANDOM % 40 + 1, (unsigned)RANDOM % 40 + 1,
			   (unsigned)RANDOM % 40 + 1);
	try_matmul(ACCEL_MAX_MATRIX, 3, 200);
	try_matmul(3, ACCEL_MAX_MATRIX, 200);
	try_matmul(70, 301, ACCEL_MAX_MATRIX);
	try_matmul(1, 1, 1);
}

/* ---- operands in the same memory --------------------------------------------------- */

Test(soft_ops, result_may_replace_an_operand)
{
	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t length = random_length(4);
		struct place dst = choose(DST, length, 4), src2 = choose(SRC2, length, 4);
		struct accel_command command =
			command_of(ACCEL_OP_XOR, &dst, &dst, &src2);
		char *want = expected_at(&dst);

		command.length = length;
		for (uint64_t k = 0; k < length; k++)
			want[k] = (char)(want[k] ^ src2.view[k]);
		run(&command);
		expect_result(dst.kind);
		/* A difference with itself is zero. */
		command.src2_asid = dst.asid;
		command.src2 = dst.address;
		memset(expected_at(&dst), 0, length);
		run(&command);
		expect_result(dst.kind);
	}
}

/* Maps the buffer of the results contiguously, into the other ASID. */
static char *map_window(uint64_t *ret_base)
{
	struct accel_asid_map map = {
		.size = sizeof(map),
		.flags = RW,
		.asid = asids[1],
		.buffer = buffers[DST],
		.length = BYTES,
	};
	int fd = soft_fd(soft_context, buffers[DST], O_RDWR);
	char *view = soft_view(fd, BYTES);

	close(fd);
	cr_assert(zero(int, accel_asid_map(soft_context, &map)));
	*ret_base = map.iova;
	return view;
}

/* An operation through two windows of one page works on the same bytes. */
Test(soft_ops, windows_of_one_page)
{
	uint64_t base, page = 0, length = 2048;
	char *window = map_window(&base), *view = spaces[DST][MAPPED].view;
	struct place dst = {
		.asid = asids[0], .address = spaces[DST][MAPPED].base, .view = view};
	struct place other = {.asid = asids[1]};
	struct accel_command command;

	memset(view, 0x5a, length);
	while (memcmp(window + page * PAGE, view, length))
		page++;
	other.address = base + page * PAGE;
	command = command_of(ACCEL_OP_VADD, &other, &dst, &dst);
	command.length = length;
	fill_with_numbers(view, length);
	memcpy(expected[MAPPED], view, length);
	for (uint64_t i = 0; i < length / 4; i++)
		((float *)(void *)expected[MAPPED])[i] *= 2;
	run(&command);
	expect_result(MAPPED);
	/* A copy onto itself is refused where it shows, and harmless where it does not.
	 */
	command = command_of(ACCEL_OP_COPY, &other, &dst, NULL);
	command.length = length;
	run(&command);
	expect_result(MAPPED);
	command.dst += 13;
	run(&command);
	memcpy(expected[MAPPED] + 13, view + 13, length);
	expect_result(MAPPED);
	munmap(window, BYTES);
}

/* ---- dma-bufs ---------------------------------------------------------------------- */

/* Makes the buffers of all operands look like dma-bufs to the core. */
static void pretend_dmabufs(void)
{
	for (unsigned role = 0; role < ROLES; role++) {
		struct accel_base *base =
			accel_context_get(soft_context, ACCEL_TYPE_BUFFER, buffers[role]);

		((struct accel_buffer *)base)->flags |= ACCEL_BUFFER_DMABUF;
		accel_base_unref(base);
	}
}

Test(soft_ops, operands_in_dmabufs)
{
	pretend_dmabufs();
	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t length = random_length(1);
		struct place dst = choose(DST, length, 1);
		struct place src = choose(SRC, length, 1), src2 = choose(SRC2, length, 1);
		struct accel_command command =
			command_of(ACCEL_OP_XOR, &dst, &src, &src2);
		char *want = expected_at(&dst);

		command.length = length;
		for (uint64_t k = 0; k < length; k++)
			want[k] = (char)(src.view[k] ^ src2.view[k]);
		run(&command);
		expect_result(dst.kind);
	}
	try_matmul(30, 40, 50);
}

/* ---- a completion word ------------------------------------------------------------- */

static atomic_bool stop;

/* Returns the first value that is neither of the two, or 0. */
static void *watch(void *arg)
{
	const uint64_t *word = arg;

	while (!stop) {
		uint64_t now = __atomic_load_n(word, __ATOMIC_RELAXED);

		if (now != UINT64_C(0x1111111111111111) && now != UINT64_MAX)
			return (void *)(uintptr_t)now;
	}
	return NULL;
}

Test(soft_ops, fill_of_a_word_is_one_store)
{
	struct place dst = {.asid = asids[0], .address = IOVA(DST) + 8};
	struct accel_command command = command_of(ACCEL_OP_FILL, &dst, NULL, NULL);
	uint64_t *word = (uint64_t *)(void *)spaces[DST][MAPPED].view + 1;
	pthread_t thread;
	void *torn;

	command.length = 8;
	*word = UINT64_MAX;
	cr_assert(zero(int, pthread_create(&thread, NULL, watch, word)));
	for (int i = 0; i < 20000; i++) {
		command.value = i % 2 ? UINT64_C(0x1111111111111111) : UINT64_MAX;
		run(&command);
		cr_assert(eq(u64, *word, command.value));
	}
	stop = true;
	pthread_join(thread, &torn);
	cr_expect(zero(ptr, torn));
}
