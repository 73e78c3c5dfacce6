/* SPDX-License-Identifier: MIT */
/*
 * timing.c - whether the time of a look-up tells which names exist
 *
 * Prints a row for each pair of classes (contrast.h) on each layer:
 *
 *   |t|      the strongest of Welch's t-tests (crops.h)
 *   tau      |t| / sqrt(samples): what one sample contributes
 *   needed   samples with which |t| reaches 4.5, (4.5 / tau)^2; where nothing was found,
 *            an attacker needs more than that
 *   seen ns  the difference of the means that would have given |t| = 4.5
 *
 * The status is 1 if a class is found that must not be, or one is not that must be: whole
 * names, and any contrast on the look-up that was built to leak.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../support/place.h"
#include "../support/report.h"
#include "../support/sandbox.h"
#include "pair.h"

#define T_FOUND   4.5
#define T_CERTAIN 10.0 /* of what must be found */
/* Whole names differ by microseconds, and an instance has few fresh ones. */
#define WHOLE_SAMPLES 10000
#define MAX_SECONDS   (12 * 3600)
#define MAX_CHOICES   8
#define EXIT_USAGE    2

/* The values that an option takes, and those chosen. */
struct choice {
	size_t n;
	size_t values[MAX_CHOICES];
};

struct options {
	size_t samples;
	struct choice layers; /* indices of layers[] */
	struct choice names;
	struct choice bits;
	bool smoke;
};

static const struct layer *const layers[] = {&control_layer, &table_layer, &stat_layer,
					     &open_layer};

static const struct options defaults = {
	.samples = 1000000,
	.layers = {4, {0, 1, 2, 3}},
	.names = {2, {1000, 100000}},
	.bits = {5, {0, 8, 64, 120, UUID_BITS}},
};

/* ---- rows -------------------------------------------------------------------------- */

static void print_head(void)
{
	printf("%-8s%8s%6s %-9s%9s%10s%11s%12s%9s  %s\n", "layer", "names", "bits",
	       "side", "samples", "|t|", "tau", "needed", "seen ns", "verdict");
	(void)fflush(stdout);
}

static bool must_be_found(const struct pair *pair)
{
	unsigned bits = pair->plan.contrast.bits;

	return bits == UUID_BITS || (pair->layer->leaks && bits > 0);
}

static bool is_as_expected(const struct pair *pair, double t)
{
	return must_be_found(pair) ? t > T_CERTAIN : t < T_FOUND;
}

static void print_row(const struct pair *pair, const struct pair_result *result)
{
	double t = fabs(result->t), tau = t / sqrt((double)result->samples);

	printf("%-8s%8zu%6u %-9s%9zu%10.2f%11.6f%12.0f%9.2f  %s%s\n", pair->layer->name,
	       pair->plan.n_names, pair->plan.contrast.bits,
	       contrast_side_name(&pair->plan.contrast), result->samples, t, tau,
	       tau > 0 ? pow(T_FOUND / tau, 2) : INFINITY, T_FOUND * result->error_ns,
	       t < T_FOUND ? "not found" : "found",
	       is_as_expected(pair, t) ? "" : ": BAD");
	(void)fflush(stdout);
}

/* Returns 1 if the row is as it must be, 0, or a negative errno. */
static int run_row(const struct pair *pair, bool smoke)
{
	struct pair_result result;
	int r = pair_measure(pair, &result);

	if (r < 0)
		return r;
	print_row(pair, &result);
	return (smoke && !pair->layer->leaks) || is_as_expected(pair, fabs(result.t));
}

/* One side is enough where the other is the same. */
static bool has_row(const struct pair *pair)
{
	const struct contrast *contrast = &pair->plan.contrast;

	if (contrast->bits == UUID_BITS && pair->layer->leaks)
		return false;
	return contrast->side == SIDE_LEADING ||
	       (contrast->bits > 0 && contrast->bits < UUID_BITS);
}

/* The rows of one layer and number of names; returns how many are bad, or -errno. */
static int run_rows(const struct options *options, struct pair pair)
{
	int bad = 0;

	for (size_t i = 0; i < options->bits.n * 2; i++) {
		struct contrast *contrast = &pair.plan.contrast;
		int r;

		contrast->bits = (unsigned)options->bits.values[i / 2];
		contrast->side = i % 2 ? SIDE_TRAILING : SIDE_LEADING;
		if (!has_row(&pair))
			continue;
		pair.samples = contrast_is_absent(contrast)
				       ? options->samples
				       : MIN(options->samples, (size_t)WHOLE_SAMPLES);
		r = run_row(&pair, options->smoke);
		if (r < 0)
			return r;
		bad += !r;
	}
	return bad;
}

