/* SPDX-License-Identifier: MIT */
/* loader.h - calls of a library that the process has loaded already */
#ifndef HIPIPC_LOADER_H
#define HIPIPC_LOADER_H

#include <stdbool.h>
#include <stddef.h>

/* One call: its name, and where in a table of function pointers it goes. */
struct loader_symbol {
	const char *name;
	size_t offset;
	bool optional; /* its pointer is NULL where the library lacks it */
};

#define LOADER_NEEDS(table, member, symbol)                                              \
	((struct loader_symbol){.name = (symbol), .offset = offsetof(table, member)})
#define LOADER_WANTS(table, member, symbol)                                              \
	((struct loader_symbol){                                                         \
		.name = (symbol), .offset = offsetof(table, member), .optional = true})

/*
 * The first of these libraries that is loaded, NULL: none. It stays loaded from now on,
 * and is never loaded by this.
 */
void *loader_find(const char *const *names, size_t n_names);

/* Fills @ret_table. -ENOSYS: a call that is not optional is not there; see below. */
int loader_resolve(void *library, const struct loader_symbol *symbols, size_t n_symbols,
		   void *ret_table);

/* The name of the call that was missing last, "": none ever was. */
const char *loader_missing(void);

#endif
