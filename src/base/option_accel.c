/* SPDX-License-Identifier: MIT */
/* option_accel.c - the mount option that describes a device */

#include <string.h>

#include "base/options.h"
#include "util.h"

static int option_accel_set_queues(struct accel_device_params *params, const char *value)
{
	uint64_t n;
	int r = options_parse_number(value, 10, UINT32_MAX, &n);

	if (r == 0)
		params->queues = (uint32_t)n;
	return r == 0 && !n ? -EINVAL : r;
}

static int option_accel_set_asid_bits(struct accel_device_params *params,
				      const char *value)
{
	uint64_t n;
	int r = options_parse_number(value, 10, UINT32_MAX, &n);

	if (r == 0)
		params->asid_bits = (uint32_t)n;
	return r == 0 && !n ? -EINVAL : r;
}

static int option_accel_set_memory(struct accel_device_params *params, const char *value)
{
	int r = options_parse_size(value, &params->memory);

	return r == 0 && !params->memory ? -EINVAL : r;
}

static int option_accel_set_latency(struct accel_device_params *params, const char *value)
{
	uint64_t n;
	int r = options_parse_number(value, 10, UINT32_MAX, &n);

	if (r == 0)
		params->latency_ns = (uint32_t)n;
	return r;
}

static int option_accel_set_exclusive(struct accel_device_params *params,
				      const char *value)
{
	params->exclusive = true;
	return 0;
}

static const struct {
	const char *name;
	bool has_value;
	int (*set)(struct accel_device_params *params, const char *value);
} option_accel_settings[] = {
	{"queues", true, option_accel_set_queues},
	{"asid-bits", true, option_accel_set_asid_bits},
	{"memory", true, option_accel_set_memory},
	{"latency", true, option_accel_set_latency},
	{"exclusive", false, option_accel_set_exclusive},
};

static int option_accel_set(struct accel_device_params *params, const char *name,
			    const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(option_accel_settings); i++)
		if (!strcmp(option_accel_settings[i].name, name))
			return option_accel_settings[i].has_value == (value != NULL)
				       ? option_accel_settings[i].set(params, value)
				       : -EINVAL;
	return -EINVAL;
}

int options_parse_device(const char *text, struct accel_device_params *ret_params)
{
	_cleanup_free_ char *copy = strdup(text);
	struct accel_device_params params = {0};
	char *word, *rest = copy;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	word = strsep(&rest, ":");
	if (!*word || strlen(word) >= sizeof(params.name))
		return -EINVAL;
	memcpy(params.name, word, strlen(word) + 1);
	while (r == 0 && (word = strsep(&rest, ":"))) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = '\0';
		r = option_accel_set(&params, word, value);
	}
	if (r == 0)
		*ret_params = params;
	return r;
}
