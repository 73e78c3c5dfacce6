/* SPDX-License-Identifier: MIT */
/* test-policy.c - truth tables of access decisions beyond file modes */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>

#include "base/policy.h"
#include "util.h"

#define ALL_NS ((1U << DMABUFFS_NS_COUNT) - 1)

/* O_ACCMODE's fourth value: neither read nor write. */
#define O_NEITHER 3

/* ---- namespaces -------------------------------------------------------------------- */

Test(policy, names_of_namespaces)
{
	static const char *const names[] = {"user", "pid", "mnt", "ipc", "net", "cgroup"};

	cr_assert(eq(sz, ARRAY_SIZE(names), DMABUFFS_NS_COUNT));
	for (int ns = 0; ns < DMABUFFS_NS_COUNT; ns++) {
		cr_assert(eq(str, (char *)policy_ns_name(ns), (char *)names[ns]));
		cr_assert(eq(int, policy_ns_by_name(names[ns], strlen(names[ns])), ns));
	}
}

Test(policy, unknown_namespaces)
{
	static const char *const wrong[] = {"",     "USER", "use", "users",
					    "time", "uts",  " net"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert(
			eq(int, policy_ns_by_name(wrong[i], strlen(wrong[i])), -EINVAL));
	cr_assert(eq(int, policy_ns_by_name("users", 4), DMABUFFS_NS_USER),
		  "the length counts, not a NUL");
}

/* Each mask with each set of namespaces that differ or are unknown on one side. */
Test(policy, namespaces)
{
	const uint64_t exporter[] = {10, 11, 12, 13, 14, 15};

	for (uint32_t mask = 0; mask <= ALL_NS; mask++)
		for (uint32_t other = 0; other <= ALL_NS; other++) {
			uint64_t moved[DMABUFFS_NS_COUNT], unknown[DMABUFFS_NS_COUNT];

			for (int ns = 0; ns < DMABUFFS_NS_COUNT; ns++) {
				moved[ns] = exporter[ns] + (other >> ns & 1) * 100;
				unknown[ns] = other >> ns & 1 ? 0 : exporter[ns];
			}
			cr_assert(eq(int, policy_check_ns(mask, exporter, moved),
				     mask &other ? -EXDEV : 0));
			cr_assert(eq(int, policy_check_ns(mask, exporter, unknown),
				     mask &other ? -EREMOTE : 0));
			cr_assert(eq(int, policy_check_ns(mask, unknown, exporter),
				     mask &other ? -EREMOTE : 0));
		}
}

Test(policy, two_unknown_namespaces_are_not_the_same)
{
	const uint64_t unknown[DMABUFFS_NS_COUNT] = {0};

	cr_assert(eq(int, policy_check_ns(1, unknown, unknown), -EREMOTE));
	cr_assert(zero(int, policy_check_ns(0, unknown, unknown)));
}

/* ---- open -------------------------------------------------------------------------- */

static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR, O_NEITHER};
static const int noise[] = {0, O_NONBLOCK, O_APPEND | O_CLOEXEC, O_LARGEFILE | O_TRUNC};

Test(policy, open)
{
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
		for (size_t j = 0; j < ARRAY_SIZE(noise); j++)
			for (uint32_t seals = 0; seals < 64; seals++) {
				int flags = accesses[i] | noise[j];
				bool sealed =
					seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
				bool reads = accesses[i] == O_RDONLY;

				cr_assert(policy_is_readonly(true, seals));
				cr_assert(eq(int, policy_is_readonly(false, seals),
					     sealed));
				cr_assert(eq(int, policy_check_open(flags, true, seals),
					     reads ? 0 : -EPERM));
				cr_assert(eq(int, policy_check_open(flags, false, seals),
					     reads || !sealed ? 0 : -EPERM));
			}
}

/* ---- export ------------------------------------------------------------------------ */

Test(policy, export)
{
	for (size_t j = 0; j < ARRAY_SIZE(noise); j++) {
		cr_assert(zero(int, policy_check_export(O_RDWR | noise[j], false)));
		cr_assert(zero(int, policy_check_export(O_RDWR | noise[j], true)));
		cr_assert(zero(int, policy_check_export(O_RDONLY | noise[j], true)));
		cr_assert(eq(int, policy_check_export(O_RDONLY | noise[j], false),
			     -EACCES));
		cr_assert(eq(int, policy_check_export(O_WRONLY | noise[j], false),
			     -EACCES));
		cr_assert(
			eq(int, policy_check_export(O_WRONLY | noise[j], true), -EACCES));
	}
}

Test(policy, export_of_what_allows_neither_reading_nor_writing)
{
	cr_assert(eq(int, policy_check_export(O_NEITHER, false), -EACCES));
	cr_assert(eq(int, policy_check_export(O_NEITHER, true), -EACCES));
}

Test(policy, export_of_a_path)
{
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
		for (int readonly = 0; readonly < 2; readonly++)
			cr_assert(eq(int,
				     policy_check_export(O_PATH | accesses[i], readonly),
				     -EBADF));
}

/* ---- exchange and revoke ----------------------------------------------------------- */

Test(policy, exchange)
{
	static const struct {
		int file, description, result;
	} table[] = {
		{O_RDONLY, O_RDONLY, 0},
		{O_RDONLY, O_WRONLY, -EACCES},
		{O_RDONLY, O_RDWR, -EACCES},
		{O_WRONLY, O_RDONLY, -EACCES},
		{O_WRONLY, O_WRONLY, 0},
		{O_WRONLY, O_RDWR, -EACCES},
		{O_RDWR, O_RDONLY, 0},
		{O_RDWR, O_WRONLY, 0},
		{O_RDWR, O_RDWR, 0},
		{O_NEITHER, O_RDONLY, -EACCES},
		{O_NEITHER, O_WRONLY, -EACCES},
		{O_NEITHER, O_RDWR, -EACCES},
		{O_RDWR, O_NEITHER, -EACCES},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for (size_t j = 0; j < ARRAY_SIZE(noise); j++)
			cr_assert(eq(int,
				     policy_check_exchange(table[i].file | noise[j],
							   table[i].description),
				     table[i].result),
				  "file %d, description %d", table[i].file,
				  table[i].description);
}

Test(policy, revoke)
{
	cr_assert(zero(int, policy_check_revoke(0, 0)));
	cr_assert(zero(int, policy_check_revoke(0, 1000)));
	cr_assert(zero(int, policy_check_revoke(1000, 1000)));
	cr_assert(eq(int, policy_check_revoke(1000, 0), -EPERM));
	cr_assert(eq(int, policy_check_revoke(1000, 1001), -EPERM));
	cr_assert(eq(int, policy_check_revoke((uid_t)-1, 1001), -EPERM));
}
