/* SPDX-License-Identifier: MIT */
/* test-wire.c - validation of structs from clients */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/wire.h"
#include "sized.h"
#include "util.h"

/* A struct whose first version ended after b. */
struct known {
	uint32_t size, a, b, c;
};

#define MIN_SIZE 12

static struct known known;

static int take(uint32_t size, size_t carried, const uint32_t *words)
{
	uint32_t data[16] = {size};

	memset(&known, 0xee, sizeof(known));
	memcpy(data + 1, words, 8 * sizeof(*words));
	return sized_take(data, carried, MIN_SIZE, &known, sizeof(known));
}

static void expect_known(uint32_t a, uint32_t b, uint32_t c)
{
	cr_assert(eq(u32, known.a, a));
	cr_assert(eq(u32, known.b, b));
	cr_assert(eq(u32, known.c, c));
}

static const uint32_t words[8] = {1, 2, 3};
static const uint32_t tail[8] = {1, 2, 3, 0, 9};

Test(wire, takes_the_struct)
{
	cr_assert(zero(int, take(16, 16, words)));
	expect_known(1, 2, 3);
	cr_assert(eq(u32, known.size, 16));
}

Test(wire, what_a_shorter_one_lacks_is_zero)
{
	cr_assert(zero(int, take(12, 12, words)));
	expect_known(1, 2, 0);
	cr_assert(zero(int, take(12, 16, words)));
	expect_known(1, 2, 0);
	cr_assert(zero(int, take(14, 16, words)));
	expect_known(1, 2, 3);
	cr_assert(zero(int, take(13, 16, (uint32_t[8]){1, 2, 0x01020304})));
	expect_known(1, 2, 4);
}

Test(wire, the_tail_of_a_longer_one_must_be_zero)
{
	cr_assert(zero(int, take(20, 24, tail)));
	expect_known(1, 2, 3);
	cr_assert(zero(int, take(20, 20, tail)));
	cr_assert(eq(int, take(21, 24, tail), -E2BIG));
	cr_assert(eq(int, take(24, 24, tail), -E2BIG));
	cr_assert(eq(u32, known.a, 0xeeeeeeee), "output written on failure");
	cr_assert(zero(int, take(16, 24, tail)), "rejected for bytes beyond its size");
}

Test(wire, refuses_wrong_sizes)
{
	static const struct {
		uint32_t size;
		size_t carried;
	} wrong[] = {{16, 0},          {16, 3},  {0, 16},         {11, 16},
		     {12, 11},         {17, 16}, {16, 15},        {12, 4},
		     {UINT32_MAX, 16}, {4, 4},   {0x80000000, 16}};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		cr_assert(eq(int, take(wrong[i].size, wrong[i].carried, words), -EINVAL),
			  "size %u of %zu", wrong[i].size, wrong[i].carried);
		cr_assert(eq(u32, known.a, 0xeeeeeeee), "output written on failure");
	}
}

/* Clients' structs need not be aligned, and bytes beyond them must not be read. */
Test(wire, reads_no_further)
{
	for (size_t carried = 0; carried <= 20; carried++) {
		char *data = calloc(1, carried + 1);
		uint32_t size = (uint32_t)carried;

		memcpy(data + 1, &size, MIN(sizeof(size), carried));
		cr_assert(
			eq(int,
			   sized_take(data + 1, carried, MIN_SIZE, &known, sizeof(known)),
			   carried < MIN_SIZE ? -EINVAL : 0));
		free(data);
	}
}

Test(wire, is_zero)
{
	uint8_t bytes[65] = {0};

	cr_assert(sized_is_zero(bytes, 0));
	cr_assert(sized_is_zero(bytes, sizeof(bytes)));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = 0x80;
		cr_assert(not(sized_is_zero(bytes, sizeof(bytes))));
		cr_assert(sized_is_zero(bytes, i));
		bytes[i] = 0;
	}
}

/* ---- fields ------------------------------------------------------------------------ */

static struct dmabuffs_export valid(void)
{
	return (struct dmabuffs_export){.size = sizeof(struct dmabuffs_export), .fd = 5};
}

