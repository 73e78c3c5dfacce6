/* SPDX-License-Identifier: MIT */
/* tally.c - operations, failures and hangs of the clients of a crash test */
#include "tally.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of a process that are printed. */
#define TALLY_THREADS 20

static const char *const tally_names[TALLY_OPS] = {
	[TALLY_ROOT] = "open .control",
	[TALLY_EXPORT] = "export",
	[TALLY_EXPORT_AGAIN] = "export again",
	[TALLY_OPEN] = "open",
	[TALLY_MAP] = "map",
	[TALLY_STAT] = "stat",
	[TALLY_INFO] = "info",
	[TALLY_CONTENT] = "content",
	[TALLY_OPEN_OTHER] = "open another's",
	[TALLY_CONTENT_OTHER] = "content of another's",
	[TALLY_EXCHANGE] = "exchange",
	[TALLY_CHMOD] = "chmod",
	[TALLY_ACL] = "ACL",
	[TALLY_LIST] = "list",
	[TALLY_WITHDRAW] = "withdraw",
	[TALLY_UNLINK] = "unlink",
	[TALLY_REVOKE] = "revoke",
	[TALLY_CLOSE_ROOT] = "close .control",
	[TALLY_GONE] = "name that ended",
	[TALLY_KEPT_NAME] = "kept name",
	[TALLY_KEPT_MODE] = "mode or ACL of a kept name",
	[TALLY_KEPT_CONTENT] = "content of a kept name",
	[TALLY_HELD] = "held mapping",
	[TALLY_LEAK] = "buffer that ended is open elsewhere",
	[TALLY_CONTEXT] = "context",
	[TALLY_COMMAND] = "command",
};

struct tally *tally_create(unsigned n_clients)
{
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(tally != MAP_FAILED && n_clients <= TALLY_CLIENTS);
	tally->n_clients = n_clients;
	return tally;
}

void tally_destroy(struct tally *tally)
{
	munmap(tally, sizeof(*tally));
}

const char *tally_op_name(enum tally_op op)
{
	return tally_names[op];
}

/* ---- in the clients ---------------------------------------------------------------- */

void tally_begin(struct tally *tally, int client, enum tally_op op)
{
	tally->clients[client].begun_ns = now_ns();
	tally->clients[client].doing = op + 1;
}

void tally_end(struct tally *tally, int client)
{
	struct tally_client *it = &tally->clients[client];
	uint64_t ns = now_ns() - it->begun_ns;

	tally->done[it->doing - 1]++;
	if (ns > it->longest_ns) {
		it->longest_op = it->doing;
		it->longest_ns = ns;
	}
	it->doing = 0;
}

static struct tally_failure *tally_find_kind(struct tally *tally, enum tally_op op,
					     int error)
{
	unsigned n = MIN(tally->n_kinds, TALLY_KEPT);

	for (unsigned i = 0; i < n; i++)
		if (tally->kinds[i].op == op && tally->kinds[i].error == error)
			return &tally->kinds[i];
	return NULL;
}

/* Two clients at once can add the same kind twice, which is as good. */
void tally_fail(struct tally *tally, int client, enum tally_op op, long long error)
{
	struct tally_failure *kind = tally_find_kind(tally, op, (int)error);
	unsigned n;

	tally->failures++;
	if (kind) {
		kind->times++;
		return;
	}
	n = tally->n_kinds++;
	if (n >= TALLY_KEPT)
		return;
	kind = &tally->kinds[n];
	kind->op = op;
	kind->client = client;
	kind->error = (int)error;
	kind->subject = tally->clients[client].subject;
	kind->kills = tally->kills;
	kind->since_ns = tally->kills ? now_ns() - tally->killed_ns : 0;
	kind->times++;
}

/* ---- in the case ------------------------------------------------------------------- */

unsigned long tally_operations(const struct tally *tally)
{
	unsigned long n = 0;

	for (int op = 0; op < TALLY_OPS; op++)
		n += tally->done[op];
	return n;
}

void tally_killed(struct tally *tally)
{
	tally->killed_ns = now_ns();
	tally->kills++;
}

uint64_t tally_longest(struct tally *tally, enum tally_op *ret_op)
{
	uint64_t longest = 0, now = now_ns();

	for (unsigned i = 0; i < tally->n_clients; i++) {
		struct tally_client *it = &tally->clients[i];
		uint64_t ns = atomic_exchange(&it->longest_ns, 0), begun = it->begun_ns;
		uint32_t doing = it->doing, op = it->longest_op;

		if (doing && now > begun && now - begun > ns) {
			ns = now - begun;
			op = doing;
		}
		if (ns > longest && op) {
			longest = ns;
			*ret_op = (enum tally_op)(op - 1);
		}
	}
	return longest;
}

static void tally_print_file(pid_t pid, const char *thread, const char *name)
{
	char path[80], line[200];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", pid, thread, name);
	file = fopen(path, "re");
	for (int n = 0; file && n < 12 && fgets(line, sizeof(line), file); n++) {
		line[strcspn(line, "\n")] = 0;
		test_note("%d/%s %s: %s", pid, thread, name, line);
	}
	if (file)
		fclose(file);
}

void tally_print_stacks(pid_t pid)
{
	char path[40];
	struct dirent *entry;
	unsigned n = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && n < TALLY_THREADS && (entry = readdir(tasks))) {
		if (atoi(entry->d_name) == 0)
			continue;
		n++;
		tally_print_file(pid, entry->d_name, "comm");
		tally_print_file(pid, entry->d_name, "wchan");
		tally_print_file(pid, entry->d_name, "stack");
		tally_print_file(pid, entry->d_name, "syscall");
	}
	if (tasks)
		closedir(tasks);
}

bool tally_check(struct tally *tally, const pid_t *pids, unsigned n_pids)
{
	uint64_t now = now_ns();
	bool hangs = false;

	for (unsigned i = 0; i < tally->n_clients; i++) {
		const struct tally_client *it = &tally->clients[i];
		uint32_t doing = it->doing;

		if (!doing || now < it->begun_ns + TALLY_HANG_MS * NS_PER_MS)
			continue;
		hangs = true;
		test_note("client %u hangs in: %s", i, tally_op_name(doing - 1));
		tally_print_stacks(it->pid);
	}
	for (unsigned i = 0; hangs && i < n_pids; i++)
		tally_print_stacks(pids[i]);
	return !hangs;
}

static void tally_print_failure(const struct tally_failure *it)
{
	char error[32];

	test_note("FAILED %s: %s, %u times; first: client %d about %u, %.3f ms after "
		  "kill %u",
		  tally_op_name(it->op),
		  test_result_text(it->error, error, sizeof(error)), it->times,
		  it->client, it->subject, (double)it->since_ns / NS_PER_MS, it->kills);
}

void tally_print(const struct tally *tally)
{
	unsigned n = MIN(tally->n_kinds, TALLY_KEPT);
	char text[700];
	size_t used = 0;

	for (int op = 0; op < TALLY_OPS; op++) {
		if (tally->done[op])
			used += (size_t)snprintf(text + used, sizeof(text) - used,
						 ", %s %lu", tally_op_name(op),
						 tally->done[op]);
		used = MIN(used, sizeof(text) - 1);
	}
	text[used] = 0;
	test_note("%u kills, %lu operations%s", tally->kills, tally_operations(tally),
		  used ? text : "");
	for (unsigned i = 0; i < n; i++)
		tally_print_failure(&tally->kinds[i]);
	if (tally->contexts_ended)
		test_note("%lu contexts were ended by a takeover", tally->contexts_ended);
}
