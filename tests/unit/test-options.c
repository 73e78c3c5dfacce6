/* SPDX-License-Identifier: MIT */
/* test-options.c - the daemon's command line */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <dmabuffs-ioctl.h>

#include "base/option_table.h"
#include "base/options.h"
#include "util.h"

#define GIB (UINT64_C(1) << 30)

static struct options options;
static char line_copy[512]; /* argv[] of the last run points into it */

static void init(void)
{
	cr_redirect_stderr();
	cr_redirect_stdout();
}

static void finish(void)
{
	options_finish(&options);
}

TestSuite(options, .init = init, .fini = finish);

/* Parses a line, split into words. */
static int parse(const char *line)
{
	char *argv[20] = {(char *)"dmabuffsd"}, *rest = line_copy, *word;
	int argc = 1;

	options_finish(&options);
	snprintf(line_copy, sizeof(line_copy), "%s", line);
	while ((word = strsep(&rest, " ")))
		if (*word)
			argv[argc++] = word;
	return options_parse(argc, argv, &options);
}

static void expect_text(const char *text, const char *wanted)
{
	cr_assert(eq(str, (char *)text, (char *)wanted));
}

/* ---- parts ------------------------------------------------------------------------- */

Test(options, sizes)
{
	static const struct {
		const char *text;
		uint64_t size;
	} right[] = {
		{"0", 0},
		{"1", 1},
		{"010", 10},
		{"4K", 4096},
		{"4M", 4 << 20},
		{"4G", 4 * GIB},
		{"4T", 4096 * GIB},
		{"0T", 0},
		{"18446744073709551615", UINT64_MAX},
		{"16777215T", UINT64_C(16777215) << 40},
	};
	uint64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		cr_assert(zero(int, option_size(right[i].text, &size)), "%s",
			  right[i].text);
		cr_assert(eq(u64, size, right[i].size), "%s", right[i].text);
	}
}

Test(options, wrong_sizes)
{
	static const char *const wrong[] = {
		"",
		"K",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1k",
		"1KB",
		"1KK",
		"1P",
		"0x10",
		"1.5G",
		"1e3",
		"ten",
		"18446744073709551616",
		"16777216T",
		"18014398509481984K",
		"99999999999999999999999",
		"000000000000000000000000000001",
	};
	uint64_t size = 77;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert(eq(int, option_size(wrong[i], &size), -EINVAL), "\"%s\"",
			  wrong[i]);
	cr_assert(eq(u64, size, 77), "output written on failure");
}

Test(options, namespaces)
{
	uint32_t mask = 0;

	cr_assert(zero(int, options_parse_namespaces("user", &mask)));
	cr_assert(eq(u32, mask, 1));
	cr_assert(zero(int, options_parse_namespaces("cgroup", &mask)));
	cr_assert(eq(u32, mask, 1U << DMABUFFS_NS_CGROUP));
	cr_assert(zero(int, options_parse_namespaces("net:ipc:net", &mask)));
	cr_assert(eq(u32, mask, 1U << DMABUFFS_NS_NET | 1U << DMABUFFS_NS_IPC));
	cr_assert(zero(int,
		       options_parse_namespaces("user:pid:mnt:ipc:net:cgroup", &mask)));
	cr_assert(eq(u32, mask, 63));
}

Test(options, wrong_namespaces)
{
	static const char *const wrong[] = {"",          "time",     "user:", ":user",
					    "user::net", ":",        "USER",  "user,net",
					    "user net",  "user:uts", "users"};
	uint32_t mask = 77;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert(eq(int, options_parse_namespaces(wrong[i], &mask), -EINVAL),
			  "\"%s\"", wrong[i]);
	cr_assert(eq(u32, mask, 77), "output written on failure");
}

/* ---- command lines ----------------------------------------------------------------- */

