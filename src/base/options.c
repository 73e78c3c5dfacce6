/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/policy.h"

/* What the kernel's mount(2) or libfuse understands and this file system allows. */
static const char *const options_kernel_flags[] = {
	"rw", "nosuid", "nodev", "exec", "noexec", "atime", "noatime", "async", "dirsync",
};

int options_parse_number(const char *text, int base, uint64_t max, uint64_t *ret_number)
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

int options_parse_size(const char *text, uint64_t *ret_size)
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
	r = options_parse_number(digits, 10, UINT64_MAX >> shift, &number);
	if (r < 0)
		return r;
	*ret_size = number << shift;
	return 0;
}

int options_parse_namespaces(const char *text, uint32_t *ret_mask)
{
	uint32_t mask = 0;

	while (*text) {
		size_t length = strcspn(text, ":");
		int ns = policy_ns_by_name(text, length);

		if (ns < 0)
			return ns;
		mask |= 1U << ns;
		text += length;
		if (*text == ':' && !*++text)
			return -EINVAL;
	}
	if (!mask)
		return -EINVAL;
	*ret_mask = mask;
	return 0;
}

static int options_set_mode(struct options *options, const char *value)
{
	uint64_t mode;
	int r = options_parse_number(value, 8, 07777, &mode);

	if (r == 0)
		options->mode = (mode_t)mode;
	return r;
}

static int options_set_uid(struct options *options, const char *value)
{
	uint64_t uid;
	int r = options_parse_number(value, 10, UINT32_MAX - 1, &uid);

	if (r == 0)
		options->uid = (uid_t)uid;
	return r;
}

static int options_set_gid(struct options *options, const char *value)
{
	uint64_t gid;
	int r = options_parse_number(value, 10, UINT32_MAX - 1, &gid);

	if (r == 0)
		options->gid = (gid_t)gid;
	return r;
}

static int options_set_ns(struct options *options, const char *value)
{
	return options_parse_namespaces(value, &options->ns_mask);
}

static int options_set_log(struct options *options, const char *value)
{
	int level = log_level_parse(value);

	if (level < 0)
		return level;
	options->log_level = level;
	return 0;
}

static int options_set_nopassthrough(struct options *options, const char *value)
{
	options->passthrough = false;
	return 0;
}

static int options_set_noaccel(struct options *options, const char *value)
{
	options->accel = false;
	return 0;
}

static int options_add_device(struct options *options, const char *value)
{
	int r;

	if (options->n_devices == DEVICES_MAX)
		return -EINVAL;
	r = options_parse_device(value, &options->devices[options->n_devices]);
	if (r == 0)
		options->n_devices++;
	return r;
}

static int options_set_drivers(struct options *options, const char *value)
{
	return options_parse_drivers(value, &options->drivers);
}

static const struct {
	const char *name;
	bool has_value;
	int (*set)(struct options *options, const char *value);
} options_settings[] = {
	{"mode", true, options_set_mode},
	{"uid", true, options_set_uid},
	{"gid", true, options_set_gid},
	{"ns", true, options_set_ns},
	{"log", true, options_set_log},
	{"nopassthrough", false, options_set_nopassthrough},
	{"noaccel", false, options_set_noaccel},
	{"accel", true, options_add_device},
	{"drivers", true, options_set_drivers},
};

/* The limits: a field of struct limits_config each, numbers or sizes. */
static const struct {
	const char *name;
	enum resource resource;
	bool per_uid;
} options_limit_settings[] = {
	{"max-exports", RES_EXPORTS, false},
	{"max-bytes", RES_BYTES, false},
	{"max-exports-per-uid", RES_EXPORTS, true},
	{"max-bytes-per-uid", RES_BYTES, true},
	{"max-roots-per-uid", RES_ROOTS, true},
	{"max-connections-per-uid", RES_CONNECTIONS, true},
	{"max-contexts-per-uid", RES_CONTEXTS, true},
	{"max-asids-per-uid", RES_ASIDS, true},
	{"max-queues-per-uid", RES_QUEUES, true},
	{"max-buffers-per-uid", RES_FILES, true},
	{"max-mappings-per-uid", RES_MAPPINGS, true},
	{"max-device-memory-per-uid", RES_MEMORY, true},
	{"max-pinned-per-uid", RES_PINNED, true},
};

static int options_set_limit(struct options *options, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(options_limit_settings); i++) {
		enum resource resource = options_limit_settings[i].resource;

		if (strcmp(options_limit_settings[i].name, name))
			continue;
		if (!value)
			return -EINVAL;
		return options_parse_size(value,
					  options_limit_settings[i].per_uid
						  ? &options->limits.per_uid[resource]
						  : &options->limits.per_mount[resource]);
	}
	return -ENOENT;
}

static int options_add_kernel_flag(struct options *options, const char *name)
{
	char *flags;

	for (size_t i = 0; i < ARRAY_SIZE(options_kernel_flags); i++) {
		if (strcmp(options_kernel_flags[i], name))
			continue;
		if (asprintf(&flags, "%s,%s", options->mount_flags, name) < 0)
			return -ENOMEM;
		free(options->mount_flags);
		options->mount_flags = flags;
		return 0;
	}
	return -ENOENT;
}

static int options_set_source(struct options *options, const char *value)
{
	char *source;

	/* It becomes part of an option string of libfuse. */
	if (!*value || strchr(value, '\\'))
		return -EINVAL;
	source = strdup(value);
	if (!source)
		return -ENOMEM;
	free(options->source);
	options->source = source;
	return 0;
}

