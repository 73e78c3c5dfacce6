/* SPDX-License-Identifier: MIT */
/* main.c - dmabuffsd: start, serve, end */

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/offload.h"
#include "buffers/fd_vault.h"
#include "buffers/reaper.h"
#include "fs/fs.h"
#include "fs/service.h"
#include "process/lifetime.h"
#include "process/privileges.h"
#include "process/ready.h"
#include "config.h"
#include "fd_identity.h"
#include "util.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

enum { EXIT_USAGE = 2 };

/* So that requests that take a few milliseconds wait for a CPU, not for each other. */
#define MAX_WORKERS 64

/* What the thread that finishes the start needs, and how it went. */
struct start {
	struct service *service;
	struct lifetime lifetime;
	int tree; /* owned: a private clone of the mount */
	int ready_fd;
	bool bound;             /* the broker serves */
	bool notifier_is_stuck; /* set while it ends */
};

static void main_fuse_log_line(enum fuse_log_level level, const char *format,
			       va_list args)
{
	log_message_v((int)level, format, args);
}

static struct fuse_session *main_new_session(struct service *service)
{
	const struct options *options = &service->options;
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session = NULL;
	char *list;

	if (asprintf(&list,
		     "fsname=%s,subtype=dmabuffs,default_permissions,allow_other,%s",
		     options->source, options->mount_flags) < 0)
		return NULL;
	fuse_set_log_func(main_fuse_log_line);
	if (fuse_opt_add_arg(&args, "dmabuffsd") == 0 &&
	    fuse_opt_add_arg(&args, "-o") == 0 && fuse_opt_add_arg(&args, list) == 0)
		session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), service);
	fuse_opt_free_args(&args);
	free(list);
	return session;
}

/* The parts that need no mount. */
static int main_init_parts(struct service *service)
{
	const struct options *options = &service->options;
	struct node root_node;
	int r = buffer_setup();

	if (r < 0)
		return r;
	buffer_set_drivers(&options->drivers);
	caller_setup();
	node_init(&root_node, S_IFDIR | options->mode, options->uid, options->gid);
	limits_init(&service->limits, &options->limits);
	r = table_init(&service->table, &service->limits, &root_node);
	if (r < 0)
		return r;
	tickets_init(&service->tickets, &service->limits);
	service->passthrough = options->passthrough && privileges_are_initial();
	return 0;
}

/* The exports first: some refer to address spaces of devices. */
static void main_finish_parts(struct service *service)
{
	table_finish(&service->table);
	if (!devices_stop(&service->devices)) {
		log_warning("ending, though a client keeps an engine from its memory");
		_exit(EXIT_SUCCESS);
	}
	tickets_finish(&service->tickets);
	limits_finish(&service->limits);
}

/*
 * The mount as the broker and the watch need it. Neither call makes a FUSE request: the
 * root of a mount is not looked up, and its attributes are not asked for.
 */
static int main_inspect_mount(const char *mountpoint, uint64_t *ret_dev, int *ret_tree)
{
	uint64_t ino;
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, mountpoint,
				OPEN_TREE_CLONE | O_CLOEXEC);
	int r;

	if (tree < 0)
		return -errno;
	r = fd_identity(tree, ret_dev, &ino);
	if (r < 0) {
		close(tree);
		return r;
	}
	*ret_tree = tree;
	return 0;
}

/* Told by the watch when it ends: requests are still served. */
static void main_before_end(void *data)
{
	struct start *start = data;

	start->notifier_is_stuck = !notifier_stop(&start->service->notifier);
}

static void main_tell_ready(const struct start *start)
{
	const struct service *service = start->service;

	if (!service->options.foreground)
		ready_detach();
	log_info("serving %s, up to %llu exports", service->options.mountpoint,
		 (unsigned long long)MIN(service->max_fds,
					 service->limits.config.per_mount[RES_EXPORTS]));
	ready_tell(start->ready_fd);
}

/*
 * Runs beside the session loop, which has to answer what bind(2) asks. Signals and
 * umount(2) are heeded only after that: the loop must not end under it.
 */
static void *main_finish_start(void *arg)
{
	struct start *start = arg;
	struct service *service = start->service;
	int r;

	service->binder = gettid();
	r = broker_start(&service->broker, start->tree);
	service->binder = 0;
	close(start->tree);
	start->bound = r == 0;
	if (r < 0)
		log_error("the broker cannot be bound: %s", strerror(-r));
	r = lifetime_start(&start->lifetime, !start->bound);
	if (r < 0) {
		log_error("the mount cannot be watched: %s", strerror(-r));
		_exit(EXIT_FAILURE);
	}
	if (start->bound)
		main_tell_ready(start);
	return NULL;
}

static int main_run_loop(struct service *service)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r = -ENOMEM;

	if (config) {
		fuse_loop_cfg_set_max_threads(config, MAX_WORKERS);
		r = fuse_session_loop_mt(service->session, config);
	}
	fuse_loop_cfg_destroy(config);
	return r;
}

/*
 * A client can keep a thread of ours in the kernel for as long as it lives. Then the
 * process ends without giving back what that thread may still use.
 */
