/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <time.h>

#include "base/log.h"
#include "buffers/buffer.h"
#include "buffers/closer.h"
#include "fs/fs.h"
#include "fs/restore.h"
#include "names/caller.h"
#include "reader.h"

#define SETTLE_MS 20000

struct service host_service;
struct fuse_req host_request;

static struct fuse_ctx host_caller;
static struct accel_device_info host_device_before;
static int host_fds_before;

/* ---- libfuse ----------------------------------------------------------------------- */

void *__wrap_fuse_req_userdata(fuse_req_t req)
{
	return &host_service;
}

const struct fuse_ctx *__wrap_fuse_req_ctx(fuse_req_t req)
{
	return &host_caller;
}

static int host_answer(struct fuse_req *req, int error)
{
	req->error = error;
	MUST(atomic_fetch_add(&req->answers, 1) == 0);
	return 0;
}

int __wrap_fuse_reply_err(fuse_req_t req, int error)
{
	MUST(error >= 0 && error < 200);
	return host_answer(req, error);
}

int __wrap_fuse_reply_ioctl(fuse_req_t req, int result, const void *body, size_t size)
{
	MUST(result == 0 && size <= HOST_CARRIED);
	memcpy(req->body, body, size);
	req->size = size;
	return host_answer(req, 0);
}

int __wrap_fuse_reply_open(fuse_req_t req, const struct fuse_file_info *fi)
{
	req->handle = fi->fh;
	return host_answer(req, 0);
}

int __wrap_fuse_reply_buf(fuse_req_t req, const char *bytes, size_t size)
{
	MUST(size && size % sizeof(struct accel_event) == 0);
	return host_answer(req, 0);
}

int __wrap_fuse_reply_poll(fuse_req_t req, unsigned int events)
{
	MUST(!(events & ~(unsigned int)POLLIN));
	return host_answer(req, 0);
}

/* ---- waiting ----------------------------------------------------------------------- */

static uint64_t host_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits at most SETTLE_MS, which no correct run needs. */
static bool host_wait_for(bool (*holds)(void *data), void *data)
{
	const struct timespec moment = {.tv_nsec = 20000};
	uint64_t end = host_now_ms() + SETTLE_MS;

	while (!holds(data)) {
		if (host_now_ms() > end)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

static bool host_is_answered(void *data)
{
	return ((struct fuse_req *)data)->answers > 0;
}

struct fuse_req *host_new_request(void)
{
	host_request.answers = 0;
	return &host_request;
}

void host_wait_answer(struct fuse_req *req)
{
	MUST(host_wait_for(host_is_answered, req));
}

/* ---- leaks ------------------------------------------------------------------------- */

static int host_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	MUST(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Returns the first difference from the start, or NULL. */
static const char *host_find_difference(void)
{
	static char text[64];
	struct accel_device_info info = {.size = sizeof(info)};

	/*
	 * A query first reclaims memory that importers have released, and the bank. The
	 * service has a thread that turns that, which would have descriptors at any time.
	 */
	(void)bank_turn(host_service.state.bank, true);
	accel_device_query(host_service.devices.list[0], &info);
	if (memcmp(&info, &host_device_before, sizeof(info)))
		return "the device is in use";
	for (int resource = 0; resource < RES_COUNT; resource++) {
		uint64_t used =
			limits_used(&host_service.limits, (enum resource)resource);

		snprintf(text, sizeof(text), "resource %d: %llu still charged", resource,
			 (unsigned long long)used);
		if (used)
			return text;
	}
	return host_count_fds() == host_fds_before ? NULL : "descriptors leak";
}

/* libFuzzer opens files between runs only. */
void host_begin(void)
{
	host_fds_before = host_count_fds();
}

static bool host_is_as_before(void *data)
{
	return !host_find_difference();
}

void host_expect_unused(void)
{
	if (host_wait_for(host_is_as_before, NULL))
		return;
	fprintf(stderr, "ERROR: leak: %s\n", host_find_difference());
	abort();
}

/* ---- the start --------------------------------------------------------------------- */

/* Commands may write to this process's memory, instead of the fuzzer's own. */
static pid_t host_start_victim(void)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int host_open_proc(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags | O_CLOEXEC);
}

static int host_sealed_memfd(void)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	MUST(fd >= 0 && ftruncate(fd, 2 * FUZZ_PAGE) == 0);
	MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE) == 0);
	return fd;
}

static void host_place_fd(int place, int fd)
{
	MUST(fd >= 0 && fcntl(HOST_FIRST_FD + place, F_GETFD) < 0);
	MUST(dup3(fd, HOST_FIRST_FD + place, O_CLOEXEC) == HOST_FIRST_FD + place);
	close(fd);
}

/* Small numbers in requests name these descriptors. */
static void host_place_fds(void)
{
	pid_t victim = host_start_victim();
	int memfd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	MUST(memfd >= 0 && ftruncate(memfd, 4 * FUZZ_PAGE) == 0);
	host_place_fd(HOST_MEMFD, memfd);
	host_place_fd(HOST_SEALED_MEMFD, host_sealed_memfd());
	host_place_fd(HOST_MEM, host_open_proc(victim, "mem", O_RDWR));
	host_place_fd(HOST_MAPS, host_open_proc(victim, "maps", O_RDONLY));
	host_place_fd(HOST_READONLY_MEM, host_open_proc(victim, "mem", O_RDONLY));
	host_place_fd(HOST_ROOT, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void host_start_service(void)
{
	struct options *options = &host_service.options;
	struct node root;

	log_set_level(LOG_ERR);
	MUST(buffer_setup() == 0);
	caller_setup();
	options->accel = true;
	limits_config_default(&options->limits);
	limits_init(&host_service.limits, &options->limits);
	node_init(&root, S_IFDIR | 0777, 0, 0);
	MUST(state_create(options->limits.per_mount[RES_EXPORTS], &restore_bank_ops,
			  &host_service, &host_service.state) == 0);
	MUST(table_init(&host_service.table, &host_service.limits, &host_service.state,
			&root) == 0);
	tickets_init(&host_service.tickets, &host_service.limits);
	host_service.broker = (struct broker){
		.table = &host_service.table,
		.limits = &host_service.limits,
		.tickets = &host_service.tickets,
	};
	MUST(notifier_start(&host_service.notifier, NULL, &host_service.table) == 0);
	MUST(closer_start() == 0);
	host_service.devices.limits = &host_service.limits;
	host_service.devices.tickets = &host_service.tickets;
	host_service.devices.notifier = &host_service.notifier;
	host_service.devices.state = &host_service.state;
	MUST(devices_start(&host_service.devices, options) == 0);
}

void host_start(void)
{
	host_place_fds();
	host_start_service();
	host_caller.pid = (pid_t)syscall(SYS_gettid);
	host_device_before.size = sizeof(host_device_before);
	accel_device_query(host_service.devices.list[0], &host_device_before);
}
