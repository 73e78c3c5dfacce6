/* SPDX-License-Identifier: MIT */
/* compat-values.c - compares the values of both headers, see compat.h */
#include <stdio.h>
#include <string.h>

#include "compat.h"

int main(void)
{
	const struct compat_value *ours = compat_of_ours, *vendor = compat_of_vendor;
	int differences = 0, n = 0;

	for (; ours->name && vendor->name; ours++, vendor++, n++) {
		if (strcmp(ours->name, vendor->name) == 0 && ours->value == vendor->value)
			continue;
		printf("%s: libhipipc %lu, vendor %lu\n", ours->name, ours->value,
		       vendor->value);
		differences++;
	}
	return differences || !n || ours->name || vendor->name;
}
