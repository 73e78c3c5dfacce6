/* SPDX-License-Identifier: MIT */
/* options.c - the environment variables HIPIPC_* */
#include "options.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct options options;
static pthread_once_t options_once = PTHREAD_ONCE_INIT;

/* Not through reason.h, which needs the options that are being read. */
static void options_warn(const char *name, const char *text)
{
	if (options.log >= REASON_ERROR && reason_may_write())
		fprintf(stderr, "hipipc: invalid value ignored: %s=%s\n", name, text);
}

static void options_read_log(const char *text)
{
	static const char *const levels[] = {
		[REASON_NONE] = "none",
		[REASON_ERROR] = "error",
		[REASON_INFO] = "info",
	};

	options.log = REASON_ERROR;
	for (size_t i = 0; text && i < ARRAY_SIZE(levels); i++) {
		if (strcmp(text, levels[i]) == 0) {
			options.log = (enum reason_level)i;
			return;
		}
	}
	if (text)
		options_warn("HIPIPC_LOG", text);
}

static void options_read_mode(const char *text)
{
	unsigned long mode;
	char *end;

	options.mode = 0600;
	if (!text)
		return;
	mode = strtoul(text, &end, 8);
	if (*text < '0' || *text > '7' || *end || mode > 0777)
		options_warn("HIPIPC_MODE", text);
	else
		options.mode = (uint32_t)mode;
}

static void options_read_compat(const char *text)
{
	if (text && strcmp(text, "cuda") == 0)
		options.compat = COMPAT_CUDA;
	else if (text && strcmp(text, "hip") == 0)
		options.compat = COMPAT_HIP;
	else if (text)
		options_warn("HIPIPC_COMPAT", text);
}

static void options_read_environment(void)
{
	options_read_log(getenv("HIPIPC_LOG"));
	options_read_mode(secure_getenv("HIPIPC_MODE"));
	options_read_compat(secure_getenv("HIPIPC_COMPAT"));
}

const struct options *options_get(void)
{
	(void)pthread_once(&options_once, options_read_environment);
	return &options;
}

bool options_drops_offset(const char *call)
{
	enum compat compat = options_get()->compat;

	return compat == COMPAT_SPELLING ? strncmp(call, "cu", 2) == 0
					 : compat == COMPAT_CUDA;
}
