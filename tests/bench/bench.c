/* SPDX-License-Identifier: MIT */
/*
 * bench.c - the benchmark's main program
 *
 * Prints one tab separated table on standard output; all other text goes to standard
 * error. Columns: name, value (median over the runs), unit, ratio (median of the runs'
 * ratios of subject to baseline), baseline (median), runs.
 */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../support/place.h"
#include "../support/sandbox.h"
#include "stats.h"

#define NAME_SIZE   64
#define MAX_ROWS    8
#define MAX_SECONDS 600
#define EXIT_USAGE  2

/* A group on one placement; the bounds of its rows apply to the first of its passes. */
struct pass {
	const struct group *group;
	enum place place;
	const char *suffix; /* of the rows' names */
	bool informative;   /* no bounds here; placeless rows are left out */
};

static const struct pass passes[] = {
	{&export_group, PLACE_SPLIT, "", false},
	{&open_group, PLACE_SPLIT, "", false},
	{&broker_group, PLACE_SPLIT, "", false},
	{&map_group, PLACE_SPLIT, "", false},
	{&scale_group, PLACE_SPLIT, "", false},
	{&ring_group, PLACE_SPLIT, "", false},
	{&asid_group, PLACE_SPLIT, "", false},
	{&copy_group, PLACE_SPLIT, "", false},
	{&contexts_group, PLACE_SPLIT, "", false},
	{&crash_group, PLACE_SPLIT, "", false},
	{&ipc_group, PLACE_SPLIT, "", false},
	{&ipc_32_group, PLACE_SPLIT, "", false},
	{&export_group, PLACE_ONE, "_one_cpu", true},
	{&open_group, PLACE_ONE, "_one_cpu", true},
	{&broker_group, PLACE_ONE, "_one_cpu", true},
	{&scale_group, PLACE_ONE, "_one_cpu", true},
	{&crash_group, PLACE_ONE, "_one_cpu", true},
	{&ipc_group, PLACE_ONE, "_one_cpu", true},
};

struct options {
	bool check;        /* compare with the bounds */
	unsigned int runs; /* 0: each group's own number */
	char **names;      /* rows to print, NULL terminated; none: all */
};

/* All samples of a row, one per run. */
struct results {
	struct series subject;
	struct series baseline;
	struct series ratio;
};

/* ---- one pass ---------------------------------------------------------------------- */

static const char *row_name(const struct pass *pass, size_t i,
			    char name[static NAME_SIZE])
{
	(void)snprintf(name, NAME_SIZE, "%s%s", pass->group->rows[i].name, pass->suffix);
	return name;
}

static int add_pair(struct results *results, const struct pair *pair)
{
	int r = series_add(&results->subject, pair->subject);

	if (pair->baseline > 0 && r >= 0)
		r = series_add(&results->baseline, pair->baseline);
	if (pair->baseline > 0 && r >= 0)
		r = series_add(&results->ratio, pair->subject / pair->baseline);
	return r;
}

static int add_pairs(const struct pass *pass, const struct pair *pairs,
		     struct results results[])
{
	char name[NAME_SIZE];
	int r = 0;

	for (size_t i = 0; i < pass->group->n_rows && r >= 0; i++) {
		progress("%-24s %10.2f, baseline %10.2f", row_name(pass, i, name),
			 pairs[i].subject, pairs[i].baseline);
		r = add_pair(&results[i], &pairs[i]);
	}
	return r;
}

static int measure(const struct pass *pass, const char *dir, unsigned int runs,
		   struct results results[])
{
	const struct group *group = pass->group;
	struct pair pairs[MAX_ROWS];
	void *state;
	int r = place_client(pass->place);

	if (r >= 0)
		r = group->create(dir, &state);
	if (r < 0)
		return r;
	for (unsigned int run = 0; run < runs && r >= 0; run++) {
		r = group->run(state, pairs);
		if (r >= 0)
			r = add_pairs(pass, pairs, results);
	}
	group->destroy(state);
	return r;
}

static bool row_wanted(const struct options *options, const struct pass *pass, size_t i)
{
	char name[NAME_SIZE];

	if (pass->informative && pass->group->rows[i].placeless)
		return false;
	if (!*options->names)
		return true;
	(void)row_name(pass, i, name);
	for (char **wish = options->names; *wish; wish++)
		if (strcmp(*wish, name) == 0)
			return true;
	return false;
}

static bool pass_wanted(const struct options *options, const struct pass *pass)
{
	for (size_t i = 0; i < pass->group->n_rows; i++)
		if (row_wanted(options, pass, i))
			return true;
	return false;
}

