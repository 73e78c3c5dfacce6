/* SPDX-License-Identifier: MIT */
/*
 * mount.dmabuffs.c - what mount(8) runs for `mount -t dmabuffs SOURCE TARGET`
 *
 * It removes the options that concern mount(8) alone and executes the service, which
 * refuses any that it does not know: a misspelt option that is ignored could leave the
 * mount open to more users than intended.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <util.h>

#include "config.h"

#define DAEMON "dmabuffsd"

/* The same as those of the service, which is executed in place of this program. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct request {
	const char *source, *target;
	char *options;         /* owned: source=SOURCE and those for the service */
	const char *namespace; /* the mount namespace to mount in; NULL: this one */
	bool fake, verbose, version;
};

/* ---- options ----------------------------------------------------------------------- */

/* About the line in fstab(5), not about the file system; with "=": any value. */
static const char *const helper_for_mount_only[] = {
	"defaults", "auto",  "noauto", "nofail", "_netdev", "comment=", "user",
	"user=",    "users", "nouser", "owner",  "noowner", "group",    "nogroup",
};

static bool helper_is_for_mount_only(const char *option, size_t length)
{
	/* x-systemd.*, X-mount.* and the like: for other readers of fstab(5). */
	if (length > 2 && (option[0] == 'x' || option[0] == 'X') && option[1] == '-')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(helper_for_mount_only); i++) {
		const char *name = helper_for_mount_only[i];
		size_t n = strlen(name);
		bool takes_value = name[n - 1] == '=';

		if ((takes_value ? length >= n : length == n) &&
		    !strncmp(option, name, n))
			return true;
	}
	return false;
}

/* Up to the next comma outside double quotes, as mount(8) parses it. */
static size_t helper_option_length(const char *list)
{
	bool quoted = false;
	size_t length;

	for (length = 0; list[length] && (quoted || list[length] != ','); length++)
		if (list[length] == '"')
			quoted = !quoted;
	return length;
}

static int helper_append_option(struct request *request, const char *option,
				size_t length)
{
	char *longer;

	if (asprintf(&longer, "%s,%.*s", request->options, (int)length, option) < 0)
		return -ENOMEM;
	free(request->options);
	request->options = longer;
	return 0;
}

static int helper_add_options(struct request *request, const char *list)
{
	while (*list) {
		size_t length = helper_option_length(list);

		if (length == strlen("remount") && !strncmp(list, "remount", length)) {
			fputs("mount.dmabuffs: cannot remount: options are fixed at "
			      "mount time; unmount and mount again\n",
			      stderr);
			return -EINVAL;
		}
		if (length && !helper_is_for_mount_only(list, length) &&
		    helper_append_option(request, list, length) < 0)
			return -ENOMEM;
		list += length;
		list += *list == ',';
	}
	return 0;
}

/* ---- arguments --------------------------------------------------------------------- */

static int helper_usage(void)
{
	fputs("usage: mount.dmabuffs SOURCE TARGET [-fnsvV] [-N NAMESPACE] [-t TYPE] "
	      "[-o OPTIONS]\n"
	      "mount(8) runs this: mount -t dmabuffs none TARGET\n",
	      stderr);
	return -EINVAL;
}

/* @lists holds each -o: the source, which precedes them in the result, comes later. */
static int helper_parse_switches(struct request *request, int argc, char *argv[],
				 const char *lists[], size_t *ret_n_lists)
{
	int c;

	*ret_n_lists = 0;
	while ((c = getopt(argc, argv, "fnsvVN:t:o:")) != -1)
		switch (c) {
		case 'f':
			request->fake = true;
			break;
		case 'v':
			request->verbose = true;
			break;
		case 'V':
			request->version = true;
			break;
		case 'N':
			request->namespace = optarg;
			break;
		case 'o':
			lists[(*ret_n_lists)++] = optarg;
			break;
		case 'n': /* no mtab is written */
		case 's': /* unknown options are always refused, see above */
		case 't': /* there is one type */
			break;
		default:
			return helper_usage();
		}
	return 0;
}

