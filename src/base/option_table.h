/* SPDX-License-Identifier: MIT */
/*
 * option_table.h - options of the form NAME or NAME=VALUE, described by a table
 *
 * Each entry names a field of the struct that the options are for, and what the value may
 * be. Functions return -EINVAL for an invalid value and leave the field as it was.
 */
#ifndef DMABUFFS_OPTION_TABLE_H
#define DMABUFFS_OPTION_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_TRUE,   /* no value: a bool to set */
	OPTION_FALSE,  /* no value: a bool to clear */
	OPTION_NUMBER, /* decimal, into 32 bits */
	OPTION_OCTAL,  /* octal, into 32 bits */
	OPTION_SIZE,   /* decimal with a suffix, see option_size(), into 64 bits */
	OPTION_PARSED, /* by a function, which may store more than one field */
};

struct option_entry {
	const char *name;
	enum option_type type;
	size_t offset;     /* of the field in the struct */
	uint64_t min, max; /* of the types with a number; max 0: as the field */
	int (*parse)(void *target, const char *value); /* OPTION_PARSED: 0 or -errno */
};

/* Cuts @word at its first '=' and returns the value behind it; NULL: there is none. */
char *option_split(char *word);

/*
 * Stores @value, NULL if there is none, where the entry @name of @table points in
 * @target. -ENOENT: no such entry; -EINVAL: a value that is invalid, missing, or too
 * much.
 */
int option_set(const struct option_entry *table, size_t n_entries, void *target,
	       const char *name, const char *value);

/* A number of at most @max; -EINVAL also for signs and blanks. */
int option_number(const char *text, int base, uint64_t max, uint64_t *ret_number);

/* A number with an optional suffix K, M, G or T: powers of 1024. */
int option_size(const char *text, uint64_t *ret_size);

#endif