Test(wire_export, flags)
{
	struct dmabuffs_export arg = valid();

	cr_assert(zero(int, wire_check_export(&arg)));
	for (unsigned bit = 0; bit < 32; bit++) {
		arg = valid();
		arg.flags = 1U << bit;
		if (arg.flags == DMABUFFS_EXPORT_TICKET)
			arg.fd = -1;
		cr_assert(eq(int, wire_check_export(&arg), bit < 5 ? 0 : -EOPNOTSUPP),
			  "bit %u", bit);
	}
}

Test(wire_export, mode)
{
	static const uint32_t modes[] = {0,     1,     0600,    0777,
					 01000, 04755, 0100644, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct dmabuffs_export arg = valid();

		arg.mode = modes[i];
		cr_assert(eq(int, wire_check_export(&arg), modes[i] ? -EINVAL : 0));
		arg.flags = DMABUFFS_EXPORT_MODE;
		cr_assert(
			eq(int, wire_check_export(&arg), modes[i] > 0777 ? -EINVAL : 0));
	}
}

Test(wire_export, fd)
{
	struct dmabuffs_export arg = valid();

	arg.fd = 0;
	cr_assert(zero(int, wire_check_export(&arg)));
	arg.fd = INT32_MAX;
	cr_assert(zero(int, wire_check_export(&arg)));
	arg.fd = -1;
	cr_assert(eq(int, wire_check_export(&arg), -EBADF));
	arg.fd = -100; /* AT_FDCWD */
	cr_assert(eq(int, wire_check_export(&arg), -EBADF));
}

Test(wire_export, ticket)
{
	struct dmabuffs_export arg = valid();

	arg.ticket[DMABUFFS_TICKET_SIZE - 1] = 1;
	cr_assert(eq(int, wire_check_export(&arg), -EINVAL), "a ticket without its flag");
	arg.flags = DMABUFFS_EXPORT_TICKET;
	cr_assert(eq(int, wire_check_export(&arg), -EINVAL), "a ticket and a descriptor");
	arg.fd = 0;
	cr_assert(eq(int, wire_check_export(&arg), -EINVAL));
	arg.fd = -2;
	cr_assert(eq(int, wire_check_export(&arg), -EINVAL));
	arg.fd = -1;
	cr_assert(zero(int, wire_check_export(&arg)));
}

static int check_label(const void *label, size_t size)
{
	struct dmabuffs_export arg = valid();

	memcpy(arg.label, label, size);
	return wire_check_export(&arg);
}

Test(wire_export, label)
{
	char label[DMABUFFS_LABEL_SIZE];

	cr_assert(zero(int, check_label("", 1)));
	cr_assert(zero(int, check_label(" camera 1 ~", 12)));
	memset(label, 'x', sizeof(label));
	cr_assert(eq(int, check_label(label, sizeof(label)), -EINVAL), "not terminated");
	cr_assert(zero(int, check_label(label, sizeof(label) - 1)));
	cr_assert(eq(int, check_label("a\0b", 4), -EINVAL),
		  "accepted bytes after the NUL");
	cr_assert(eq(int, check_label("\0b", 3), -EINVAL));
	label[10] = '\0';
	cr_assert(eq(int, check_label(label, sizeof(label)), -EINVAL));
}

Test(wire_export, label_is_printable_ascii)
{
	for (int c = 1; c < 256; c++) {
		const char label[] = {'a', (char)c, 'b', 0};
		const bool printable = c >= 0x20 && c <= 0x7e;

		cr_assert(eq(int, check_label(label, sizeof(label)),
			     printable ? 0 : -EINVAL),
			  "character %#x", c);
	}
}

/* Of revoke, withdraw and info. */
Test(wire, no_flags)
{
	cr_assert(zero(int, wire_check_no_flags(0)));
	for (unsigned bit = 0; bit < 32; bit++)
		cr_assert(eq(int, wire_check_no_flags(1U << bit), -EOPNOTSUPP));
}

Test(wire_withdraw, flags)
{
	struct dmabuffs_withdraw arg = {.size = sizeof(arg)};

	cr_assert(zero(int, wire_check_withdraw(&arg)));
	for (unsigned bit = 0; bit < 32; bit++) {
		arg.flags = 1U << bit;
		cr_assert(eq(int, wire_check_withdraw(&arg),
			     arg.flags == DMABUFFS_WITHDRAW_OWN ? 0 : -EOPNOTSUPP));
	}
}

