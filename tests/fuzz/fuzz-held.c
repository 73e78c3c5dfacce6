/* SPDX-License-Identifier: MIT */
/*
 * fuzz-held.c - the names of the descriptors that a service is started with
 *
 * Invariants: each number has one place, whatever the names are, and what is accepted is
 * listed under the same names again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "process/held.h"
#include "reader.h"

#define FIRST 3

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Half of them are known ones. */
static void append_name(char *names, size_t room, struct reader *reader)
{
	static const char *const known[] = {"fuse",   "ledger", "bank-0", "bank-1",
					    "bank-2", "holder", "life",   "listener"};
	size_t length = strlen(names);
	unsigned choice = read_byte(reader) % 16;

	if (choice < 8)
		(void)snprintf(names + length, room - length, "%s", known[choice]);
	else if (choice < 12)
		(void)snprintf(names + length, room - length, "bank-%u",
			       (unsigned)read_bytes(reader, 2));
	else if (length + 2 < room)
		names[length] = (char)(1 + read_byte(reader) % 127);
}

struct seen {
	bool numbers[FIRST + HELD_FDS_MAX];
	unsigned n;
};

static int check_place(const char *name, int fd, void *data)
{
	struct seen *seen = data;

	MUST(strlen(name) < HELD_NAME_MAX);
	MUST(fd >= FIRST && fd < FIRST + (int)HELD_FDS_MAX);
	MUST(!seen->numbers[fd]);
	seen->numbers[fd] = true;
	seen->n++;
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_level(LOG_CRIT);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader = {data, size};
	unsigned n = read_byte(&reader) % (HELD_FDS_MAX + 2);
	char names[2048] = "";
	struct seen seen = {.n = 0};
	struct held held;

	for (unsigned i = 0; i < n; i++) {
		append_name(names, sizeof(names), &reader);
		if (i + 1 < n && strlen(names) + 2 < sizeof(names))
			strcat(names, ":");
	}
	if (held_parse(names, n, &held) < 0)
		return 0;
	MUST(held_for_each(&held, check_place, &seen) == 0);
	MUST(seen.n == n && held_count_passed(&held) == n);
	return 0;
}
