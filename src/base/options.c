/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/option_table.h"
#include "base/policy.h"

/* Options of mount(8) that libfuse translates for the kernel, and that are allowed. */
static const char *const options_kernel_flags[] = {
	"rw", "nosuid", "nodev", "exec", "noexec", "atime", "noatime", "async", "dirsync",
};

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

static int options_set_ns(void *target, const char *value)
{
	struct options *options = target;

	return options_parse_namespaces(value, &options->ns_mask);
}

static int options_set_log(void *target, const char *value)
{
	struct options *options = target;
	int level = log_level_parse(value);

	if (level < 0)
		return level;
	options->log_level = level;
	return 0;
}

static int options_add_device(void *target, const char *value)
{
	struct options *options = target;
	int r;

	if (options->n_devices == DEVICES_MAX)
		return -EINVAL;
	r = options_parse_device(value, &options->devices[options->n_devices]);
	if (r == 0)
		options->n_devices++;
	return r;
}

static int options_set_drivers(void *target, const char *value)
{
	struct options *options = target;

	return options_parse_drivers(value, &options->drivers);
}

/* It becomes part of an option string of libfuse. */
static int options_set_source(void *target, const char *value)
{
	struct options *options = target;
	char *source;

	if (!*value || strchr(value, '\\'))
		return -EINVAL;
	source = strdup(value);
	if (!source)
		return -ENOMEM;
	free(options->source);
	options->source = source;
	return 0;
}

#define FIELD(member)    offsetof(struct options, member)
#define PER_MOUNT(index) FIELD(limits.per_mount[index])
#define PER_UID(index)   FIELD(limits.per_uid[index])

/* What OPTION_OCTAL and OPTION_NUMBER store. */
static_assert(sizeof(mode_t) == sizeof(uint32_t), "mode_t has 32 bits");
static_assert(sizeof(uid_t) == sizeof(uint32_t), "uid_t has 32 bits");
static_assert(sizeof(gid_t) == sizeof(uint32_t), "gid_t has 32 bits");

static const struct option_entry options_table[] = {
	{"mode", OPTION_OCTAL, FIELD(mode), .max = 07777},
	{"control-mode", OPTION_OCTAL, FIELD(control_mode), .max = 0777},
	{"uid", OPTION_NUMBER, FIELD(uid), .max = UINT32_MAX - 1},
	{"gid", OPTION_NUMBER, FIELD(gid), .max = UINT32_MAX - 1},
	{"nopassthrough", OPTION_FALSE, FIELD(passthrough)},
	{"noaccel", OPTION_FALSE, FIELD(accel)},
	{"idmap", OPTION_TRUE, FIELD(idmap)},
	{"supervisor", OPTION_TRUE, FIELD(supervisor)},
	{"nosupervisor", OPTION_FALSE, FIELD(supervisor)},
	{"isolate", OPTION_TRUE, FIELD(isolate)},
	{"ns", OPTION_PARSED, .parse = options_set_ns},
	{"log", OPTION_PARSED, .parse = options_set_log},
	{"accel", OPTION_PARSED, .parse = options_add_device},
	{"drivers", OPTION_PARSED, .parse = options_set_drivers},
	{"source", OPTION_PARSED, .parse = options_set_source},
	{"max-exports", OPTION_SIZE, PER_MOUNT(RES_EXPORTS)},
	{"max-bytes", OPTION_SIZE, PER_MOUNT(RES_BYTES)},
	{"max-exports-per-uid", OPTION_SIZE, PER_UID(RES_EXPORTS)},
	{"max-bytes-per-uid", OPTION_SIZE, PER_UID(RES_BYTES)},
	{"max-roots-per-uid", OPTION_SIZE, PER_UID(RES_ROOTS)},
	{"max-connections-per-uid", OPTION_SIZE, PER_UID(RES_CONNECTIONS)},
	{"max-contexts-per-uid", OPTION_SIZE, PER_UID(RES_CONTEXTS)},
	{"max-asids-per-uid", OPTION_SIZE, PER_UID(RES_ASIDS)},
	{"max-queues-per-uid", OPTION_SIZE, PER_UID(RES_QUEUES)},
	{"max-buffers-per-uid", OPTION_SIZE, PER_UID(RES_FILES)},
	{"max-mappings-per-uid", OPTION_SIZE, PER_UID(RES_MAPPINGS)},
	{"max-device-memory-per-uid", OPTION_SIZE, PER_UID(RES_MEMORY)},
	{"max-pinned-per-uid", OPTION_SIZE, PER_UID(RES_PINNED)},
};

/* -ENOENT: not one of those that are passed on to the kernel. */
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

static int options_set_option(struct options *options, const char *name,
			      const char *value)
{
	int r = option_set(options_table, ARRAY_SIZE(options_table), options, name,
			   value);

	return r == -ENOENT && !value ? options_add_kernel_flag(options, name) : r;
}

