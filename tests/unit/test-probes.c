/* SPDX-License-Identifier: MIT */
/* test-probes.c - the UUIDs that tests/timing looks up */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <sodium.h>
#include <string.h>
#include <uuid.h>

#include "../timing/probes.h"

#define N_NAMES 200

static uint8_t names[N_NAMES][16];
static struct probes probes;

static void start(unsigned bits, enum side side)
{
	const struct contrast contrast = {bits, side};

	cr_assert(ge(int, sodium_init(), 0));
	for (size_t i = 0; i < N_NAMES; i++)
		do
			uuid_generate_random(names[i]);
		while (!contrast_admits(&contrast, names[i], true));
	cr_assert(zero(int, probes_init(&probes, &contrast, (const uint8_t(*)[16])names,
					N_NAMES)));
}

static void finish(void)
{
	probes_finish(&probes);
}

TestSuite(probes, .fini = finish);

static bool shares(const uint8_t a[16], const uint8_t b[16])
{
	unsigned bytes = probes.contrast.bits / 8;
	unsigned from = probes.contrast.side == SIDE_LEADING ? 0 : 16 - bytes;

	return memcmp(a + from, b + from, bytes) == 0;
}

/* Whether @probe shares its bits with one of these models. */
static bool shares_with_any(const uint8_t (*models)[16], const struct probe *probe)
{
	for (size_t i = 0; i < N_NAMES; i++)
		if (shares(models[i], probe->uuid))
			return true;
	return false;
}

static bool exists(const struct probe *probe)
{
	for (size_t i = 0; i < N_NAMES; i++)
		if (memcmp(names[i], probe->uuid, 16) == 0)
			return true;
	return false;
}

static void check_draws(bool exists_as_name)
{
	for (size_t i = 0; i < 1000; i++) {
		struct probe name, decoy;

		/* The names themselves are few. */
		if (i == 100 && exists_as_name)
			break;
		probes_draw(&probes, CLASS_NAME, &name);
		probes_draw(&probes, CLASS_DECOY, &decoy);
		cr_assert(shares_with_any((const uint8_t(*)[16])names, &name));
		cr_assert(shares_with_any((const uint8_t(*)[16])probes.decoys, &decoy));
		cr_assert(not(shares_with_any((const uint8_t(*)[16])names, &decoy)));
		cr_assert(eq(int, exists(&name), exists_as_name));
		cr_assert(not(exists(&decoy)));
	}
}

Test(probes, share_bits_with_names_or_decoys)
{
	static const unsigned bits[] = {8, 64, 120, UUID_BITS};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(bits); i++) {
		start(bits[i / 2], i % 2 ? SIDE_TRAILING : SIDE_LEADING);
		check_draws(bits[i / 2] == UUID_BITS);
		probes_finish(&probes);
	}
}

Test(probes, sharing_none_are_alike)
{
	struct probe name, decoy;

	start(0, SIDE_LEADING);
	probes_draw(&probes, CLASS_NAME, &name);
	probes_draw(&probes, CLASS_DECOY, &decoy);
	cr_assert(not(exists(&name)));
	cr_assert(not(exists(&decoy)));
	cr_assert(eq(sz, probes_room(&probes), SIZE_MAX));
}

Test(probes, text_is_a_name)
{
	struct probe probe;
	uint8_t uuid[16];

	start(64, SIDE_TRAILING);
	probes_draw(&probes, CLASS_NAME, &probe);
	cr_assert(eq(sz, strlen(probe.text), 36));
	cr_assert(zero(int, uuid_parse(probe.text, uuid)));
	cr_assert(zero(int, memcmp(uuid, probe.uuid, 16)));
	cr_assert(eq(int, uuid_type(uuid), UUID_TYPE_DCE_RANDOM));
	cr_assert(eq(int, uuid_variant(uuid), UUID_VARIANT_DCE));
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* Draws as many of each class as there is room for; none may come twice. */
static void check_all_fresh(void)
{
	size_t n = probes_room(&probes);
	uint8_t(*drawn)[16] = calloc(n, 16);

	for (size_t i = 0; i < n; i++) {
		struct probe probe;

		probes_draw(&probes, probes_draw_class(), &probe);
		memcpy(drawn[i], probe.uuid, 16);
	}
	qsort(drawn, n, 16, compare);
	for (size_t i = 1; i < n; i++)
		cr_assert(ne(int, compare(drawn[i - 1], drawn[i]), 0));
	free(drawn);
}

Test(probes, none_comes_twice)
{
	start(120, SIDE_LEADING);
	cr_assert(eq(sz, probes_room(&probes), N_NAMES * 256 * 3 / 2));
	check_all_fresh();
	probes_finish(&probes);
	start(120, SIDE_TRAILING);
	check_all_fresh();
	probes_finish(&probes);
	start(UUID_BITS, SIDE_LEADING);
	cr_assert(eq(sz, probes_room(&probes), N_NAMES * 3 / 2));
	check_all_fresh();
}

/* What parses the text must not differ: each digit is as frequent in both halves. */
Test(probes, halves_have_the_same_digits)
{
	const struct contrast contrast = {8, SIDE_TRAILING};
	int n[2][2][16] = {0};

	for (int byte = 0; byte < 256; byte++) {
		uint8_t uuid[16] = {[15] = (uint8_t)byte};
		bool name = contrast_admits(&contrast, uuid, true);

		cr_assert(ne(int, name, contrast_admits(&contrast, uuid, false)));
		n[name][0][byte / 16]++;
		n[name][1][byte % 16]++;
	}
	for (size_t i = 0; i < 2 * 2 * 16; i++)
		cr_assert(eq(int, n[i / 32][i / 16 % 2][i % 16], 8));
}

Test(probes, both_classes_are_drawn)
{
	size_t n = 0;

	cr_assert(ge(int, sodium_init(), 0));
	for (size_t i = 0; i < 10000; i++)
		n += probes_draw_class() == CLASS_NAME;
	cr_assert(gt(sz, n, 4500));
	cr_assert(lt(sz, n, 5500));
}