Test(options, defaults)
{
	struct limits_config config;

	limits_config_default(&config);
	cr_assert(zero(int, parse("/nonexistent/./dir")));
	expect_text(options.mountpoint, "/nonexistent/./dir");
	expect_text(options.source, "dmabuffs");
	expect_text(options.mount_flags, "nosuid,nodev,noexec");
	cr_assert(eq(uint, options.mode, 01711));
	cr_assert(eq(uint, options.control_mode, 0666));
	cr_assert(eq(uint, options.uid, 0));
	cr_assert(eq(uint, options.gid, 0));
	cr_assert(eq(u32, options.ns_mask, 0));
	cr_assert(eq(int, options.log_level, LOG_INFO));
	cr_assert(eq(int, options.ready_fd, -1));
	cr_assert(not(options.foreground));
	cr_assert(options.passthrough);
	cr_assert(not(options.help));
	cr_assert(not(options.version));
	cr_assert(not(options.idmap));
	cr_assert(not(options.isolate));
	cr_assert(zero(int, memcmp(&options.limits, &config, sizeof(config))));
}

Test(options, everything)
{
	cr_assert(zero(int, parse("-f -o mode=0750,uid=12,gid=4294967294,ns=user:net,"
				  "log=debug,nopassthrough,noaccel,source=none "
				  "--ready-fd=7 -o rw,noatime /")));
	expect_text(options.mountpoint, "/");
	expect_text(options.source, "none");
	expect_text(options.mount_flags, "nosuid,nodev,noexec,rw,noatime");
	cr_assert(eq(uint, options.mode, 0750));
	cr_assert(eq(uint, options.uid, 12));
	cr_assert(eq(uint, options.gid, 4294967294U));
	cr_assert(eq(u32, options.ns_mask, 17));
	cr_assert(eq(int, options.log_level, LOG_DEBUG));
	cr_assert(eq(int, options.ready_fd, 7));
	cr_assert(options.foreground);
	cr_assert(not(options.passthrough));
}

Test(options, devices)
{
	const struct accel_device_params *device = options.devices;

	cr_assert(zero(int, parse("/")));
	cr_assert(options.accel);
	cr_assert(zero(sz, options.n_devices));
	cr_assert(zero(int, parse("-o accel=one,accel=two:queues=3:memory=2M:asid-bits=9:"
				  "latency=500:exclusive /")));
	cr_assert(eq(sz, options.n_devices, 2));
	expect_text(device[0].name, "one");
	cr_assert(zero(u32, device[0].queues));
	cr_assert(not(device[0].exclusive));
	expect_text(device[1].name, "two");
	cr_assert(eq(u32, device[1].queues, 3));
	cr_assert(eq(u64, device[1].memory, 2 << 20));
	cr_assert(eq(u32, device[1].asid_bits, 9));
	cr_assert(eq(u32, device[1].latency_ns, 500));
	cr_assert(device[1].exclusive);
	cr_assert(zero(int, parse("-o noaccel /")));
	cr_assert(not(options.accel));
}

Test(options, drivers)
{
	cr_assert(zero(int, parse("/")));
	cr_assert(zero(sz, options.drivers.n));
	cr_assert(zero(int, parse("-o drivers=mem,drivers=nvidia-frontend:nvidia /")));
	cr_assert(eq(sz, options.drivers.n, 2));
	expect_text(options.drivers.names[0], "nvidia-frontend");
	expect_text(options.drivers.names[1], "nvidia");
}

Test(options, too_many_devices)
{
	char line[300] = "-o ";

	for (int i = 0; i < DEVICES_MAX; i++)
		sprintf(line + strlen(line), "accel=d%d,", i);
	strcat(line, "rw /");
	cr_assert(zero(int, parse(line)));
	strcpy(strstr(line, "rw /"), "accel=more /");
	cr_assert(eq(int, parse(line), -EINVAL));
}

Test(options, every_limit)
{
	cr_assert(zero(int, parse("-o max-exports=1,max-bytes=2K,max-exports-per-uid=3,"
				  "max-bytes-per-uid=4M,max-roots-per-uid=5,"
				  "max-connections-per-uid=6 /")));
	cr_assert(eq(u64, options.limits.per_mount[RES_EXPORTS], 1));
	cr_assert(eq(u64, options.limits.per_mount[RES_BYTES], 2048));
	cr_assert(eq(u64, options.limits.per_uid[RES_EXPORTS], 3));
	cr_assert(eq(u64, options.limits.per_uid[RES_BYTES], 4 << 20));
	cr_assert(eq(u64, options.limits.per_uid[RES_ROOTS], 5));
	cr_assert(eq(u64, options.limits.per_uid[RES_CONNECTIONS], 6));
}