/* Values compiled into programs never change. */
Test(wire, commands_are_an_abi)
{
	cr_assert(eq(ulong, DMABUFFS_IOC_EXPORT, 0xc078de00));
	cr_assert(eq(ulong, DMABUFFS_IOC_REVOKE, 0xc018de01));
	cr_assert(eq(ulong, DMABUFFS_IOC_INFO, 0xc0b0de02));
	cr_assert(eq(ulong, DMABUFFS_IOC_WITHDRAW, 0xc018de03));
	cr_assert(eq(u32, DMABUFFS_EXPORT_ANOTHER, 16));
}

/* ---- replies ----------------------------------------------------------------------- */

static uint32_t given[8];

static void give(size_t size)
{
	const struct known source = {99, 1, 2, 3};

	memset(given, 0xee, sizeof(given));
	sized_give(&source, sizeof(source), given, size);
}

Test(wire, gives_a_struct_of_the_same_size)
{
	give(sizeof(struct known));
	cr_assert(eq(u32, given[0], 16));
	cr_assert(eq(u32, given[1], 1));
	cr_assert(eq(u32, given[3], 3));
	cr_assert(eq(u32, given[4], 0xeeeeeeee));
}

Test(wire, gives_no_more_than_an_older_struct_holds)
{
	give(8);
	cr_assert(eq(u32, given[0], 8));
	cr_assert(eq(u32, given[1], 1));
	cr_assert(eq(u32, given[2], 0xeeeeeeee));
	give(4);
	cr_assert(eq(u32, given[0], 4));
	cr_assert(eq(u32, given[1], 0xeeeeeeee));
}

Test(wire, clears_what_a_newer_struct_has_more)
{
	give(24);
	cr_assert(eq(u32, given[0], 16));
	cr_assert(eq(u32, given[3], 3));
	cr_assert(zero(u32, given[4]));
	cr_assert(zero(u32, given[5]));
	cr_assert(eq(u32, given[6], 0xeeeeeeee));
}

Test(wire, list)
{
	struct dmabuffs_list arg = {.cursor = UINT64_MAX, .count = 7, .more = 7};

	cr_assert(zero(int, wire_check_list(&arg)), "outputs are not looked at");
	for (int bit = 0; bit < 32; bit++) {
		arg.flags = 1U << bit;
		cr_assert(eq(int, wire_check_list(&arg), -EOPNOTSUPP));
	}
	arg.flags = 0;
	for (size_t i = 0; i < ARRAY_SIZE(arg.reserved); i++) {
		arg.reserved[i] = 1;
		cr_assert(eq(int, wire_check_list(&arg), -EINVAL));
		arg.reserved[i] = 0;
	}
}

Test(wire, entries)
{
	struct dmabuffs_entries arg = {.cursor = UINT64_MAX, .count = 7, .more = 7};

	arg.entries[0].error = 7;
	cr_assert(zero(int, wire_check_entries(&arg)), "outputs are not looked at");
	for (int bit = 0; bit < 32; bit++) {
		arg.flags = 1U << bit;
		cr_assert(eq(int, wire_check_entries(&arg), -EOPNOTSUPP));
	}
	arg.flags = 0;
	for (size_t i = 0; i < ARRAY_SIZE(arg.reserved); i++) {
		arg.reserved[i] = 1;
		cr_assert(eq(int, wire_check_entries(&arg), -EINVAL));
		arg.reserved[i] = 0;
	}
}

Test(wire, ended)
{
	struct dmabuffs_ended arg = {.uuid = {1}};

	cr_assert(zero(int, wire_check_ended(&arg)));
	for (int bit = 0; bit < 32; bit++) {
		arg.flags = 1U << bit;
		cr_assert(eq(int, wire_check_ended(&arg), -EOPNOTSUPP));
	}
	arg.flags = 0;
	arg.cause = DMABUFFS_ENDED_CLOSED;
	cr_assert(eq(int, wire_check_ended(&arg), -EINVAL));
	arg.cause = 0;
	arg.reserved = 1;
	cr_assert(eq(int, wire_check_ended(&arg), -EINVAL));
}
