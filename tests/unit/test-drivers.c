/* SPDX-License-Identifier: MIT */
/* test-drivers.c - devices of listed drivers: the option, and accepted descriptors */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <linux/major.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/options.h"
#include "buffers/buffer.h"
#include "fd_identity.h"
#include "fixture.h"

static struct driver_list drivers;

static void list(const char *text)
{
	cr_assert(zero(int, options_parse_drivers(text, &drivers)), "%s", text);
	buffer_set_drivers(&drivers);
}

static void init(void)
{
	cr_assert(zero(int, buffer_setup()));
}

TestSuite(drivers, .init = init);

/* ---- the option -------------------------------------------------------------------- */

Test(drivers, names)
{
	list("nvidia-frontend:nvidia:/dev/vc/0");
	cr_assert(eq(sz, drivers.n, 3));
	cr_assert(drivers_have(&drivers, "nvidia-frontend"));
	cr_assert(drivers_have(&drivers, "nvidia"));
	cr_assert(drivers_have(&drivers, "/dev/vc/0"));
	cr_assert(not(drivers_have(&drivers, "nvidi")));
	cr_assert(not(drivers_have(&drivers, "nvidia-")));
	cr_assert(not(drivers_have(&drivers, "")));
}

Test(drivers, refused_names)
{
	static const char *const wrong[] = {
		"",          ":",         "mem:",     ":mem", "mem::tty", "misc",
		"fuse",      "mem:misc",  "fuse:mem", " mem", "mem ",     "me m",
		"mem:\ttty", "n\xc3\xa4", "mem\n",    "\x7f",
	};
	struct driver_list kept = {.n = 77};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert(eq(int, options_parse_drivers(wrong[i], &kept), -EINVAL),
			  "\"%s\"", wrong[i]);
	cr_assert(eq(sz, kept.n, 77), "output written on failure");
}

Test(drivers, bounds)
{
	char text[DRIVERS_MAX * 4 + DRIVER_NAME_SIZE] = "";

	memset(text, 'n', DRIVER_NAME_SIZE - 1);
	list(text);
	cr_assert(eq(sz, strlen(drivers.names[0]), DRIVER_NAME_SIZE - 1));
	text[DRIVER_NAME_SIZE - 1] = 'n';
	cr_assert(eq(int, options_parse_drivers(text, &drivers), -EINVAL));
	memset(text, 0, sizeof(text));
	for (int i = 0; i < DRIVERS_MAX; i++)
		sprintf(text + strlen(text), "%sd%d", i ? ":" : "", i);
	list(text);
	cr_assert(eq(sz, drivers.n, DRIVERS_MAX));
	strcat(text, ":d");
	cr_assert(eq(int, options_parse_drivers(text, &drivers), -EINVAL));
}

/* ---- /proc/devices ----------------------------------------------------------------- */

static bool has_major(const char *names, unsigned major)
{
	static char text[] = "Character devices:\n"
			     "  1 mem\n"
			     "  4 /dev/vc/0\n"
			     "  4 tty\n"
			     " 10 misc\n"
			     "195 nvidia\n"
			     "195 nvidiactl\n"
			     "236 with space\n"
			     "240\n"
			     "\n"
			     "Block devices:\n"
			     "  7 loop\n"
			     "253 virtblk\n";
	FILE *devices = fmemopen(text, strlen(text), "r");
	bool found;

	cr_assert(ne(ptr, devices, NULL));
	list(names);
	found = drivers_have_major_in(&drivers, major, devices);
	fclose(devices);
	return found;
}

Test(drivers, majors)
{
	cr_assert(has_major("mem", 1));
	cr_assert(not(has_major("mem", 4)));
	cr_assert(not(has_major("mem", 0)));
	cr_assert(has_major("tty", 4));
	cr_assert(has_major("other:/dev/vc/0", 4));
	cr_assert(has_major("nvidia", 195));
	cr_assert(has_major("nvidiactl", 195));
	cr_assert(not(has_major("nvidi", 195)));
	cr_assert(not(has_major("nvidiactl2", 195)));
	cr_assert(not(has_major("with", 236)));
	cr_assert(not(has_major("240", 240)));
	cr_assert(not(has_major("nvidia", 19)));
	cr_assert(not(has_major("nvidia", 1950)));
}

/* Block devices have separate major numbers. */
Test(drivers, block_devices_are_none)
{
	cr_assert(not(has_major("loop", 7)));
	cr_assert(not(has_major("virtblk", 253)));
}

/* The major of /dev/fuse is excluded, whatever the option lists. */
Test(drivers, the_major_of_fuse_is_never_taken)
{
	drivers = (struct driver_list){.names = {"misc"}, .n = 1};
	cr_assert(zero(int, drivers_have_major(&drivers, MISC_MAJOR)));
	list("mem");
	cr_assert(eq(int, drivers_have_major(&drivers, MEM_MAJOR), 1));
	cr_assert(zero(int, drivers_have_major(&drivers, MISC_MAJOR)));
}

/* ---- descriptors ------------------------------------------------------------------- */

static int open_zero(int flags)
{
	int fd = open("/dev/zero", flags | O_CLOEXEC);

	cr_assert(ge(int, fd, 0));
	return fd;
}

static void expect_kind(const char *path, int flags, int kind)
{
	int fd = open(path, flags | O_CLOEXEC);

	cr_assert(ge(int, fd, 0), "%s", path);
	cr_assert(eq(int, buffer_kind(fd), kind), "%s", path);
	close(fd);
}