Test(options, the_last_one_counts)
{
	cr_assert(zero(int, parse("-o mode=700,source=a,log=error -o mode=711,source=b "
				  "-o ns=user,ns=pid -o log=warning,, /")));
	cr_assert(eq(uint, options.mode, 0711));
	cr_assert(eq(u32, options.ns_mask, 2));
	cr_assert(eq(int, options.log_level, LOG_WARNING));
	expect_text(options.source, "b");
}

Test(options, spellings)
{
	cr_assert(zero(int, parse("--foreground --ready-fd 0 --fdstore /")));
	cr_assert(options.foreground);
	cr_assert(options.fdstore);
	cr_assert(eq(int, options.ready_fd, 0));
	cr_assert(zero(int, parse("/ -f -omode=0")));
	cr_assert(options.foreground);
	cr_assert(eq(uint, options.mode, 0));
	cr_assert(zero(int, parse("-f -- /")));
	cr_assert(zero(int, parse("-o mode=07777 /")));
	cr_assert(eq(uint, options.mode, 07777));
	cr_assert(zero(int, parse("-o control-mode=0660 /")));
	cr_assert(eq(uint, options.control_mode, 0660));
}

Test(options, help_and_version_need_no_mount_point)
{
	cr_assert(zero(int, parse("-h")));
	cr_assert(options.help);
	cr_assert(zero(int, parse("--help /nonexistent a b")));
	cr_assert(options.help);
	cr_assert(zero(int, parse("-V")));
	cr_assert(options.version);
	cr_assert(not(options.help));
	cr_assert(zero(int, parse("--version")));
	cr_assert(options.version);
}

Test(options, kernel_flags)
{
	static const char *const flags[] = {"rw",      "nosuid", "nodev",
					    "exec",    "noexec", "atime",
					    "noatime", "async",  "dirsync"};
	char line[100], wanted[100];

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		snprintf(line, sizeof(line), "-o %s /", flags[i]);
		snprintf(wanted, sizeof(wanted), "nosuid,nodev,noexec,%s", flags[i]);
		cr_assert(zero(int, parse(line)), "%s", flags[i]);
		expect_text(options.mount_flags, wanted);
	}
}

/* ---- refusals ---------------------------------------------------------------------- */

