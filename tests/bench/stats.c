/* SPDX-License-Identifier: MIT */
/* stats.c - samples and their median */
#include "stats.h"

int series_add(struct series *series, double value)
{
	if (series->count == series->capacity) {
		size_t capacity = MAX(series->capacity * 2, (size_t)1024);
		double *values =
			reallocarray(series->values, capacity, sizeof(*series->values));

		if (!values)
			return -ENOMEM;
		series->values = values;
		series->capacity = capacity;
	}
	series->values[series->count++] = value;
	return 0;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

double series_median(struct series *series)
{
	size_t middle = series->count / 2;

	if (series->count == 0)
		return 0;
	qsort(series->values, series->count, sizeof(*series->values), compare);
	if (series->count % 2)
		return series->values[middle];
	return (series->values[middle - 1] + series->values[middle]) / 2;
}

void series_finish(struct series *series)
{
	free(series->values);
	*series = (struct series){0};
}