static void main_leave_if_stuck(struct service *service, bool stuck)
{
	if (offload_wait_all(&service->limits) && !stuck)
		return;
	log_warning("ending, though a client keeps a call of ours in the kernel");
	/* Closes the connection, which ends the requests of everybody else. */
	fuse_session_destroy(service->session);
	_exit(EXIT_SUCCESS);
}

static int main_serve_loop(struct service *service, struct start *start)
{
	pthread_t thread;
	bool io_is_stuck, reaper_is_stuck;
	int r = -pthread_create(&thread, NULL, main_finish_start, start);

	if (r < 0)
		return r;
	r = main_run_loop(service);
	pthread_join(thread, NULL);
	if (start->bound)
		broker_stop(&service->broker);
	lifetime_stop(&start->lifetime);
	/* Where the connection was aborted, nobody has told it yet. */
	if (!start->notifier_is_stuck)
		start->notifier_is_stuck = !notifier_stop(&service->notifier);
	io_is_stuck = !dmabuf_io_stop(&service->dmabuf_io);
	reaper_is_stuck = !reaper_stop();
	main_leave_if_stuck(service,
			    start->notifier_is_stuck || io_is_stuck || reaper_is_stuck);
	/* From here on, no engine tells anything to the session. */
	devices_close(&service->devices);
	return start->bound ? r : -EIO;
}

static int main_start_helpers(struct service *service)
{
	struct broker *broker = &service->broker;
	int r = notifier_start(&service->notifier, service->session, &service->table);

	if (r < 0)
		return r;
	broker->table = &service->table;
	broker->limits = &service->limits;
	broker->tickets = &service->tickets;
	service->devices.limits = &service->limits;
	service->devices.tickets = &service->tickets;
	service->devices.notifier = &service->notifier;
	dmabuf_io_init(&service->dmabuf_io, &service->limits);
	r = reaper_start();
	return r < 0 ? r : devices_start(&service->devices, &service->options);
}

static int main_serve_mounted(struct service *service, int ready_fd)
{
	struct start start = {
		.service = service,
		.ready_fd = ready_fd,
		.lifetime =
			{
				.session = service->session,
				.mountpoint = service->options.mountpoint,
				.loop_thread = pthread_self(),
				.before_end = main_before_end,
				.data = &start,
			},
	};
	int r = main_inspect_mount(service->options.mountpoint,
				   &service->broker.mount_dev, &start.tree);

	start.lifetime.mount_dev = service->broker.mount_dev;
	if (r == 0)
		r = privileges_drop();
	if (r < 0)
		return r;
	/* Threads keep the capabilities they are started with: from here on few. */
	service->max_fds = fd_vault_start(service->limits.config.per_mount[RES_EXPORTS]);
	limits_fit_descriptors(&service->limits, fd_vault_reserved());
	r = main_start_helpers(service);
	return r < 0 ? r : main_serve_loop(service, &start);
}

static int main_serve(struct service *service, int ready_fd)
{
	int r;

	privileges_raise_nofile();
	service->session = main_new_session(service);
	if (!service->session)
		return -EINVAL;
	if (fuse_session_mount(service->session, service->options.mountpoint) < 0) {
		fuse_session_destroy(service->session);
		return -EIO;
	}
	r = main_serve_mounted(service, ready_fd);
	lifetime_unmount(service->options.mountpoint, service->broker.mount_dev);
	fuse_session_destroy(service->session);
	return r;
}

/* The daemon leaves its working directory, and libfuse takes what it is given. */
static int main_resolve_mountpoint(struct options *options)
{
	char *resolved = realpath(options->mountpoint, NULL);
	struct stat st;
	int r = 0;

	if (!resolved || stat(resolved, &st) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	if (r < 0) {
		log_error("%s: %s", options->mountpoint, strerror(-r));
		free(resolved);
		return r;
	}
	free(options->mountpoint);
	options->mountpoint = resolved;
	return 0;
}

static int main_run(struct service *service)
{
	int ready_fd = service->options.ready_fd;
	int r = main_resolve_mountpoint(&service->options);

	if (r < 0)
		return r;
	if (!service->options.foreground)
		ready_fd = ready_fork();
	if (!service->options.foreground && ready_fd < 0)
		return ready_fd;
	lifetime_block_signals();
	r = main_init_parts(service);
	if (r < 0)
		return r;
	r = main_serve(service, ready_fd);
	main_finish_parts(service);
	fd_vault_stop();
	return r;
}

int main(int argc, char *argv[])
{
	static struct service service;
	int r = options_parse(argc, argv, &service.options);

	if (r < 0) {
		fputs("Try dmabuffsd --help.\n", stderr);
	} else if (service.options.help) {
		options_print_usage();
	} else if (service.options.version) {
		printf("dmabuffsd %s, libfuse %s\n", VERSION, fuse_pkgversion());
	} else {
		log_set_level(service.options.log_level);
		r = main_run(&service);
		if (r < 0)
			log_error("not serving: %s", strerror(-r));
		options_finish(&service.options);
		return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	options_finish(&service.options);
	return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
}