static void expect_refused(const char *const lines[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert(eq(int, parse(lines[i]), -EINVAL), "%s", lines[i]);
}

Test(options, refuses_lines)
{
	static const char *const lines[] = {
		"",
		"-f",
		"/ /",
		"-x /",
		"--unknown /",
		"-o",
		"--ready-fd /",
		"-f=1 /",
		"--foreground=1 /",
		"-o uid=1",
	};

	expect_refused(lines, ARRAY_SIZE(lines));
}

Test(options, refuses_unknown_options)
{
	static const char *const lines[] = {
		"-o suid /",         "-o dev /",
		"-o ro /",           "-o defaults /",
		"-o modes=1 /",      "-o allow_other /",
		"-o MODE=1 /",       "-o =1 /",
		"-o rw=1 /",         "-o max-bytes-per=1 /",
		"-o fsname=x /",     "-o subtype=x /",
		"-o remount /",      "-o fd=3 /",
		"-o max-closes=1 /", "-o x,rw /",
	};

	expect_refused(lines, ARRAY_SIZE(lines));
}

Test(options, refuses_values)
{
	static const char *const lines[] = {
		"-o mode /",
		"-o mode= /",
		"-o mode=8 /",
		"-o mode=10000 /",
		"-o mode=-1 /",
		"-o mode=u+r /",
		"-o mode=0x1ff /",
		"-o control-mode /",
		"-o control-mode= /",
		"-o control-mode=8 /",
		"-o control-mode=1000 /",
		"-o control-mode=-1 /",
		"-o uid /",
		"-o uid= /",
		"-o uid=root /",
		"-o uid=-1 /",
		"-o uid=4294967295 /",
		"-o gid=4294967296 /",
		"-o gid=1K /",
		"-o ns /",
		"-o ns= /",
		"-o ns=time /",
		"-o ns=user: /",
		"-o log /",
		"-o log= /",
		"-o log=all /",
		"-o nopassthrough=1 /",
		"-o noaccel= /",
		"-o accel /",
		"-o accel= /",
		"-o accel=:queues=1 /",
		"-o accel=a-name-that-is-much-too-long-for-it /",
		"-o accel=d: /",
		"-o accel=d:queues /",
		"-o accel=d:queues= /",
		"-o accel=d:queues=0 /",
		"-o accel=d:queues=-1 /",
		"-o accel=d:queues=4294967296 /",
		"-o accel=d:memory=0 /",
		"-o accel=d:memory=1k /",
		"-o accel=d:asid-bits=0 /",
		"-o accel=d:latency=1us /",
		"-o accel=d:exclusive=1 /",
		"-o accel=d:speed=9 /",
		"-o drivers /",
		"-o drivers= /",
		"-o drivers=mem: /",
		"-o drivers=misc /",
		"-o max-contexts-per-uid /",
		"-o max-pinned-per-uid=x /",
		"-o source /",
		"-o source= /",
		"-o source=a\\b /",
		"-o max-exports /",
		"-o max-exports= /",
		"-o max-bytes=-1 /",
		"-o max-bytes=1k /",
		"-o max-roots-per-uid=x /",
		"-o rw,mode=9,uid=1 /",
	};

	expect_refused(lines, ARRAY_SIZE(lines));
}

Test(options, refuses_ready_fds)
{
	static const char *const lines[] = {
		"--ready-fd= /",           "--ready-fd=-1 /", "--ready-fd=x /",
		"--ready-fd=2147483648 /", "--ready-fd=1x /",
	};

	expect_refused(lines, ARRAY_SIZE(lines));
}

Test(options, says_why)
{
	parse("-o nonsense=1 /");
	parse("-o mode=9 /");
	parse("--ready-fd=x /");
	parse("-f");
	fflush(stderr);
	cr_assert_stderr_eq_str("dmabuffsd: unknown option \"nonsense\"\n"
				"dmabuffsd: invalid value of option \"mode\"\n"
				"dmabuffsd: --ready-fd needs a descriptor number\n"
				"dmabuffsd: exactly one mount point is required\n");
}

Test(options, finish_leaves_nothing)
{
	cr_assert(zero(int, parse("-o source=x /")));
	options_finish(&options);
	cr_assert(eq(ptr, options.mountpoint, NULL));
	cr_assert(eq(ptr, options.source, NULL));
	cr_assert(eq(ptr, options.mount_flags, NULL));
	cr_assert(eq(int, options.ready_fd, -1));
	options_finish(&options);
}

Test(options, usage_names_every_option)
{
	options_print_usage();
	fflush(stdout);
	cr_assert_stdout_neq_str("");
}

Test(options, supervisor)
{
	cr_assert(zero(int, parse("/dir")));
	cr_assert(options.supervisor);
	cr_assert(zero(int, parse("-o nosupervisor /dir")));
	cr_assert(not(options.supervisor));
	cr_assert(zero(int, parse("-o nosupervisor,supervisor /dir")));
	cr_assert(options.supervisor);
	cr_assert(eq(int, parse("-o nosupervisor=1 /dir"), -EINVAL));
}

/* What a successor compares. */
Test(options, text_has_all_lists)
{
	cr_assert(zero(int, parse("/dir")));
	cr_assert(eq(str, options.text, (char *)""));
	cr_assert(zero(int, parse("-o uid=1 -f -o gid=2,idmap /dir")));
	cr_assert(eq(str, options.text, (char *)"uid=1,gid=2,idmap,"));
}

Test(options, isolate)
{
	cr_assert(zero(int, parse("-o isolate /dir")));
	cr_assert(options.isolate);
	cr_assert(eq(int, parse("-o isolate=1 /dir"), -EINVAL));
	cr_assert(eq(int, parse("-o noisolate /dir"), -EINVAL));
}

Test(options, idmap)
{
	cr_assert(zero(int, parse("-o idmap /dir")));
	cr_assert(options.idmap);
	cr_assert(eq(int, parse("-o idmap=1 /dir"), -EINVAL));
}