Test(drivers, only_devices_of_listed_drivers)
{
	expect_kind("/dev/zero", O_RDWR, -EBADFD);
	list("tty");
	expect_kind("/dev/zero", O_RDWR, -EBADFD);
	list("mem");
	expect_kind("/dev/zero", O_RDWR, DMABUFFS_KIND_DEVICE);
	expect_kind("/dev/zero", O_RDONLY, DMABUFFS_KIND_DEVICE);
	expect_kind("/dev/full", O_RDWR, DMABUFFS_KIND_DEVICE);
	expect_kind("/dev/ptmx", O_RDWR | O_NOCTTY, -EBADFD);
	expect_kind("/dev", O_RDONLY | O_DIRECTORY, -EBADFD);
	expect_kind("/proc/devices", O_RDONLY, -EBADFD);
	buffer_set_drivers(NULL);
	expect_kind("/dev/zero", O_RDWR, -EBADFD);
}

/* O_PATH needs no permission on the device. */
Test(drivers, a_path_is_no_device)
{
	struct buffer buffer = {.fd = 77};
	int fd = open_zero(O_PATH);

	list("mem");
	cr_assert(eq(int, buffer_kind(fd), -EBADFD));
	cr_assert(eq(int, buffer_init(&buffer, fd, false, NULL), -EBADF));
	cr_assert(eq(int, buffer.fd, 77));
	cr_assert(is_open(fd));
	close(fd);
}

static int init_zero(struct buffer *ret_buffer, int flags, bool readonly)
{
	int fd = open_zero(flags);
	int r = buffer_init(ret_buffer, fd, readonly, NULL);

	if (r < 0) {
		cr_assert(is_open(fd), "the caller's descriptor was closed");
		close(fd);
	} else {
		cr_assert(eq(int, ret_buffer->fd, fd), "the description was reopened");
	}
	return r;
}

Test(drivers, access_modes)
{
	struct buffer buffer = {.fd = 77};

	list("mem");
	cr_assert(eq(int, init_zero(&buffer, O_RDONLY, false), -EACCES));
	cr_assert(eq(int, init_zero(&buffer, O_WRONLY, false), -EACCES));
	cr_assert(eq(int, init_zero(&buffer, O_WRONLY, true), -EACCES));
	/* An importer that opens a read-only name could never fetch it. */
	cr_assert(eq(int, init_zero(&buffer, O_RDWR, true), -EACCES));
	cr_assert(eq(int, buffer.fd, 77), "output written on failure");
	cr_assert(zero(int, init_zero(&buffer, O_RDONLY, true)));
	buffer_finish(&buffer);
	cr_assert(zero(int, init_zero(&buffer, O_RDWR, false)));
	buffer_finish(&buffer);
}

Test(drivers, each_has_an_identity_of_its_own)
{
	struct buffer a, b;
	uint64_t dev, ino;

	list("mem");
	cr_assert(zero(int, init_zero(&a, O_RDWR, false)));
	cr_assert(zero(int, init_zero(&b, O_RDWR, false)));
	cr_assert(ne(u64, a.ino, b.ino));
	cr_assert(zero(int, fd_identity(a.fd, &dev, &ino)));
	cr_assert(ne(u64, a.dev, dev), "equals a device number of files");
	buffer_finish(&a);
	buffer_finish(&b);
}

/* Whether both share one open file description, not just one device. */
static bool is_same_file(int a, int b)
{
	int flags = fcntl(a, F_GETFL);
	bool same;

	cr_assert(zero(int, fcntl(a, F_SETFL, flags ^ O_NONBLOCK)));
	same = (fcntl(b, F_GETFL) ^ flags) & O_NONBLOCK;
	fcntl(a, F_SETFL, flags);
	return same;
}

Test(drivers, importers_get_the_description)
{
	struct buffer buffer;
	int fd;

	list("mem");
	cr_assert(zero(int, init_zero(&buffer, O_RDWR, false)));
	cr_assert(eq(int, buffer_open(&buffer, O_RDONLY), -EACCES));
	cr_assert(eq(int, buffer_open(&buffer, O_WRONLY), -EACCES));
	fd = buffer_open(&buffer, O_RDWR);
	cr_assert(ge(int, fd, 0));
	cr_assert(ne(int, fd, buffer.fd));
	cr_assert(is_same_file(fd, buffer.fd));
	cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
	close(fd);
	buffer_finish(&buffer);
}

Test(drivers, has_no_memory)
{
	struct buffer buffer;
	uint64_t bytes = 77;

	list("mem");
	cr_assert(zero(int, init_zero(&buffer, O_RDWR, false)));
	cr_assert(not(buffer_has_memory(&buffer)));
	cr_assert(eq(str, (char *)buffer_kind_name(&buffer), (char *)"device"));
	cr_assert(zero(int, buffer_size(&buffer, &bytes)));
	cr_assert(zero(u64, bytes));
	cr_assert(zero(int, buffer_memory(&buffer, &bytes)));
	cr_assert(zero(u64, bytes));
	cr_assert(zero(u32, buffer_seals(&buffer)));
	cr_assert(buffer_size_is_fixed(&buffer));
	cr_assert(not(buffer_can_grow(&buffer)));
	cr_assert(not(buffer_is_revocable(&buffer)));
	cr_assert(not(buffer_needs_freeze(&buffer, false)));
	cr_assert(zero(int, buffer_freeze(&buffer, false)));
	cr_assert(eq(int, buffer_revoke(&buffer), -EBUSY));
	cr_assert(eq(int, buffer_held(&buffer), -EOPNOTSUPP));
	buffer_finish(&buffer);
}
