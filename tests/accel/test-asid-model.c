/* SPDX-License-Identifier: MIT */
/*
 * test-asid-model.c - two page tables against arrays of pages, many random operations
 *
 * A failure reports the seed and the shortest failing sequence of operations found;
 * ACCEL_SEED=N repeats a run. Operations do not depend on earlier ones, so any of them
 * can be left out.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "asid-fixture.h"
#include "asid.h"
#include "buffer.h"
#include "context.h"
#include "util.h"

#define STEPS     1000000
#define CHECK_ALL 64 /* steps between two checks of every page */

/* The aperture: the highest pages of the address space, so that ranges can wrap. */
#define PAGES  1024
#define ORIGIN (UINT64_MAX - PAGES * PAGE + 1)

#define N_ASIDS   2
#define N_BUFFERS 3

enum kind { MAP, UNMAP, COPY, CLEAR };

/* Places are page numbers in the aperture; a few lie outside. */
struct op {
	enum kind kind;
	uint32_t flags;
	uint8_t asid, source; /* N_ASIDS: no such ASID */
	uint8_t buffer;       /* N_BUFFERS: no such buffer */
	uint8_t skew;         /* of one argument, see skewed() */
	uint32_t place, from, length;
};

struct page {
	uint32_t mapping; /* 0: none; else the number of its mapping, counted from 1 */
	uint32_t offset;  /* into the buffer, in pages */
	uint32_t access;
	uint8_t buffer;
};

struct model {
	struct page pages[PAGES];
	uint64_t mappings, mapped;
};

static const struct {
	uint64_t pages;
	int access;
} buffers[N_BUFFERS] = {{64, O_RDWR}, {20, O_RDONLY}, {3, O_RDWR}};

static const struct {
	uint32_t first, last;
} reserved[] = {{0, 0}, {100, 119}, {500, 500}, {1020, 1023}};

static struct model models[N_ASIDS];
static uint32_t mapping_serial;
static struct accel_asid *asids[N_ASIDS];
static uint32_t asid_ids[N_ASIDS + 1], buffer_ids[N_BUFFERS + 1];
static char *memories[N_BUFFERS];
static uint64_t seed, state;

/* xorshift64*: the same sequence on every machine. */
static uint32_t below(uint32_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)(state * UINT64_C(0x2545F4914F6CDD1D) >> 40) % n;
}

/* ---- arguments of the calls -------------------------------------------------------- */

/* Sometimes an argument is not a multiple of the page size. */
static uint64_t skewed(const struct op *op, uint8_t which, uint64_t value)
{
	return op->skew == which ? value + 512 : value;
}

static uint64_t iova_of(const struct op *op)
{
	bool given = op->flags & ACCEL_MAP_FIXED || op->kind == UNMAP;

	return given ? skewed(op, 1, ORIGIN + op->place * PAGE) : 0;
}

static uint64_t length_of(const struct op *op)
{
	return skewed(op, 2, op->length * PAGE);
}

static uint64_t from_of(const struct op *op)
{
	uint64_t origin = op->kind == COPY ? ORIGIN : 0;

	return skewed(op, 3, origin + op->from * PAGE);
}

/* ---- the model --------------------------------------------------------------------- */

static bool is_reserved(uint32_t page)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (page >= reserved[i].first && page <= reserved[i].last)
			return true;
	return false;
}

static bool are_pages(uint64_t value)
{
	return value % PAGE == 0;
}

/* Whether the range exceeds the end of the address space. */
static bool wraps(uint64_t first, uint64_t length)
{
	return first != 0 && length > -first;
}

static int model_check(const struct op *op)
{
	uint64_t iova = iova_of(op), length = length_of(op), from = from_of(op);

	if (op->asid == N_ASIDS || (op->kind == COPY && op->source == N_ASIDS) ||
	    (op->kind == MAP && op->buffer == N_BUFFERS))
		return -ENOENT;
	if (!length || !are_pages(iova) || !are_pages(length) || !are_pages(from) ||
	    !(op->flags & RW))
		return -EINVAL;
	if (wraps(iova, length) || wraps(from, length))
		return -EOVERFLOW;
	return 0;
}

static int model_check_place(const struct op *op)
{
	if (!(op->flags & ACCEL_MAP_FIXED))
		return 0;
	for (uint32_t i = op->place; i < op->place + op->length; i++)
		if (i >= PAGES || is_reserved(i))
			return -EINVAL;
	return 0;
}

static bool model_is_free(const struct model *model, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		if (i >= PAGES || is_reserved(i) || model->pages[i].mapping)
			return false;
	return true;
}

