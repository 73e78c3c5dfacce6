/* SPDX-License-Identifier: MIT */
/* test-owners.c - the users behind a uid of a user namespace, and what they pay */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/owners.h"

static int write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t size = strlen(text);
	int r = fd >= 0 && write(fd, text, size) == (ssize_t)size ? 0 : -1;

	close(fd);
	return r;
}

/* Enters a user namespace as @owner, where it is root; the capabilities come with it. */
static int enter(uid_t owner)
{
	char map[40];

	snprintf(map, sizeof(map), "0 %u 1", owner);
	if (owner &&
	    (setresgid(owner, owner, owner) < 0 || setresuid(owner, owner, owner) < 0))
		return -1;
	if (unshare(CLONE_NEWUSER) < 0)
		return -1;
	/* Otherwise /proc/self belongs to root after the change of credentials. */
	prctl(PR_SET_DUMPABLE, 1);
	/* The kernel creates a namespace inside only for ids that are mapped. */
	return write_map("/proc/self/setgroups", "deny") ?:
	       write_map("/proc/self/gid_map", map) ?:
	       write_map("/proc/self/uid_map", map);
}

/* A child in a namespace of the first owner, in one of the second, ... */
static pid_t start_below(const uid_t *owners, size_t n)
{
	int ready[2];
	char done = 0;
	pid_t pid;

	cr_assert(zero(int, pipe2(ready, O_CLOEXEC)));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < n; i++)
			if (enter(owners[i]) < 0)
				_exit(1);
		_exit(write(ready[1], "", 1) == 1 ? pause() : 1);
	}
	close(ready[1]);
	cr_assert(eq(int, (int)read(ready[0], &done, 1), 1), "no user namespaces here");
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(owners, of_our_own_namespace)
{
	uid_t owners[OWNERS_MAX];

	cr_assert(zero(int, owners_read(getpid(), getuid(), owners)));
}

Test(owners, of_a_user)
{
	const uid_t who[] = {4711};
	uid_t owners[OWNERS_MAX];
	pid_t pid = start_below(who, 1);

	cr_expect(eq(int, owners_read(pid, who[0], owners), 1));
	cr_expect(eq(int, (int)owners[0], 4711));
	end(pid);
}

/* The inner namespace belongs to uid 0 of the outer, which is the same user here. */
Test(owners, nested)
{
	const uid_t who[] = {4711, 0, 0};
	uid_t owners[OWNERS_MAX];
	pid_t pid = start_below(who, 3);

	cr_expect(eq(int, owners_read(pid, who[0], owners), 3));
	for (int i = 0; i < 3; i++)
		cr_expect(eq(int, (int)owners[i], 4711));
	end(pid);
}

Test(owners, of_the_administrator)
{
	const uid_t who[] = {0};
	uid_t owners[OWNERS_MAX];
	pid_t pid = start_below(who, 1);

	cr_expect(zero(int, owners_read(pid, who[0], owners)));
	end(pid);
}

Test(owners, of_no_process)
{
	uid_t owners[OWNERS_MAX];
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	cr_assert(eq(int, owners_read(pid, 0, owners), -ESRCH));
	cr_assert(eq(int, owners_read(0, 0, owners), -ESRCH));
}

/* With the credentials of another process, whose owners these are not. */
Test(owners, of_somebody_else)
{
	uid_t owners[OWNERS_MAX];

	cr_assert(eq(int, owners_read(getpid(), getuid() + 1, owners), -ESRCH));
}

/* ---- charges ----------------------------------------------------------------------- */

static struct limits limits;

static int charge(uid_t uid, pid_t pid, uint64_t n)
{
	return limits_charge_process(&limits, &(struct payer){uid, pid}, RES_BYTES, n);
}

static void start_limits(void)
{
	struct limits_config config;

	limits_config_default(&config);
	config.per_uid[RES_BYTES] = 100;
	config.per_mount[RES_BYTES] = 1000;
	limits_init(&limits, &config);
}

static void finish_limits(void)
{
	cr_expect(zero(sz, limits.users.n_nodes));
	limits_finish(&limits);
}

TestSuite(payers, .init = start_limits, .fini = finish_limits);

/* 64 uids of one person's namespace hold together what the person may hold. */
Test(payers, uids_of_a_person)
{
	const uid_t who[] = {4711};
	pid_t pid = start_below(who, 1);

	for (uid_t uid = 100000; uid < 100064; uid++)
		cr_expect(zero(int, charge(uid, pid, 1)));
	cr_expect(eq(int, charge(100064, pid, 37), -EDQUOT));
	cr_expect(eq(int, charge(100000, 0, 37), -EDQUOT), "by an unknown process");
	cr_expect(eq(int, charge(4711, 0, 37), -EDQUOT), "the person");
	cr_expect(zero(int, charge(4712, 0, 100)), "another person");
	limits_uncharge(&limits, 4712, RES_BYTES, 100);
	for (uid_t uid = 100000; uid < 100064; uid++)
		limits_uncharge(&limits, uid, RES_BYTES, 1);
	cr_expect(zero(int, charge(4711, 0, 100)));
	limits_uncharge(&limits, 4711, RES_BYTES, 100);
	end(pid);
}

