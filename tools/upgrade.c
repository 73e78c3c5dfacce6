/* SPDX-License-Identifier: MIT */
/* upgrade.c - dmabuffs upgrade */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <dmabuffs-ioctl.h>

#include "cli.h"
#include "report.h"

static int upgrade_call(struct dmabuffs *instance)
{
	struct dmabuffs_upgrade upgrade = {.size = sizeof(upgrade)};
	_cleanup_close_ int control = openat(dmabuffs_root_fd(instance),
					     DMABUFFS_CONTROL_NAME, O_RDWR | O_CLOEXEC);

	if (control < 0)
		return -errno;
	return ioctl(control, DMABUFFS_IOC_UPGRADE, &upgrade) < 0 ? -errno : 0;
}

static const char *upgrade_reason(int error)
{
	switch (-error) {
	case EPROTO:
	case EBADMSG:
		return "refused: the installed service cannot continue, see the log";
	case ENOEXEC:
		return "refused: the installed service does not start, see the log";
	case ENOENT:
		return "refused: no service is installed where this one was";
	case EOPNOTSUPP:
		return "this service has no holder (nosupervisor)";
	case EBUSY:
		return "another upgrade is under way";
	case EINTR:
		return "the service was killed meanwhile, and not upgraded: try again";
	case ESHUTDOWN:
		return "the instance is ending";
	case ETIMEDOUT:
		return "refused: the installed service does not get ready";
	default:
		return NULL;
	}
}

int command_upgrade(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {CLI_LONG_OPTIONS};
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	const char *reason;
	int r;

	if (cli_option(cli, argc, argv, CLI_SHORT_OPTIONS, options) == CLI_STOP)
		return cli->code;
	if (optind < argc - 1)
		return cli_usage(cli, "at most one mount point");
	if (optind < argc)
		cli->mount = argv[optind];
	r = cli_open(cli, &instance);
	if (r != CODE_OK)
		return r;
	r = upgrade_call(instance);
	if (r == 0)
		return CODE_OK;
	reason = upgrade_reason(r);
	report_line(cli, "%s: %s", cli_mount_point(cli), reason ? reason : strerror(-r));
	return r == -EPERM || r == -EACCES ? CODE_REFUSED : CODE_FAILED;
}
