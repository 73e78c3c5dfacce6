/* SPDX-License-Identifier: MIT */
/* test-buffer-seals.c - freezing at export, and the effect of seals */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "buffers/buffer.h"
#include "fixture.h"

#define SIZE 8192

static struct buffer buffer;
static int memfd; /* the exporter's descriptor */

static void init(void)
{
	cr_assert(zero(int, buffer_setup()));
	memfd = new_memfd(SIZE);
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false,
					NULL)));
}

static void finish(void)
{
	buffer_finish(&buffer);
	close(memfd);
}

TestSuite(seals, .init = init, .fini = finish);

static unsigned mode(void)
{
	struct stat st;

	cr_assert(zero(int, fstat(memfd, &st)));
	return st.st_mode & 07777;
}

static uint32_t seals(void)
{
	return (uint32_t)fcntl(memfd, F_GET_SEALS);
}

/* ---- freeze ------------------------------------------------------------------------ */

Test(seals, freeze)
{
	cr_assert(zero(int, fchmod(memfd, 0777)));
	cr_assert(zero(int, buffer_freeze(&buffer, false)));
	cr_assert(eq(uint, mode(), 0711));
	cr_assert(eq(u32, seals(), F_SEAL_SEAL));
	cr_assert(eq(int, fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), -1));
	cr_assert(zero(int, buffer_freeze(&buffer, false)), "a second call fails");
	cr_assert(eq(uint, mode(), 0711));
	cr_assert(eq(u32, seals(), F_SEAL_SEAL));
}

Test(seals, freeze_a_readonly_export)
{
	cr_assert(zero(int, fchmod(memfd, 0666)));
	cr_assert(zero(int, buffer_freeze(&buffer, true)));
	cr_assert(eq(uint, mode(), 0600));
	cr_assert(zero(u32, seals()));
	/* Its exporter may still add seals. */
	cr_assert(zero(int, fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)));
}

Test(seals, freeze_keeps_other_bits_and_seals)
{
	const uint32_t before = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE;

	cr_assert(zero(int, fchmod(memfd, 0420)));
	cr_assert(zero(int, fcntl(memfd, F_ADD_SEALS, before)));
	cr_assert(zero(int, buffer_freeze(&buffer, false)));
	cr_assert(eq(uint, mode(), 0400));
	cr_assert(eq(u32, seals(), before | F_SEAL_SEAL));
}

Test(seals, freeze_what_is_frozen)
{
	int plain =
		memfd_create("plain", MFD_CLOEXEC); /* has F_SEAL_SEAL from the start */
	struct buffer other;

	cr_assert(zero(int, fchmod(plain, 0700)));
	cr_assert(zero(int, buffer_init(&other, plain, false, NULL)));
	cr_assert(zero(int, buffer_freeze(&other, false)));
	cr_assert(eq(u32, buffer_seals(&other), F_SEAL_SEAL));
	buffer_finish(&other);
}