/* Chooses where it is mapped: 0 and *ret_place, or an error. */
static int model_place(const struct model *model, const struct op *op,
		       uint32_t *ret_place)
{
	if (op->flags & ACCEL_MAP_FIXED) {
		*ret_place = op->place;
		return model_is_free(model, op->place, op->length) ? 0 : -EEXIST;
	}
	for (uint32_t i = 0; i < PAGES; i++) {
		uint64_t iova = ORIGIN + i * PAGE, length = length_of(op);

		if (iova % (length & -length))
			continue;
		if (model_is_free(model, i, op->length)) {
			*ret_place = i;
			return 0;
		}
	}
	return -ENOSPC;
}

static int model_map(const struct op *op, uint32_t *ret_place)
{
	struct model *model = &models[op->asid];
	int r = 0;

	if (op->flags & ACCEL_MAP_WRITE && buffers[op->buffer].access == O_RDONLY)
		return -EPERM;
	if (op->from + op->length > buffers[op->buffer].pages)
		return -EINVAL;
	r = model_check_place(op);
	if (r == 0)
		r = model_place(model, op, ret_place);
	if (r < 0)
		return r;
	mapping_serial++;
	for (uint32_t i = 0; i < op->length; i++)
		model->pages[*ret_place + i] = (struct page){
			.mapping = mapping_serial,
			.offset = op->from + i,
			.access = op->flags & RW,
			.buffer = op->buffer,
		};
	model->mappings++;
	model->mapped += op->length * PAGE;
	return 0;
}

/* Checks that all source pages are mapped and allow it; returns them in address order. */
static int model_check_source(const struct op *op, struct page *ret_pages)
{
	const struct model *source = &models[op->source];

	for (uint32_t i = op->from; i < op->from + op->length; i++) {
		if (i >= PAGES || !source->pages[i].mapping)
			return -ENOENT;
		if (op->flags & RW & ~source->pages[i].access)
			return -EPERM;
		ret_pages[i - op->from] = source->pages[i];
	}
	return 0;
}

static int model_copy(const struct op *op, uint32_t *ret_place)
{
	struct model *model = &models[op->asid];
	struct page pages[PAGES];
	uint32_t last = 0;
	int r = model_check_place(op);

	if (r == 0)
		r = model_check_source(op, pages);
	if (r == 0)
		r = model_place(model, op, ret_place);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < op->length; i++) {
		if (pages[i].mapping != last) {
			last = pages[i].mapping;
			mapping_serial++;
			model->mappings++;
		}
		pages[i].mapping = mapping_serial;
		pages[i].access = op->flags & RW;
		model->pages[*ret_place + i] = pages[i];
	}
	model->mapped += op->length * PAGE;
	return 0;
}

static bool is_cut(const struct model *model, uint32_t before)
{
	return before > 0 && before < PAGES && model->pages[before].mapping &&
	       model->pages[before].mapping == model->pages[before - 1].mapping;
}

/* Returns bytes, or -errno. */
static int64_t model_unmap(struct model *model, uint32_t first, uint32_t n)
{
	uint64_t before = model->mapped;
	uint32_t last = 0, end = MIN(first + n, (uint32_t)PAGES);

	if (is_cut(model, first) || is_cut(model, end))
		return -ENOENT;
	for (uint32_t i = first; i < end; i++) {
		if (!model->pages[i].mapping)
			continue;
		model->mappings -= model->pages[i].mapping != last;
		model->mapped -= PAGE;
		last = model->pages[i].mapping;
		model->pages[i] = (struct page){0};
	}
	return before == model->mapped ? -ENOENT : (int64_t)(before - model->mapped);
}

/* ---- each operation on the core and on the model ----------------------------------- */

static bool same_place(const struct op *op, int r, int expected, uint64_t iova,
		       uint32_t place)
{
	if (r != expected)
		return false;
	return iova == (r < 0 ? iova_of(op) : ORIGIN + place * PAGE);
}

static bool do_map(const struct op *op)
{
	struct accel_asid_map arg = {
		.size = sizeof(arg),
		.flags = op->flags,
		.asid = asid_ids[op->asid],
		.buffer = buffer_ids[op->buffer],
		.offset = from_of(op),
		.length = length_of(op),
		.iova = iova_of(op),
	};
	uint32_t place = 0;
	int expected = model_check(op), r = accel_asid_map(context, &arg);

	if (expected == 0)
		expected = model_map(op, &place);
	return same_place(op, r, expected, arg.iova, place);
}