/* ---- the table --------------------------------------------------------------------- */

static void print_row(const char *name, const char *unit, struct results *results)
{
	printf("%s\t%.2f\t%s\t", name, series_median(&results->subject), unit);
	if (results->ratio.count > 0)
		printf("%.3f\t%.2f\t", series_median(&results->ratio),
		       series_median(&results->baseline));
	else
		printf("-\t-\t");
	printf("%zu\n", results->subject.count);
	(void)fflush(stdout);
}

static bool reached(const struct row *row, struct results *results)
{
	double figure = series_median(results->ratio.count > 0 ? &results->ratio
							       : &results->subject);

	return row->high <= 0 || (figure >= row->low && figure <= row->high);
}

/* Returns how many rows missed their bounds. */
static int report(const struct pass *pass, const struct options *options,
		  struct results results[])
{
	int missed = 0;

	for (size_t i = 0; i < pass->group->n_rows; i++) {
		const struct row *row = &pass->group->rows[i];
		char name[NAME_SIZE];

		if (!row_wanted(options, pass, i))
			continue;
		print_row(row_name(pass, i, name), row->unit, &results[i]);
		if (!options->check || pass->informative || reached(row, &results[i]))
			continue;
		progress("missed: %s is not within %.2f to %.2f", name, row->low,
			 row->high);
		missed++;
	}
	return missed;
}

static int run_pass(const struct pass *pass, const char *dir,
		    const struct options *options)
{
	struct results results[MAX_ROWS] = {0};
	unsigned int runs = options->runs ? options->runs : pass->group->runs;
	int r = measure(pass, dir, runs, results);

	if (r >= 0)
		r = report(pass, options, results);
	for (size_t i = 0; i < pass->group->n_rows; i++) {
		series_finish(&results[i].subject);
		series_finish(&results[i].baseline);
		series_finish(&results[i].ratio);
	}
	return r;
}

/* Returns an exit status. */
static int run_all(const char *dir, void *data)
{
	const struct options *options = data;
	int missed = 0;

	printf("name\tvalue\tunit\tratio\tbaseline\truns\n");
	(void)fflush(stdout);
	for (size_t i = 0; i < ARRAY_SIZE(passes); i++) {
		int r;

		if (!pass_wanted(options, &passes[i]))
			continue;
		r = run_pass(&passes[i], dir, options);
		if (r < 0)
			return EXIT_FAILURE;
		missed += r;
	}
	return missed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- the command line -------------------------------------------------------------- */

static const char usage[] =
	"Usage: bench [--check] [--runs=N] [ROW...]\n"
	"Measures the daemon $DMABUFFSD, and prints a table of all rows, or those "
	"named.\n"
	"  --check   exit with 1 if a figure misses its bounds\n"
	"  --runs=N  number of runs, instead of each row's own\n"
	"  --list    print the names of the rows\n";

static int list_rows(void)
{
	const struct options all = {.names = (char *[]){NULL}};
	char name[NAME_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(passes); i++)
		for (size_t j = 0; j < passes[i].group->n_rows; j++)
			if (row_wanted(&all, &passes[i], j))
				puts(row_name(&passes[i], j, name));
	return EXIT_SUCCESS;
}

static int refuse(void)
{
	(void)fputs(usage, stderr);
	return EXIT_USAGE;
}

static bool known(char *name)
{
	const struct options options = {.names = (char *[]){name, NULL}};

	for (size_t i = 0; i < ARRAY_SIZE(passes); i++)
		if (pass_wanted(&options, &passes[i]))
			return true;
	progress("no row is named %s", name);
	return false;
}

/* Returns -1 to continue, or the exit status. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"check", no_argument, NULL, 'c'},
		{"runs", required_argument, NULL, 'r'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'c')
			options->check = true;
		else if (option == 'r')
			options->runs = (unsigned int)strtoul(optarg, NULL, 10);
		else if (option == 'l')
			return list_rows();
		else if (option == 'h')
			return fputs(usage, stdout) < 0;
		else
			return refuse();
	}
	options->names = argv + optind;
	for (char **name = options->names; *name; name++)
		if (!known(*name))
			return refuse();
	return -1;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	int r = parse(argc, argv, &options);

	if (r >= 0)
		return r;
	if (!getenv("DMABUFFSD")) {
		progress("DMABUFFSD must name the daemon to measure; try make bench");
		return EXIT_USAGE;
	}
	r = sandbox_run(run_all, &options, MAX_SECONDS);
	return r < 0 ? EXIT_FAILURE : r;
}
