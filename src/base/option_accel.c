/* SPDX-License-Identifier: MIT */
/* option_accel.c - the mount option that describes a device */

#include <string.h>

#include "base/option_table.h"
#include "base/options.h"
#include "util.h"

#define FIELD(member) offsetof(struct accel_device_params, member)

static const struct option_entry option_accel_table[] = {
	{"queues", OPTION_NUMBER, FIELD(queues), .min = 1},
	{"asid-bits", OPTION_NUMBER, FIELD(asid_bits), .min = 1},
	{"memory", OPTION_SIZE, FIELD(memory), .min = 1},
	{"latency", OPTION_NUMBER, FIELD(latency_ns)},
	{"exclusive", OPTION_TRUE, FIELD(exclusive)},
};

/* Unknown words are invalid, too: the option is the whole description. */
static int option_accel_set(struct accel_device_params *params, char *word)
{
	const char *value = option_split(word);

	return option_set(option_accel_table, ARRAY_SIZE(option_accel_table), params,
			  word, value) < 0
		       ? -EINVAL
		       : 0;
}

int options_parse_device(const char *text, struct accel_device_params *ret_params)
{
	_cleanup_free_ char *copy = strdup(text);
	struct accel_device_params params = {.size = sizeof(params)};
	char *word, *rest = copy;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	word = strsep(&rest, ":");
	if (!*word || strlen(word) >= sizeof(params.name))
		return -EINVAL;
	memcpy(params.name, word, strlen(word) + 1);
	while (r == 0 && (word = strsep(&rest, ":")))
		r = option_accel_set(&params, word);
	if (r == 0)
		*ret_params = params;
	return r;
}
