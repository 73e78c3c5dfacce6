/* SPDX-License-Identifier: MIT */
/* harness.c - main() of every integration test program: runs and reports its cases */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "../support/process.h"
#include "harness.h"

/* Shared by all processes of a case; the first reason reported is kept. */
struct report {
	atomic_int failed;
	char reason[600];
};

static struct report *report;
const char *test_work_dir;

const char *test_result_text(long long result, char *text, size_t size)
{
	const char *name =
		result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;

	if (name)
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "%lld", result);
	return text;
}

/* Where reasons go instead of failing the case; see test_forgive(). */
static char *forgiven;
static size_t forgiven_size;

void test_forgive(char *ret_reason, size_t size)
{
	forgiven = ret_reason;
	forgiven_size = size;
}

_printf_(4, 0) static void set_failure(char *reason, size_t size, const char *place,
				       const char *format, va_list arguments)
{
	size_t used = (size_t)snprintf(reason, size, "%s: ", place);

	vsnprintf(reason + used, size - used, format, arguments);
}

void test_fail(const char *file, int line, const char *format, ...)
{
	const char *slash = strrchr(file, '/');
	va_list arguments;
	char place[60];

	snprintf(place, sizeof(place), "%s:%d", slash ? slash + 1 : file, line);
	va_start(arguments, format);
	if (forgiven)
		set_failure(forgiven, forgiven_size, place, format, arguments);
	else if (atomic_exchange(&report->failed, 1) == 0)
		set_failure(report->reason, sizeof(report->reason), place, format,
			    arguments);
	va_end(arguments);
	_exit(1);
}

void test_note(const char *format, ...)
{
	char line[1000] = "# ";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line + 2, sizeof(line) - 3, format, arguments);
	va_end(arguments);
	strcat(line, "\n");
	if (write(STDOUT_FILENO, line, strlen(line)) < 0)
		return;
}

int test_ok(const char *file, int line, const char *text, long long result)
{
	char got[32];

	if (result < 0)
		test_fail(file, line, "%s: expected success, got %s", text,
			  test_result_text(result, got, sizeof(got)));
	return (int)result;
}

void test_error(const char *file, int line, const char *text, long long result, int error)
{
	char got[32], expected[32];

	if (result != -error)
		test_fail(file, line, "%s: expected %s, got %s", text,
			  test_result_text(-error, expected, sizeof(expected)),
			  test_result_text(result, got, sizeof(got)));
}

void test_equal(const char *file, int line, const char *text, long long got,
		long long expected)
{
	if (got != expected)
		test_fail(file, line, "%s: expected %lld (%#llx), got %lld (%#llx)", text,
			  expected, expected, got, got);
}

bool wait_ready(int fd, short events, int timeout_ms)
{
	struct pollfd pollfd = {.fd = fd, .events = events};
	uint64_t end = now_ms() + (uint64_t)timeout_ms;
	int n;

	do {
		uint64_t now = now_ms();

		n = poll(&pollfd, 1, now < end ? (int)(end - now) : 0);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

/* A sanitizer looks for leaks in a child of the service, which waits for it. */
static bool belongs_to(const struct instance *instance, pid_t pid)
{
	return pid == instance->pid || pid == instance->service ||
	       process_parent(pid) == instance->service;
}

/* Once the case's first process has exited, only the instance may still run. */
static void kill_strays(const struct instance *keep)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 1 && !(keep && belongs_to(keep, pid)))
			kill(pid, SIGKILL);
	}
	if (proc)
		closedir(proc);
}

static void run_body(const struct test_case *test, struct instance *instance)
{
	pid_t pid = fork();
	int status;

	ASSERT(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		test->run(instance);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	kill_strays(instance);
	if (report->failed)
		return;
	if (WIFSIGNALED(status))
		test_fail(__FILE__, __LINE__, "the case died: SIG%s",
			  sigabbrev_np(WTERMSIG(status)));
	ASSERT_EQ(WEXITSTATUS(status), 0);
}

/* PID 1 of the case's PID namespace: its exit kills all other processes there. */
static int run_inside(void *data)
{
	const struct test_case *test = data;
	struct instance instance;

	if (test->flags & CASE_NO_INSTANCE) {
		run_body(test, NULL);
		return 0;
	}
	instance_start(&instance, test->options);
	run_body(test, &instance);
	if (!report->failed)
		instance_settle(&instance);
	instance_stop(&instance);
	return 0;
}

static void set_reason(int result, const char *what, unsigned int seconds)
{
	char text[32];

	if (report->failed || result == 0)
		return;
	report->failed = 1;
	if (result == -ETIMEDOUT)
		snprintf(report->reason, sizeof(report->reason), "took longer than %u s",
			 seconds);
	else
		snprintf(report->reason, sizeof(report->reason), "%s: %s", what,
			 test_result_text(result, text, sizeof(text)));
}

static void run_case(const struct test_case *test)
{
	char dir[PATH_MAX / 2];
	const char *tmp = getenv("TMPDIR");
	struct cage cage = {.seconds = MAX(test->seconds, CASE_SECONDS),
			    .inside = run_inside,
			    .data = (void *)test};
	const char *what = "mkdtemp";
	int result;

	memset(report, 0, sizeof(*report));
	snprintf(dir, sizeof(dir), "%s/dmabuffs-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (mkdtemp(dir)) {
		test_work_dir = cage.dir = dir;
		result = cage_run(&cage, &what);
		if (rmdir(dir) < 0 && result == 0) {
			what = "rmdir of the directory of the case";
			result = -errno;
		}
	} else {
		result = -errno;
	}
	set_reason(result, what, cage.seconds);
}

/* Returns the first missing prerequisite of the suite, or NULL. */
static const char *missing(void)
{
	int fuse;

	if (geteuid() != 0)
		return "needs root (mounts, namespaces, several users): run it with sudo";
	if (!daemon_path())
		return "needs the environment variable DMABUFFSD: the path of dmabuffsd";
	if (access(daemon_path(), X_OK) < 0)
		return "needs dmabuffsd, which DMABUFFSD names: build it with make";
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0)
		return "needs /dev/fuse: modprobe fuse, or mknod /dev/fuse c 10 229";
	close(fuse);
	return NULL;
}

static bool wanted(const char *name, int n_names, char **names)
{
	for (int i = 0; i < n_names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return n_names == 0;
}

static bool is_case(const char *name)
{
	for (const struct test_case *test = test_cases; test->name; test++)
		if (!strcmp(test->name, name))
			return true;
	return false;
}

/* How many of the names belong to no case: a misspelt one must not count as passed. */
static int count_unknown(int n, char **names)
{
	int n_unknown = 0;

	for (int i = 0; i < n; i++) {
		if (is_case(names[i]))
			continue;
		printf("FAIL: %s: no such case\n", names[i]);
		n_unknown++;
	}
	return n_unknown;
}

int main(int argc, char **argv)
{
	const char *lack = missing();
	int n_failed;

	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	n_failed = count_unknown(argc - 1, argv + 1);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		return 1;
	for (const struct test_case *test = test_cases; test->name; test++) {
		if (!wanted(test->name, argc - 1, argv + 1))
			continue;
		if (!lack)
			run_case(test);
		n_failed += lack || report->failed;
		if (lack || report->failed)
			printf("FAIL: %s: %s\n", test->name,
			       lack ? lack : report->reason);
		else
			printf("ok %s\n", test->name);
	}
	return n_failed != 0;
}
