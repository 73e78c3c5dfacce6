/* SPDX-License-Identifier: MIT */
/* loader.h - functions of libraries that the process has loaded already */
#ifndef HIPIPC_LOADER_H
#define HIPIPC_LOADER_H

#include <stdbool.h>
#include <stddef.h>

/* A function: its name, and the offset of its pointer in a table. */
struct loader_symbol {
	const char *name;
	size_t offset;
	bool optional; /* the pointer is NULL if the library does not have it */
};

#define LOADER_REQUIRED(table, member, symbol)                                           \
	((struct loader_symbol){.name = (symbol), .offset = offsetof(table, member)})
#define LOADER_OPTIONAL(table, member, symbol)                                           \
	((struct loader_symbol){                                                         \
		.name = (symbol), .offset = offsetof(table, member), .optional = true})

/*
 * The first of these libraries that is loaded already, or NULL. It is not unloaded from
 * then on.
 */
void *loader_find(const char *const *names, size_t n_names);

/* Fills @ret_table. -ENOSYS: a function that is not optional is missing. */
int loader_resolve(void *library, const struct loader_symbol *symbols, size_t n_symbols,
		   void *ret_table);

/* The name of the function that was missing last; "" if none was. */
const char *loader_missing(void);

#endif
