/* SPDX-License-Identifier: MIT */
/* table.h - a table of names */
#ifndef DMABUFFS_TABLE_H
#define DMABUFFS_TABLE_H

#include <stdbool.h>

#include "row.h"

struct table_options {
	bool exact_bytes;
	const char *line_end; /* after each line */
	unsigned int columns; /* lines are cut there; 0: never */
	size_t lines;         /* rows at most; 0: all */
};

/* Prints a heading and a line for each row; an unknown value is "-". */
void table_print(const struct rows *rows, const struct table_options *options);

#endif