static int helper_parse(struct request *request, int argc, char *argv[])
{
	_cleanup_free_ const char **lists = calloc((size_t)argc, sizeof(*lists));
	size_t n_lists;
	int r = lists ? helper_parse_switches(request, argc, argv, lists, &n_lists)
		      : -ENOMEM;

	if (r < 0 || request->version)
		return r;
	if (argc - optind != 2)
		return helper_usage();
	request->source = argv[optind];
	request->target = argv[optind + 1];
	/* It becomes part of a list of options. */
	if (!*request->source || strchr(request->source, ',')) {
		fputs("mount.dmabuffs: invalid SOURCE: it must be a word without a "
		      "comma\n",
		      stderr);
		return -EINVAL;
	}
	if (asprintf(&request->options, "source=%s", request->source) < 0) {
		request->options = NULL;
		return -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < n_lists; i++)
		r = helper_add_options(request, lists[i]);
	return r;
}

/* ---- mounting ---------------------------------------------------------------------- */

static int helper_enter_namespace(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0) {
		fprintf(stderr, "mount.dmabuffs: cannot enter mount namespace %s: %m\n",
			path);
		return -errno;
	}
	return 0;
}

static int helper_check_target(const char *target)
{
	/* The service mounts over an instance that is dead, which stat(2) cannot tell. */
	_cleanup_close_ int fd = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	fprintf(stderr, "mount.dmabuffs: cannot mount at %s: %m\n", target);
	return -errno;
}

/* The first choice is the daemon installed or built with this program. */
static void helper_exec_beside_itself(char *arguments[])
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (length <= 0)
		return;
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash + 1 - path) + sizeof(DAEMON) > sizeof(path))
		return;
	memcpy(slash + 1, DAEMON, sizeof(DAEMON));
	(void)execv(path, arguments);
}

static int helper_exec_daemon(char *arguments[])
{
	helper_exec_beside_itself(arguments);
	(void)execv(SBINDIR "/" DAEMON, arguments);
	(void)execvp(DAEMON, arguments);
	fprintf(stderr, "mount.dmabuffs: cannot execute " DAEMON ": %m\n");
	return -errno;
}

/* execv(3) does not change them, but its argument type is not const. */
static char helper_daemon_name[] = DAEMON, helper_take_options[] = "-o",
	    helper_only_version[] = "--version", helper_no_more_options[] = "--";

/* With --version the service checks its options first. */
static int helper_fake_mount(const struct request *request)
{
	char *arguments[] = {helper_daemon_name, helper_take_options, request->options,
			     helper_only_version, NULL};
	int r = helper_check_target(request->target);

	if (r < 0)
		return r;
	if (!request->verbose && !freopen("/dev/null", "w", stdout))
		return -errno;
	return helper_exec_daemon(arguments);
}

static int helper_mount_it(const struct request *request)
{
	char *arguments[] = {helper_daemon_name,      helper_take_options,
			     request->options,        helper_no_more_options,
			     (char *)request->target, NULL};

	if (request->verbose)
		fprintf(stderr, "mount.dmabuffs: " DAEMON " -o %s -- %s\n",
			request->options, request->target);
	return helper_exec_daemon(arguments);
}

int main(int argc, char *argv[])
{
	struct request request = {NULL};
	int r = helper_parse(&request, argc, argv);

	if (r == -EINVAL) {
		free(request.options);
		return EXIT_USAGE;
	}
	if (r == 0 && request.version) {
		puts("mount.dmabuffs " PACKAGE_VERSION);
		return fflush(stdout) == EOF ? EXIT_FAILED : EXIT_SUCCESS;
	}
	if (r == 0 && request.namespace)
		r = helper_enter_namespace(request.namespace);
	if (r == 0)
		r = request.fake ? helper_fake_mount(&request)
				 : helper_mount_it(&request);
	else if (r == -ENOMEM)
		fputs("mount.dmabuffs: out of memory\n", stderr);
	free(request.options);
	return EXIT_FAILED;
}
