/* SPDX-License-Identifier: MIT */
/* loader.c - finds libraries that are loaded, and their symbols */
#include "loader.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include <util.h>

static _Atomic(const char *) loader_missing_symbol = "";

void *loader_find(const char *const *names, size_t n_names)
{
	void *library = NULL;

	for (size_t i = 0; i < n_names && !library; i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_NOLOAD);
	return library;
}

int loader_resolve(void *library, const struct loader_symbol *symbols, size_t n_symbols,
		   void *ret_table)
{
	for (size_t i = 0; i < n_symbols; i++) {
		void *call = dlsym(library, symbols[i].name);

		if (!call && !symbols[i].optional) {
			atomic_store(&loader_missing_symbol, symbols[i].name);
			return -ENOSYS;
		}
		memcpy((char *)ret_table + symbols[i].offset, &call, sizeof(call));
	}
	return 0;
}

const char *loader_missing(void)
{
	return atomic_load(&loader_missing_symbol);
}