/* What was charged before the owner was known counts for the owner once it is. */
Test(payers, known_later)
{
	const uid_t who[] = {4711};
	pid_t pid = start_below(who, 1);

	cr_expect(zero(int, charge(100000, 0, 90)));
	cr_expect(zero(int, charge(100000, pid, 5)));
	cr_expect(eq(int, charge(4711, 0, 6), -EDQUOT));
	limits_uncharge(&limits, 100000, RES_BYTES, 95);
	cr_expect(zero(u64, limits_used(&limits, RES_BYTES)));
	end(pid);
}

Test(payers, who_is_full)
{
	const uid_t who[] = {4711};
	pid_t pid = start_below(who, 1);

	cr_expect(zero(int, charge(100000, pid, 98)));
	cr_expect(zero(int, charge(100001, pid, 1)));
	cr_expect(eq(u32, limits_find_full(&limits, 100001, RES_BYTES), 100001));
	cr_expect(zero(int, charge(100000, pid, 1)));
	cr_expect(eq(u32, limits_find_full(&limits, 100001, RES_BYTES), 4711));
	cr_expect(limits_pays_for(&limits, 4711, 100000));
	cr_expect(limits_pays_for(&limits, 100000, 100000));
	cr_expect(not(limits_pays_for(&limits, 100000, 4711)));
	limits_uncharge(&limits, 100001, RES_BYTES, 1);
	cr_expect(not(limits_pays_for(&limits, 4711, 100001)));
	limits_uncharge(&limits, 100000, RES_BYTES, 99);
	end(pid);
}

/* A process that holds nothing; the outermost owner is the person. */
Test(payers, person_of_a_process)
{
	const uid_t who[] = {4711, 0};
	pid_t pid = start_below(who, 2);
	const struct payer subuid = {100000, pid}, unknown = {100000, 0};

	cr_expect(eq(u32, limits_process_person(&limits, &subuid), 4711));
	cr_expect(eq(u32, limits_process_person(&limits, &unknown), 100000));
	cr_expect(zero(int, charge(100000, pid, 1)));
	cr_expect(eq(u32, limits_process_person(&limits, &unknown), 4711));
	limits_uncharge(&limits, 100000, RES_BYTES, 1);
	end(pid);
}

static int transfer_bytes(uid_t from, uid_t to, uint64_t n)
{
	return limits_transfer(&limits, from, to, &(struct charge){RES_BYTES, n}, 1);
}

Test(payers, transfer)
{
	const uid_t who[] = {4711};
	pid_t pid = start_below(who, 1);

	cr_expect(zero(int, charge(100000, pid, 60)));
	cr_expect(zero(int, charge(5, getpid(), 60)));
	cr_expect(eq(int, transfer_bytes(5, 100000, 60), -EDQUOT));
	cr_expect(zero(int, transfer_bytes(5, 100000, 40)));
	cr_expect(eq(int, charge(4711, 0, 1), -EDQUOT));
	cr_expect(zero(int, transfer_bytes(100000, 5, 40)));
	limits_uncharge(&limits, 5, RES_BYTES, 60);
	limits_uncharge(&limits, 100000, RES_BYTES, 60);
	end(pid);
}

/* Between uids of one owner, and to the owner: nothing more than before counts for it. */
Test(payers, transfer_inside)
{
	const uid_t who[] = {4711};
	pid_t pid = start_below(who, 1);

	cr_expect(zero(int, charge(100000, pid, 90)));
	cr_expect(zero(int, charge(100001, pid, 1)));
	cr_expect(zero(int, transfer_bytes(100000, 100001, 90)));
	cr_expect(eq(u64, limits_used_by(&limits, 4711, RES_BYTES), 91));
	cr_expect(zero(int, transfer_bytes(100001, 4711, 91)));
	cr_expect(zero(int, transfer_bytes(4711, 5, 0)));
	cr_expect(eq(sz, limits.users.n_nodes, 1));
	cr_expect(eq(u64, limits_used(&limits, RES_BYTES), 91));
	limits_uncharge(&limits, 4711, RES_BYTES, 91);
	end(pid);
}

/* Two namespaces, each of the user that is mapped into the other, make no circle. */
Test(payers, circle)
{
	const uid_t first[] = {4711}, second[] = {4712};
	pid_t a = start_below(first, 1), b = start_below(second, 1);

	cr_expect(zero(int, charge(4712, a, 10)));
	cr_expect(zero(int, charge(4711, b, 10)));
	limits_uncharge(&limits, 4711, RES_BYTES, 10);
	limits_uncharge(&limits, 4712, RES_BYTES, 10);
	end(a);
	end(b);
}
