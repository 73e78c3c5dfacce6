/* SPDX-License-Identifier: MIT */
/* test-welch.c - the t-tests of tests/timing */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>

#include "../timing/crops.h"
#include "util.h"

static bool close_to(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

static struct welch test_of(const double *name, size_t n_name, const double *decoy,
			    size_t n_decoy, double offset)
{
	struct welch welch = {0};

	for (size_t i = 0; i < n_name; i++)
		welch_add(&welch, CLASS_NAME, name[i] + offset);
	for (size_t i = 0; i < n_decoy; i++)
		welch_add(&welch, CLASS_DECOY, decoy[i] + offset);
	return welch;
}

/* ---- Welch's t --------------------------------------------------------------------- */

static const double few[] = {1, 2, 3, 4, 5};
static const double wide[] = {2, 4, 6, 8, 10, 12};

Test(welch, knows_the_figures)
{
	/* means 3 and 7, variances 5/2 and 14, so the error is sqrt(1/2 + 7/3) */
	struct welch welch = test_of(few, ARRAY_SIZE(few), wide, ARRAY_SIZE(wide), 0);

	cr_assert(close_to(welch_error(&welch), sqrt(17.0 / 6)));
	cr_assert(close_to(welch_t(&welch), -4 / sqrt(17.0 / 6)));
	cr_assert(eq(sz, welch_samples(&welch), 11));
}

Test(welch, has_the_sign_of_the_first_class)
{
	struct welch welch = test_of(wide, ARRAY_SIZE(wide), few, ARRAY_SIZE(few), 0);

	cr_assert(close_to(welch_t(&welch), 4 / sqrt(17.0 / 6)));
}

/* Sums of squares would have lost all digits. */
Test(welch, is_exact_far_from_zero)
{
	struct welch welch =
		test_of(few, ARRAY_SIZE(few), wide, ARRAY_SIZE(wide), 1099511627776.0);

	cr_assert(close_to(welch_t(&welch), -4 / sqrt(17.0 / 6)));
}

Test(welch, without_a_spread_there_is_no_t)
{
	static const double equal[] = {7, 7, 7};
	struct welch none = {0}, one, same;

	one = test_of(few, 1, wide, ARRAY_SIZE(wide), 0);
	same = test_of(equal, ARRAY_SIZE(equal), equal, ARRAY_SIZE(equal), 0);
	cr_assert(zero(dbl, welch_t(&none)));
	cr_assert(zero(dbl, welch_t(&one)));
	cr_assert(zero(dbl, welch_t(&same)));
}

/* ---- percentiles ------------------------------------------------------------------- */

#define N_TIMES 10000

static struct crops crops;
static uint64_t state;

/* Knuth's MMIX generator, so that each run has the same samples. */
static unsigned next_random(unsigned below)
{
	state = state * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(state >> 33) % below;
}

/* Limits from the times 0 to N_TIMES - 1, in no order. */
static void set_limits(void)
{
	static uint64_t times[N_TIMES];

	for (size_t i = 0; i < N_TIMES; i++)
		times[i] = i * 7919 % N_TIMES;
	crops_init(&crops, times, N_TIMES);
}

TestSuite(crops, .init = set_limits);

Test(crops, are_percentiles)
{
	/* 1 - 0.5^(i / 10) of 10,000 */
	cr_assert(eq(u64, crops.limits[0], 669));
	cr_assert(eq(u64, crops.limits[9], 5000));
	cr_assert(eq(u64, crops.limits[19], 7500));
	cr_assert(eq(u64, crops.limits[99], 9990));
	for (size_t i = 1; i < CROPS; i++)
		cr_assert(gt(u64, crops.limits[i], crops.limits[i - 1]));
}

Test(crops, take_what_is_below)
{
	crops_add(&crops, CLASS_NAME, 4999);
	crops_add(&crops, CLASS_NAME, 5000);
	cr_assert(zero(sz, welch_samples(&crops.tests[8])));
	cr_assert(eq(sz, welch_samples(&crops.tests[9]), 1));
	cr_assert(eq(sz, welch_samples(&crops.tests[10]), 2));
	cr_assert(eq(sz, crops_samples(&crops), 2));
}

/* Adds samples of both classes; those of names are @later, and some of all much later. */
static void add_samples(size_t n, unsigned later)
{
	for (size_t i = 0; i < n; i++) {
		enum class class = next_random(CLASS_COUNT);
		uint64_t time = 1000 + next_random(500);

		if (class == CLASS_NAME)
			time += later;
		if (next_random(100) == 0)
			time += next_random(100000000);
		crops_add(&crops, class, time);
	}
}

Test(crops, find_nothing_where_nothing_is)
{
	add_samples(200000, 0);
	cr_assert(lt(dbl, fabs(crops_strongest(&crops)), 4.5));
}

Test(crops, find_what_outliers_hide)
{
	add_samples(200000, 10);
	cr_assert(lt(dbl, fabs(welch_t(&crops.tests[CROPS])), 4.5));
	cr_assert(gt(dbl, crops_strongest(&crops), 10));
}

/* Twice the difference that they claim to see is seen. */
Test(crops, know_what_they_can_see)
{
	double smallest;

	add_samples(100000, 0);
	smallest = 4.5 * crops_error(&crops);
	cr_assert(gt(dbl, smallest, 2));
	cr_assert(lt(dbl, smallest, 10));
	set_limits();
	add_samples(100000, (unsigned)(2 * smallest));
	cr_assert(gt(dbl, crops_strongest(&crops), 4.5));
}

Test(crops, say_nothing_from_few_samples)
{
	for (size_t i = 0; i < CROP_MIN_SAMPLES - 1; i++) {
		crops_add(&crops, CLASS_NAME, 100 + i % 2);
		crops_add(&crops, CLASS_DECOY, 200 + i % 2);
	}
	cr_assert(zero(dbl, crops_strongest(&crops)));
	crops_add(&crops, CLASS_NAME, 100);
	crops_add(&crops, CLASS_DECOY, 200);
	cr_assert(lt(dbl, crops_strongest(&crops), -10));
}