/* Returns an exit status. */
static int run_all(const char *dir, void *data)
{
	const struct options *options = data;
	int bad = 0;

	if (place_client(PLACE_ONE) < 0)
		return EXIT_FAILURE;
	print_head();
	for (size_t i = 0; i < options->layers.n; i++)
		for (size_t j = 0; j < options->names.n; j++) {
			struct pair pair = {
				.layer = layers[options->layers.values[i]],
				.plan = {.dir = dir, .n_names = options->names.values[j]},
			};
			int r = run_rows(options, pair);

			if (r < 0)
				return EXIT_FAILURE;
			bad += r;
		}
	printf("%d bad\n", bad);
	(void)fflush(stdout);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- the command line -------------------------------------------------------------- */

static const char usage[] =
	"Usage: timing [OPTION...]\n"
	"Tests whether the time of a look-up in the service $DMABUFFSD tells which "
	"names\n"
	"exist. A LIST has commas.\n"
	"  --samples=N    of each pair of classes (1000000)\n"
	"  --layer=LIST   control, table, stat, open\n"
	"  --names=LIST   how many names exist (1000,100000)\n"
	"  --bits=LIST    that a probe shares with a name: 0, 8, 64, 120, 128\n"
	"  --smoke        with few samples: only the control must be found\n";

static int parse_number(const char *text, size_t *ret_number)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int parse_samples(const char *text, size_t *ret_value)
{
	int r = parse_number(text, ret_value);

	return r == 0 && *ret_value < 1 ? -EINVAL : r;
}

static int parse_names(const char *text, size_t *ret_value)
{
	int r = parse_number(text, ret_value);

	return r == 0 && (*ret_value < 100 || *ret_value > 150000) ? -EINVAL : r;
}

static int parse_bits(const char *text, size_t *ret_value)
{
	size_t bits;

	if (parse_number(text, &bits) < 0)
		return -EINVAL;
	for (size_t i = 0; i < defaults.bits.n; i++)
		if (bits == defaults.bits.values[i]) {
			*ret_value = bits;
			return 0;
		}
	return -EINVAL;
}

static int parse_layer(const char *text, size_t *ret_value)
{
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++)
		if (strcmp(text, layers[i]->name) == 0) {
			*ret_value = i;
			return 0;
		}
	return -EINVAL;
}

static int parse_list(char *list, int (*parse)(const char *text, size_t *ret_value),
		      struct choice *ret_choice)
{
	struct choice choice = {0};
	char *item;

	while ((item = strsep(&list, ","))) {
		if (choice.n == MAX_CHOICES || parse(item, &choice.values[choice.n]) < 0)
			return -EINVAL;
		choice.n++;
	}
	*ret_choice = choice;
	return 0;
}

static int parse_option(int option, struct options *options)
{
	switch (option) {
	case 's':
		return parse_samples(optarg, &options->samples);
	case 'l':
		return parse_list(optarg, parse_layer, &options->layers);
	case 'n':
		return parse_list(optarg, parse_names, &options->names);
	case 'b':
		return parse_list(optarg, parse_bits, &options->bits);
	case 'k':
		options->smoke = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"samples", required_argument, NULL, 's'},
		{"layer", required_argument, NULL, 'l'},
		{"names", required_argument, NULL, 'n'},
		{"bits", required_argument, NULL, 'b'},
		{"smoke", no_argument, NULL, 'k'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (parse_option(option, options) < 0)
			return -EINVAL;
	return optind < argc ? -EINVAL : 0;
}

int main(int argc, char **argv)
{
	struct options options = defaults;
	int r = parse(argc, argv, &options);

	if (r < 0) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (!getenv("DMABUFFSD")) {
		progress("DMABUFFSD must name the daemon; try make check-timing");
		return EXIT_USAGE;
	}
	r = sandbox_run(run_all, &options, MAX_SECONDS);
	/* The PID namespace has ended, so a sanitizer could start no process at exit(3).
	 */
	_exit(r < 0 ? EXIT_FAILURE : r);
}