static int options_note_list(struct options *options, const char *list)
{
	char *text;

	if (asprintf(&text, "%s%s,", options->text, list) < 0)
		return -ENOMEM;
	free(options->text);
	options->text = text;
	return 0;
}

static int options_parse_option_list(struct options *options, const char *list)
{
	_cleanup_free_ char *copy = strdup(list);
	char *name, *rest = copy;

	if (!copy || options_note_list(options, list) < 0)
		return -ENOMEM;
	while ((name = strsep(&rest, ","))) {
		const char *value = option_split(name);
		int r;

		if (!*name && !value)
			continue;
		r = options_set_option(options, name, value);
		if (r == -ENOENT)
			fprintf(stderr, "dmabuffsd: unknown option \"%s\"\n", name);
		else if (r == -ENOMEM)
			fputs("dmabuffsd: out of memory\n", stderr);
		else if (r < 0)
			fprintf(stderr, "dmabuffsd: invalid value of option \"%s\"\n",
				name);
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
		.text = strdup(""),
		.mode = 01711,
		.control_mode = 0666,
		.log_level = LOG_INFO,
		.ready_fd = -1,
		.passthrough = true,
		.accel = true,
		.supervisor = true,
	};
	limits_config_default(&options->limits);
	return options->source && options->mount_flags && options->text ? 0 : -ENOMEM;
}

static int options_parse_ready_fd(struct options *options, const char *value)
{
	uint64_t fd;
	int r = option_number(value, 10, INT32_MAX, &fd);

	if (r < 0) {
		fprintf(stderr, "dmabuffsd: --ready-fd needs a descriptor number\n");
		return r;
	}
	options->ready_fd = (int)fd;
	return 0;
}

static const struct option options_long_options[] = {
	{"foreground", no_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"mkdir", no_argument, NULL, 'm'},
	{"ready-fd", required_argument, NULL, 'r'},
	{"fdstore", no_argument, NULL, 's'},
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
	case 'm':
		options->mkdir = true;
		return 0;
	case 'V':
		options->version = true;
		return 0;
	case 'o':
		return options_parse_option_list(options, optarg);
	case 'r':
		return options_parse_ready_fd(options, optarg);
	case 's':
		options->fdstore = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int options_parse(int argc, char *argv[], struct options *ret_options)
{
	struct options *options = ret_options;
	int c, r = options_set_defaults(options);

	optind = 0; /* glibc: resets getopt(3) for a second call */
	while (r == 0 &&
	       (c = getopt_long(argc, argv, "fhVo:", options_long_options, NULL)) != -1)
		r = options_parse_switch(options, c);
	if (r < 0 || options->help || options->version)
		return r;
	if (optind + 1 != argc) {
		fprintf(stderr, "dmabuffsd: exactly one mount point is required\n");
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
	free(options->text);
	*options = (struct options){.ready_fd = -1};
}

void options_print_usage(void)
{
	fputs("usage: dmabuffsd [-f] [-o OPTIONS] [--mkdir] [--ready-fd=FD]\n"
	      "                 [--fdstore] MOUNTPOINT\n"
	      "Serves a dmabuffs file system: device buffers by UUID name.\n"
	      "\n"
	      "  -f, --foreground   stay in the foreground, log to standard error\n"
	      "  -o OPTIONS         mount options, comma separated, see below\n"
	      "      --fdstore      systemd keeps what a successor needs\n"
	      "      --mkdir        make the directory MOUNTPOINT if it does not exist\n"
	      "      --ready-fd=FD  write \"READY=1\" and a newline to FD once serving\n"
	      "  -h, --help         this text\n"
	      "  -V, --version      the version\n"
	      "\n"
	      "Options:\n"
	      "  mode=OCTAL uid=N gid=N      of the root directory (1711, 0, 0)\n"
	      "  control-mode=OCTAL          of the file .control (0666)\n"
	      "  ns=user:pid:mnt:ipc:net:cgroup  namespaces an importer must share\n"
	      "  max-exports=N max-bytes=SIZE    limits of the mount\n"
	      "  max-exports-per-uid=N max-bytes-per-uid=SIZE max-roots-per-uid=N\n"
	      "  max-connections-per-uid=N       limits of each user\n"
	      "  nopassthrough               no mmap of names; the broker still works\n"
	      "  idmap                       bind mounts of it may be idmapped\n"
	      "  isolate                     fewer rights, slower exports\n"
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
	      "  nosupervisor                a killed service gets no successor "
	      "(supervisor)\n"
	      "  log=error|warning|info|debug\n"
	      "  source=NAME and the generic flags rw, nosuid, nodev, exec, noexec, ...\n"
	      "\n"
	      "Exit status: 0 unmounted cleanly, 1 failure, 2 wrong usage.\n",
	      stdout);
}