static int options_set_option(struct options *options, const char *name,
			      const char *value)
{
	int r;

	if (!strcmp(name, "source"))
		return value ? options_set_source(options, value) : -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(options_settings); i++)
		if (!strcmp(options_settings[i].name, name))
			return options_settings[i].has_value == !!value
				       ? options_settings[i].set(options, value)
				       : -EINVAL;
	r = options_set_limit(options, name, value);
	if (r != -ENOENT)
		return r;
	return value ? -ENOENT : options_add_kernel_flag(options, name);
}

static int options_parse_option_list(struct options *options, const char *list)
{
	_cleanup_free_ char *copy = strdup(list);
	char *name, *rest = copy;

	if (!copy)
		return -ENOMEM;
	while ((name = strsep(&rest, ","))) {
		char *value = strchr(name, '=');
		int r;

		if (!*name)
			continue;
		if (value)
			*value++ = '\0';
		r = options_set_option(options, name, value);
		if (r == -ENOENT)
			fprintf(stderr, "dmabuffsd: unknown option \"%s\"\n", name);
		else if (r < 0)
			fprintf(stderr, "dmabuffsd: bad value of option \"%s\"\n", name);
		if (r < 0)
			return -EINVAL;
	}
	return 0;
}

static int options_set_defaults(struct options *options)
{
	*options = (struct options){
		.source = strdup("dmabuffs"),
		.mount_flags = strdup("nosuid,nodev,noexec"),
		.mode = 01777,
		.log_level = LOG_INFO,
		.ready_fd = -1,
		.passthrough = true,
		.accel = true,
	};
	limits_config_default(&options->limits);
	return options->source && options->mount_flags ? 0 : -ENOMEM;
}

static int options_parse_ready_fd(struct options *options, const char *value)
{
	uint64_t fd;
	int r = options_parse_number(value, 10, INT32_MAX, &fd);

	if (r < 0) {
		fprintf(stderr, "dmabuffsd: --ready-fd wants a descriptor number\n");
		return r;
	}
	options->ready_fd = (int)fd;
	return 0;
}

static const struct option options_long_options[] = {
	{"foreground", no_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"ready-fd", required_argument, NULL, 'r'},
	{NULL, 0, NULL, 0},
};

static int options_parse_switch(struct options *options, int c)
{
	switch (c) {
	case 'f':
		options->foreground = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case 'V':
		options->version = true;
		return 0;
	case 'o':
		return options_parse_option_list(options, optarg);
	case 'r':
		return options_parse_ready_fd(options, optarg);
	default:
		return -EINVAL;
	}
}

int options_parse(int argc, char *argv[], struct options *ret_options)
{
	struct options *options = ret_options;
	int c, r = options_set_defaults(options);

	optind = 0; /* glibc: start afresh, for a second call */
	while (r == 0 &&
	       (c = getopt_long(argc, argv, "fhVo:", options_long_options, NULL)) != -1)
		r = options_parse_switch(options, c);
	if (r < 0 || options->help || options->version)
		return r;
	if (optind + 1 != argc) {
		fprintf(stderr, "dmabuffsd: one mount point is needed\n");
		return -EINVAL;
	}
	options->mountpoint = strdup(argv[optind]);
	return options->mountpoint ? 0 : -ENOMEM;
}

void options_finish(struct options *options)
{
	free(options->mountpoint);
	free(options->source);
	free(options->mount_flags);
	*options = (struct options){.ready_fd = -1};
}

void options_print_usage(void)
{
	fputs("usage: dmabuffsd [-f] [-o OPTIONS] [--ready-fd=FD] MOUNTPOINT\n"
	      "Serves a dmabuffs file system: device buffers by UUID name.\n"
	      "\n"
	      "  -f, --foreground   stay in the foreground, log to standard error\n"
	      "  -o OPTIONS         mount options, comma separated, see below\n"
	      "      --ready-fd=FD  write \"READY=1\" and a newline to FD once serving\n"
	      "  -h, --help         this text\n"
	      "  -V, --version      the version\n"
	      "\n"
	      "Options:\n"
	      "  mode=OCTAL uid=N gid=N      of the root directory (1777, 0, 0)\n"
	      "  ns=user:pid:mnt:ipc:net:cgroup  namespaces an importer must share\n"
	      "  max-exports=N max-bytes=SIZE    limits of the mount\n"
	      "  max-exports-per-uid=N max-bytes-per-uid=SIZE max-roots-per-uid=N\n"
	      "  max-connections-per-uid=N       limits of each user\n"
	      "  nopassthrough               no mmap of names; the broker still works\n"
	      "  drivers=NAME[:NAME...]      drivers whose devices may be exported "
	      "(none)\n"
	      "  "
	      "accel=NAME[:queues=N][:memory=SIZE][:asid-bits=N][:latency=NS][:exclusive]"
	      "\n"
	      "                              a software device; may be repeated (one, "
	      "soft0)\n"
	      "  noaccel                     no devices\n"
	      "  max-contexts-per-uid=N max-asids-per-uid=N max-queues-per-uid=N\n"
	      "  max-buffers-per-uid=N max-mappings-per-uid=N max-pinned-per-uid=SIZE\n"
	      "  max-device-memory-per-uid=SIZE\n"
	      "                              limits of each user on devices\n"
	      "  log=error|warning|info|debug\n"
	      "  source=NAME and the generic flags rw, nosuid, nodev, exec, noexec, ...\n"
	      "\n"
	      "Exit status: 0 unmounted cleanly, 1 failure, 2 wrong usage.\n",
	      stdout);
}