/* MFD_NOEXEC_SEAL fixes the exec bits, which stay unchanged. */
Test(seals, freeze_with_the_exec_seal)
{
#ifdef MFD_NOEXEC_SEAL
	int fd = memfd_create("noexec", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
#else
	int fd = memfd_create("noexec", MFD_CLOEXEC | 8);
#endif
	struct buffer other;
	struct stat st;

	if (fd < 0)
		cr_skip_test("this kernel has no F_SEAL_EXEC");
	cr_assert(zero(int, buffer_init(&other, fd, false, NULL)));
	cr_assert(zero(int, buffer_freeze(&other, false)));
	cr_assert(zero(int, fstat(other.fd, &st)));
	cr_assert(zero(uint, st.st_mode & 033));
	buffer_finish(&other);
}

/* Returns 1: opened for writing; 0: refused; 2: cannot change the user. */
static int open_as_another(void *data)
{
	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 2;
	return reopen(*(int *)data, O_RDWR) >= 0;
}

/* A frozen mode prevents this. */
Test(seals, a_frozen_one_cannot_be_opened_again_for_writing)
{
	int fd = reopen(memfd, O_RDONLY), r;

	cr_assert(zero(int, fchmod(memfd, 0777)));
	r = run_in_child(open_as_another, &fd);
	if (r == 2)
		cr_skip_test("cannot change the user");
	cr_assert(eq(int, r, 1));
	cr_assert(zero(int, buffer_freeze(&buffer, true)));
	cr_assert(eq(int, run_in_child(open_as_another, &fd), 0));
	close(fd);
}

Test(seals, needs_freeze)
{
	static const struct {
		unsigned mode;
		bool sealed, readonly, needs;
	} table[] = {
		{0711, true, false, false}, {0700, true, true, false},
		{0700, false, true, false}, {0700, false, false, true},
		{0710, false, true, false}, {0740, true, false, true},
		{0720, true, false, true},  {0704, true, true, true},
		{0702, false, true, true},  {0777, false, false, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int fd = new_memfd(1);
		struct buffer other;

		cr_assert(zero(int, fchmod(fd, table[i].mode)));
		if (table[i].sealed)
			cr_assert(zero(int, fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL)));
		cr_assert(zero(int, buffer_init(&other, fd, table[i].readonly, NULL)));
		cr_assert(eq(int, buffer_needs_freeze(&other, table[i].readonly),
			     table[i].needs),
			  "line %zu", i);
		cr_assert(zero(int, buffer_freeze(&other, table[i].readonly)));
		cr_assert(not(buffer_needs_freeze(&other, table[i].readonly)));
		buffer_finish(&other);
	}
}

/* ---- seals ------------------------------------------------------------------------- */

Test(seals, seals_are_told)
{
	static const uint32_t each[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE,
					F_SEAL_WRITE};
	uint32_t expected = 0;

	cr_assert(zero(u32, buffer_seals(&buffer)));
	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		expected |= each[i];
		cr_assert(zero(int, fcntl(memfd, F_ADD_SEALS, each[i])));
		cr_assert(eq(u32, buffer_seals(&buffer), expected));
	}
}

/* For each set of seals: is the size fixed, can the buffer be revoked? */
Test(seals, what_seals_mean)
{
	const uint32_t size = F_SEAL_SHRINK | F_SEAL_GROW;
	const uint32_t pin = F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

	for (uint32_t set = 0; set < 0x20; set++) {
		int fd = new_memfd(SIZE);
		struct buffer other;
		uint64_t bytes;

		cr_assert(zero(int, fcntl(fd, F_ADD_SEALS, set)));
		cr_assert(zero(int, buffer_init(&other, fd, false, NULL)));
		cr_assert(eq(int, buffer_size_is_fixed(&other), (set & size) == size));
		cr_assert(eq(int, buffer_is_revocable(&other), !(set & pin)));
		cr_assert(eq(int, buffer_revoke(&other), set &pin ? -EBUSY : 0));
		cr_assert(zero(int, buffer_size(&other, &bytes)));
		cr_assert(eq(u64, bytes, set & pin ? SIZE : 0));
		buffer_finish(&other);
	}
}

Test(seals, growth)
{
	struct buffer plain;

	cr_assert(buffer_can_grow(&buffer));
	cr_assert(zero(int, buffer_stop_growth(&buffer)));
	cr_assert(eq(u32, seals(), F_SEAL_GROW));
	cr_assert(not(buffer_can_grow(&buffer)));
	cr_assert(eq(int, ftruncate(memfd, SIZE + 1), -1));
	cr_assert(zero(int, buffer_stop_growth(&buffer)));
	cr_assert(zero(int, buffer_init(&plain, memfd_create("plain", MFD_CLOEXEC), false,
					NULL)));
	cr_assert(eq(int, buffer_stop_growth(&plain), -EPERM), "its seals are fixed");
	cr_assert(buffer_can_grow(&plain));
	buffer_finish(&plain);
}

Test(seals, a_readonly_description_cannot_revoke)
{
	struct buffer readonly;

	cr_assert(zero(int, buffer_init(&readonly, reopen(memfd, O_RDONLY), true, NULL)));
	cr_assert(not(buffer_is_revocable(&readonly)));
	cr_assert(eq(int, buffer_revoke(&readonly), -EBUSY));
	buffer_finish(&readonly);
}