static bool do_copy(const struct op *op)
{
	struct accel_asid_copy arg = {
		.size = sizeof(arg),
		.flags = op->flags,
		.dst_asid = asid_ids[op->asid],
		.src_asid = asid_ids[op->source],
		.src_iova = from_of(op),
		.length = length_of(op),
		.dst_iova = iova_of(op),
	};
	uint32_t place = 0;
	int expected = model_check(op), r = accel_asid_copy(context, &arg);

	if (expected == 0)
		expected = model_copy(op, &place);
	return same_place(op, r, expected, arg.dst_iova, place);
}

static int64_t model_unmap_op(const struct op *op)
{
	uint64_t iova = iova_of(op), length = length_of(op);

	if (op->asid == N_ASIDS)
		return -ENOENT;
	if (op->kind == CLEAR) {
		int64_t bytes = model_unmap(&models[op->asid], 0, PAGES);

		return bytes < 0 ? 0 : bytes;
	}
	if (!op->length || !are_pages(iova) || !are_pages(length))
		return -EINVAL;
	if (wraps(iova, length))
		return -EOVERFLOW;
	if (op->place >= PAGES)
		return -ENOENT;
	return model_unmap(&models[op->asid], op->place, op->length);
}

static bool do_unmap(const struct op *op)
{
	bool all = op->kind == CLEAR;
	struct accel_asid_unmap arg = {
		.size = sizeof(arg),
		.asid = asid_ids[op->asid],
		.iova = all ? 0 : iova_of(op),
		.length = all ? UINT64_MAX : length_of(op),
	};
	uint64_t length = arg.length;
	int64_t expected = model_unmap_op(op);
	int r = accel_asid_unmap(context, &arg);

	return r < 0 ? r == expected && arg.length == length
		     : (int64_t)arg.length == expected;
}

/* ---- checks after each operation --------------------------------------------------- */

static bool page_is_right(size_t i, uint32_t place)
{
	const struct page *page = &models[i].pages[place];
	struct accel_window window;
	int expected = page->mapping ? 0 : -EFAULT;

	for (uint32_t access = ACCEL_MAP_READ; access <= RW; access++) {
		int r = resolve(asids[i], ORIGIN + place * PAGE, PAGE, access, &window);

		if (r != (page->mapping && access & ~page->access ? -EACCES : expected))
			return false;
		if (r == 0 &&
		    (window.memory != memories[page->buffer] + page->offset * PAGE ||
		     window.length != PAGE))
			return false;
	}
	return true;
}

static bool all_is_right(bool every_page)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < N_ASIDS; i++) {
		if (asids[i]->mappings.n != models[i].mappings ||
		    asids[i]->mapped != models[i].mapped)
			return false;
		sum += models[i].mappings;
		for (uint32_t page = 0; every_page && page < PAGES; page++)
			if (!page_is_right(i, page))
				return false;
	}
	return owner_charged[ACCEL_RES_MAPPINGS] == sum;
}

static bool apply(const struct op *op, bool every_page)
{
	bool right;

	if (op->kind == MAP)
		right = do_map(op);
	else if (op->kind == COPY)
		right = do_copy(op);
	else
		right = do_unmap(op);
	return right && all_is_right(every_page);
}

/*
 * Runs from empty page tables; returns the number of operations up to the failure, or 0.
 */
static size_t run(const struct op *ops, size_t n, size_t interval)
{
	for (size_t i = 0; i < N_ASIDS; i++)
		accel_asid_clear(asids[i]);
	memset(models, 0, sizeof(models));
	for (size_t i = 0; i < n; i++)
		if (!apply(&ops[i], (i + 1) % interval == 0 || i + 1 == n))
			return i + 1;
	return 0;
}

/* ---- generating and shortening sequences ------------------------------------------- */

static uint32_t random_length(void)
{
	if (below(200) == 0)
		return 0;
	return below(8) ? 1 + below(3) : 1 + below(70);
}

static struct op random_op(void)
{
	static const enum kind kinds[] = {MAP, MAP, MAP, COPY, COPY, UNMAP, UNMAP, UNMAP};
	struct op op = {
		.kind = below(3000) ? kinds[below(ARRAY_SIZE(kinds))] : CLEAR,
		.flags = below(50) ? 1 + below(3) : 0,
		.asid = (uint8_t)(below(300) ? below(N_ASIDS) : N_ASIDS),
		.source = (uint8_t)(below(300) ? below(N_ASIDS) : N_ASIDS),
		.buffer = (uint8_t)(below(300) ? below(N_BUFFERS) : N_BUFFERS),
		.skew = (uint8_t)(below(50) ? 0 : below(4)),
		.place = below(PAGES + 4),
		.length = random_length(),
	};

	if (below(3))
		op.flags |= ACCEL_MAP_FIXED;
	op.from = op.kind == MAP ? below(8) * below(4) : below(PAGES + 4);
	return op;
}

