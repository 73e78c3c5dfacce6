/* SPDX-License-Identifier: MIT */
#include "base/option_table.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int option_number(const char *text, int base, uint64_t max, uint64_t *ret_number)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, base);
	if (errno || *end || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

int option_size(const char *text, uint64_t *ret_size)
{
	static const char suffixes[] = "KMGT";
	char digits[24];
	size_t length = strlen(text);
	unsigned shift = 0;
	const char *suffix;
	uint64_t number;
	int r;

	if (length == 0 || length >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, length + 1);
	suffix = strchr(suffixes, digits[length - 1]);
	if (suffix) {
		shift = 10 * (unsigned)(suffix - suffixes + 1);
		digits[length - 1] = '\0';
	}
	r = option_number(digits, 10, UINT64_MAX >> shift, &number);
	if (r < 0)
		return r;
	*ret_size = number << shift;
	return 0;
}

char *option_split(char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	return value;
}

static int option_store_number(const struct option_entry *entry, void *field,
			       const char *value)
{
	uint64_t max = entry->max ? entry->max : UINT32_MAX, number;
	int r = option_number(value, entry->type == OPTION_OCTAL ? 8 : 10, max, &number);

	if (r < 0 || number < entry->min)
		return -EINVAL;
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}

static int option_store_size(const struct option_entry *entry, void *field,
			     const char *value)
{
	uint64_t size;
	int r = option_size(value, &size);

	if (r < 0 || size < entry->min || (entry->max && size > entry->max))
		return -EINVAL;
	*(uint64_t *)field = size;
	return 0;
}

static int option_store(const struct option_entry *entry, void *target, const char *value)
{
	void *field = (char *)target + entry->offset;

	switch (entry->type) {
	case OPTION_TRUE:
	case OPTION_FALSE:
		*(bool *)field = entry->type == OPTION_TRUE;
		return 0;
	case OPTION_NUMBER:
	case OPTION_OCTAL:
		return option_store_number(entry, field, value);
	case OPTION_SIZE:
		return option_store_size(entry, field, value);
	case OPTION_PARSED:
		return entry->parse(target, value);
	}
	return -EINVAL;
}

int option_set(const struct option_entry *table, size_t n_entries, void *target,
	       const char *name, const char *value)
{
	for (size_t i = 0; i < n_entries; i++) {
		bool is_flag =
			table[i].type == OPTION_TRUE || table[i].type == OPTION_FALSE;

		if (strcmp(table[i].name, name))
			continue;
		return is_flag == !value ? option_store(&table[i], target, value)
					 : -EINVAL;
	}
	return -ENOENT;
}
