/* SPDX-License-Identifier: MIT */
/* option_accel.c - the mount option that describes a device */

#include <string.h>

#include "base/options.h"
#include "util.h"

static int set_queues(struct accel_device_params *params, const char *value)
{
	uint64_t n;
	int r = options_parse_number(value, 10, UINT32_MAX, &n);

	if (r == 0)
		params->queues = (uint32_t)n;
	return r == 0 && !n ? -EINVAL : r;
}

static int set_asid_bits(struct accel_device_params *params, const char *value)
{
	uint64_t n;
	int r = options_parse_number(value, 10, UINT32_MAX, &n);

	if (r == 0)
		params->asid_bits = (uint32_t)n;
	return r == 0 && !n ? -EINVAL : r;
}

static int set_memory(struct accel_device_params *params, const char *value)
{
	int r = options_parse_size(value, &params->memory);

	return r == 0 && !params->memory ? -EINVAL : r;
}

static int set_latency(struct accel_device_params *params, const char *value)
{
	uint64_t n;
	int r = options_parse_number(value, 10, UINT32_MAX, &n);

	if (r == 0)
		params->latency_ns = (uint32_t)n;
	return r;
}

static int set_exclusive(struct accel_device_params *params, const char *value)
{
	params->exclusive = true;
	return 0;
}

static const struct {
	const char *name;
	bool has_value;
	int (*set)(struct accel_device_params *params, const char *value);
} settings[] = {
	{"queues", true, set_queues},        {"asid-bits", true, set_asid_bits},
	{"memory", true, set_memory},        {"latency", true, set_latency},
	{"exclusive", false, set_exclusive},
};

static int set(struct accel_device_params *params, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strcmp(settings[i].name, name))
			return settings[i].has_value == (value != NULL)
				       ? settings[i].set(params, value)
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
		r = set(&params, word, value);
	}
	if (r == 0)
		*ret_params = params;
	return r;
}