/*
 * Leaves out as many operations as it can while the sequence still fails: large pieces
 * first, single operations last. Returns how many remain.
 */
static size_t shorten(struct op *ops, size_t n)
{
	struct op *fewer = malloc(n * sizeof(*ops));
	size_t piece = n;

	cr_assert(ne(ptr, fewer, NULL));
	while (piece > 0) {
		bool shorter = false;

		for (size_t at = 0; at + piece <= n;) {
			size_t failed;

			memcpy(fewer, ops, at * sizeof(*ops));
			memcpy(fewer + at, ops + at + piece,
			       (n - at - piece) * sizeof(*ops));
			failed = run(fewer, n - piece, 1);
			if (failed) {
				n = failed;
				memcpy(ops, fewer, n * sizeof(*ops));
				shorter = true;
			} else {
				at += piece;
			}
		}
		if (!shorter || piece > 1)
			piece /= 2;
	}
	free(fewer);
	return n;
}

static void print_ops(const struct op *ops, size_t n)
{
	static const char *const names[] = {"map", "unmap", "copy", "clear"};

	for (size_t i = 0; i < n; i++)
		fprintf(stderr,
			"  %s asid %u flags %x place %u length %u from %u source %u "
			"buffer %u "
			"skew %u\n",
			names[ops[i].kind], ops[i].asid, ops[i].flags, ops[i].place,
			ops[i].length, ops[i].from, ops[i].source, ops[i].buffer,
			ops[i].skew);
}

static void fail_with(struct op *ops, size_t n)
{
	size_t failed = run(ops, n, 1);

	fprintf(stderr, "ACCEL_SEED=%lu fails at step %zu\n", (unsigned long)seed, n);
	/* If no step fails here, more than the operations matters: report all of them.
	 */
	if (failed) {
		n = shorten(ops, failed);
		print_ops(ops, n);
	}
	cr_fail("ACCEL_SEED=%lu: %zu operations", (unsigned long)seed, n);
}

static void run_seed(uint64_t otherwise)
{
	const char *given = getenv("ACCEL_SEED");
	struct op *ops = malloc(STEPS * sizeof(*ops));
	size_t failed;

	cr_assert(ne(ptr, ops, NULL));
	seed = given ? strtoull(given, NULL, 10) : otherwise;
	state = seed ? seed : 1;
	/* Printed before the run: the process may not survive a failure. */
	fprintf(stderr, "asid_model: ACCEL_SEED=%lu\n", (unsigned long)seed);
	for (size_t i = 0; i < STEPS; i++)
		ops[i] = random_op();
	failed = run(ops, STEPS, CHECK_ALL);
	if (failed)
		fail_with(ops, failed);
	free(ops);
}

/* ---- the tests --------------------------------------------------------------------- */

static void init_properties(void)
{
	fake_properties.aperture = (struct accel_range){ORIGIN, UINT64_MAX};
	fake_properties.n_reserved = ARRAY_SIZE(reserved);
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		fake_properties.reserved[i].first = ORIGIN + reserved[i].first * PAGE;
		fake_properties.reserved[i].last =
			ORIGIN + reserved[i].last * PAGE + PAGE - 1;
	}
}

static char *memory_of(uint32_t id)
{
	struct accel_base *base = accel_context_get(context, ACCEL_TYPE_BUFFER, id);

	accel_base_unref(base);
	return ((struct accel_buffer *)base)->memory;
}

static void init(void)
{
	int fd;

	init_properties();
	asid_fixture_init();
	for (size_t i = 0; i < N_ASIDS; i++) {
		asid_ids[i] = new_asid(context, 0);
		cr_assert(zero(int, accel_asid_share(context, asid_ids[i], &asids[i])));
	}
	/* Sealed, so that the core need not query their size each time. */
	for (size_t i = 0; i < N_BUFFERS; i++) {
		if (buffers[i].access == O_RDWR) {
			buffer_ids[i] = new_buffer(context, buffers[i].pages * PAGE,
						   ACCEL_BUFFER_PINNED);
		} else {
			buffer_ids[i] =
				import_memfd(buffers[i].pages * PAGE, O_RDONLY, &fd);
			close(fd);
		}
		memories[i] = memory_of(buffer_ids[i]);
	}
}

static void finish(void)
{
	for (size_t i = 0; i < N_ASIDS; i++)
		accel_asid_unref(asids[i]);
	asid_fixture_finish();
}

TestSuite(asid_model, .init = init, .fini = finish);

Test(asid_model, fixed_seed)
{
	run_seed(1);
}

Test(asid_model, new_seed)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	run_seed((uint64_t)now.tv_nsec);
}
