/* SPDX-License-Identifier: MIT */
/* test-start-places.c - what is in /proc and /dev of those who start the service */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

#define ZONE_SECONDS (9 * 3600)
#define CLOSE        10 /* minutes, in which a slow machine logs a line */
#define DAY          (24 * 60)

/* ---- /proc ------------------------------------------------------------------------- */

/* As in containers: /proc has processes alone. */
static void without_proc_devices(struct instance *unused)
{
	struct instance instance;
	struct shared shared;

	ASSERT_OK(SYS(mount("proc", "/proc", "proc", 0, "subset=pid")));
	ASSERT_ERR(SYS(access("/proc/devices", F_OK)), ENOENT);
	instance_start(&instance, NULL);
	share(&shared, &instance, PAGE, 0, 0);
	unshare_buffer(&shared);
	instance_stop(&instance);
}

/* ---- /dev with the socket of syslogd ----------------------------------------------- */

static void make_node(const char *dir, const char *name, dev_t number)
{
	char path[INSTANCE_PATH_SIZE + 20];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ASSERT_OK(SYS(mknod(path, S_IFCHR | 0666, number)));
	ASSERT_OK(SYS(chmod(path, 0666)));
}

static int bind_log(const char *dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = ASSERT_OK(SYS(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)));

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/log", dir);
	ASSERT_OK(SYS(bind(fd, (struct sockaddr *)&address, sizeof(address))));
	ASSERT_OK(SYS(chmod(address.sun_path, 0666)));
	return fd;
}

/* With a mount in it, as /dev/pts is. */
static int replace_dev(void)
{
	char dir[INSTANCE_PATH_SIZE], pts[INSTANCE_PATH_SIZE + 20];
	int log;

	snprintf(dir, sizeof(dir), "%s/dev", test_work_dir);
	snprintf(pts, sizeof(pts), "%s/pts", dir);
	ASSERT_OK(SYS(mkdir(dir, 0755)));
	ASSERT_OK(SYS(mount("dev", dir, "tmpfs", 0, "mode=0755")));
	make_node(dir, "fuse", makedev(10, 229));
	make_node(dir, "null", makedev(1, 3));
	make_node(dir, "urandom", makedev(1, 9));
	ASSERT_OK(SYS(mkdir(pts, 0755)));
	ASSERT_OK(SYS(mount("pts", pts, "tmpfs", 0, NULL)));
	log = bind_log(dir);
	ASSERT_OK(SYS(mount(dir, "/dev", NULL, MS_BIND | MS_REC, NULL)));
	return log;
}

/* A service in the background has no log but this. */
static void run_in_background(const char *dir)
{
	const char *argv[] = {NULL, dir, NULL};
	char output[1000];

	ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 0);
	ASSERT(is_mounted(dir));
	ASSERT_OK(SYS(umount2(dir, 0)));
}

static void receive_line(int log, const char *text, char *line, size_t size)
{
	do {
		ssize_t n;

		if (!wait_ready(log, POLLIN, WAIT_MS))
			test_fail(__FILE__, __LINE__, "not logged: %s", text);
		n = ASSERT_OK(SYS(recv(log, line, size - 1, 0)));
		line[n] = '\0';
	} while (!strstr(line, text));
}

static void make_mount_point(char dir[INSTANCE_PATH_SIZE], uid_t owner)
{
	snprintf(dir, INSTANCE_PATH_SIZE, "%s/m", test_work_dir);
	ASSERT_OK(SYS(mkdir(dir, 0755)));
	ASSERT_OK(SYS(chown(dir, owner, owner)));
}

/* The first format of tzfile(5); big-endian. */
struct zone {
	char magic[20];
	uint32_t n_utc, n_standard, n_leap, n_changes, n_types, n_chars;
	uint32_t offset;
	uint8_t is_dst, name_at;
	char name[4];
} __attribute__((packed));

static void set_zone(void)
{
	const struct zone zone = {
		.magic = "TZif",
		.n_types = htonl(1),
		.n_chars = htonl(sizeof(zone.name)),
		.offset = htonl(ZONE_SECONDS),
		.name = "JST",
	};
	char value[INSTANCE_PATH_SIZE];
	FILE *file;

	snprintf(value, sizeof(value), ":%s/zone", test_work_dir);
	file = fopen(value + 1, "we");
	ASSERT(file);
	ASSERT_EQ(fwrite(&zone, sizeof(zone), 1, file), 1);
	fclose(file);
	ASSERT_OK(SYS(setenv("TZ", value, 1)));
}

static int minute_of_day(const struct tm *time)
{
	return time->tm_hour * 60 + time->tm_min;
}

/* syslog(3) reads the zone of the starter, which is not in the root of the service. */
static void syslog_has_local_time(struct instance *unused)
{
	time_t there = time(NULL) + ZONE_SECONDS;
	char dir[INSTANCE_PATH_SIZE], line[400];
	struct tm logged = {0}, expected;
	int log = replace_dev(), late;

	set_zone();
	make_mount_point(dir, 0);
	run_in_background(dir);
	receive_line(log, "serving", line, sizeof(line));
	ASSERT(strptime(strchr(line, '>') + 1, "%b %d %T", &logged));
	ASSERT(gmtime_r(&there, &expected));
	late = (minute_of_day(&logged) - minute_of_day(&expected) + DAY) % DAY;
	if (late > CLOSE)
		test_fail(__FILE__, __LINE__, "expected the time in the zone: %s", line);
}

static void log_unprivileged(int peer, void *data)
{
	run_in_background(data);
}

/* Mounts that a user namespace inherits cannot be taken apart. */
static void syslog_without_privilege(struct instance *unused)
{
	static const struct identity root_inside = {
		.uid = 1000, .gid = 1000, .namespaces = CLONE_NEWUSER | CLONE_NEWNS};
	char dir[INSTANCE_PATH_SIZE], line[400];
	int log = replace_dev();
	struct child child;

	make_mount_point(dir, root_inside.uid);
	child_start(&child, &root_inside, log_unprivileged, dir);
	child_wait(&child);
	receive_line(log, "serving", line, sizeof(line));
}

const struct test_case test_cases[] = {
	{"without_proc_devices", without_proc_devices, .flags = CASE_NO_INSTANCE},
	{"syslog_has_local_time", syslog_has_local_time, .flags = CASE_NO_INSTANCE},
	{"syslog_without_privilege", syslog_without_privilege, .flags = CASE_NO_INSTANCE},
	{0},
};
