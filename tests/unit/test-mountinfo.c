/* SPDX-License-Identifier: MIT */
/* test-mountinfo.c - the kernel's list of mounts */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/mountinfo.h"
#include "util.h"

static const char list[] = "22 28 0:21 / /proc rw,nosuid shared:13 - proc proc rw\n"
			   "23 28 0:22 / /dev\\040x rw - devtmpfs udev rw,size=1k\n"
			   "24 28 259:1 / /a rw shared:1 master:2 - ext4 /dev/vda rw\n"
			   "no line of the kernel's\n"
			   "25 28 0:33 / /b rw - procfs none rw\n"
			   "26 28 0:34 / /c rw";

static char path[32];

static void init(void)
{
	int fd = memfd_create("mountinfo", 0);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(long, write(fd, list, strlen(list)), (long)strlen(list)));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

TestSuite(mountinfo, .init = init);

Test(mountinfo, finds_a_device)
{
	cr_assert(eq(int, mountinfo_has(path, makedev(0, 21), NULL, SIZE_MAX), 1));
	cr_assert(eq(int, mountinfo_has(path, makedev(259, 1), NULL, SIZE_MAX), 1));
	cr_assert(eq(int, mountinfo_has(path, makedev(0, 34), NULL, SIZE_MAX), 1));
	cr_assert(zero(int, mountinfo_has(path, makedev(1, 21), NULL, SIZE_MAX)));
	cr_assert(zero(int, mountinfo_has(path, makedev(0, 99), NULL, SIZE_MAX)));
}

Test(mountinfo, finds_a_type)
{
	cr_assert(eq(int, mountinfo_has(path, makedev(0, 21), "proc", SIZE_MAX), 1));
	cr_assert(zero(int, mountinfo_has(path, makedev(0, 22), "proc", SIZE_MAX)));
	cr_assert(zero(int, mountinfo_has(path, makedev(0, 33), "proc", SIZE_MAX)),
		  "a longer type");
	cr_assert(zero(int, mountinfo_has(path, makedev(0, 34), "proc", SIZE_MAX)),
		  "a line without a type");
}

Test(mountinfo, reads_at_most_max_lines)
{
	cr_assert(zero(int, mountinfo_has(path, makedev(0, 22), NULL, 1)));
	cr_assert(eq(int, mountinfo_has(path, makedev(0, 22), NULL, 2), 1));
}

Test(mountinfo, missing_file)
{
	cr_assert(eq(int, mountinfo_has("/proc/0/mountinfo", 1, NULL, 1), -ENOENT));
}
