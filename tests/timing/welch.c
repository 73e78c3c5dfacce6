/* SPDX-License-Identifier: MIT */
/* welch.c - Welch's t-test of two classes of samples, as they come in */
#include "welch.h"

#include <math.h>

void welch_add(struct welch *welch, enum class class, double value)
{
	double distance = value - welch->classes[class].mean;

	welch->classes[class].n++;
	welch->classes[class].mean += distance / (double)welch->classes[class].n;
	welch->classes[class].squares += distance * (value - welch->classes[class].mean);
}

size_t welch_samples(const struct welch *welch)
{
	return welch->classes[CLASS_NAME].n + welch->classes[CLASS_DECOY].n;
}

double welch_error(const struct welch *welch)
{
	double sum = 0;

	for (size_t i = 0; i < CLASS_COUNT; i++) {
		double n = (double)welch->classes[i].n;

		if (welch->classes[i].n < 2)
			return 0;
		sum += welch->classes[i].squares / (n - 1) / n;
	}
	return sqrt(sum);
}

double welch_t(const struct welch *welch)
{
	double error = welch_error(welch);

	if (error <= 0)
		return 0;
	return (welch->classes[CLASS_NAME].mean - welch->classes[CLASS_DECOY].mean) /
	       error;
}
