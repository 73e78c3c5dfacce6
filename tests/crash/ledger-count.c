/* SPDX-License-Identifier: MIT */
/* ledger-count.c - reads the ledger of a running service from outside */
#include "ledger-count.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness.h"

static const char *const ledger_count_names[LEDGER_KINDS] = {
	[LEDGER_USER] = "users",
	[LEDGER_CALLER] = "callers",
	[LEDGER_DESCRIPTION] = "descriptions",
	[LEDGER_EXPORT] = "exports",
	[LEDGER_OPEN] = "opens",
	[LEDGER_ACCEL] = "accelerator objects",
	[LEDGER_MAPPING] = "mappings",
};

/* ---- the ledger -------------------------------------------------------------------- */

static bool ledger_count_fits(const struct ledger_header *header, enum ledger_kind kind,
			      uint64_t size)
{
	const struct ledger_section *section = &header->sections[kind];

	return section->high <= section->capacity && section->offset <= size &&
	       (size - section->offset) / section->record_size >= section->high;
}

static int ledger_count_kind(const struct ledger_header *header, enum ledger_kind kind,
			     struct ledger_count *count)
{
	const struct ledger_section *section = &header->sections[kind];
	const uint8_t *record = (const uint8_t *)header + section->offset;

	for (uint32_t i = 0; i < section->high; i++, record += section->record_size) {
		uint32_t state = ((const struct ledger_record *)record)->state;

		if (state >= LEDGER_STATES)
			return -EBADMSG;
		count->records[kind][state]++;
		if (kind == LEDGER_EXPORT && state != LEDGER_FREE &&
		    ((const struct ledger_export *)record)->backing_id)
			count->backing_ids++;
	}
	return 0;
}

static int ledger_count_records(const struct ledger_header *header, uint64_t size,
				struct ledger_count *count)
{
	int r = 0;

	count->epoch = header->epoch;
	for (int kind = 0; kind < LEDGER_CHUNK && r == 0; kind++)
		r = ledger_count_fits(header, kind, size)
			    ? ledger_count_kind(header, kind, count)
			    : -EBADMSG;
	return r;
}

/* -ENOENT: this is another memfd. */
static int ledger_count_file(const char *path, struct ledger_count *count)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ledger_header *header;
	struct stat st;
	int r = -ENOENT;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < LEDGER_HEADER_ROOM)
		return -ENOENT;
	header = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED)
		return -ENOENT;
	if (header->magic == LEDGER_MAGIC)
		r = ledger_count_records(header, (uint64_t)st.st_size, count);
	munmap(header, (size_t)st.st_size);
	return r;
}

/* ---- descriptors ------------------------------------------------------------------- */

/* Descriptors in the queue of a socket. */
static uint32_t ledger_count_banked(pid_t pid, const char *name)
{
	char path[64], line[100];
	unsigned n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.12s", pid, name);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "scm_fds: %u", &n) == 1)
			break;
	if (file)
		fclose(file);
	return n;
}

static int ledger_count_fd(pid_t pid, const char *name, struct ledger_count *count)
{
	char path[64], target[64] = "";
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%.12s", pid, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0 && strncmp(target, "socket:", 7) == 0)
		count->banked += ledger_count_banked(pid, name);
	if (n > 0 && strncmp(target, "/memfd:", 7) == 0)
		return ledger_count_file(path, count);
	return -ENOENT;
}

int ledger_count(pid_t pid, struct ledger_count *ret_count)
{
	struct ledger_count count = {0};
	struct dirent *entry;
	int r = -ENOENT;
	char path[32];
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = opendir(path);
	while (fds && (entry = readdir(fds))) {
		int one = ledger_count_fd(pid, entry->d_name, &count);

		if (one != -ENOENT)
			r = one;
	}
	if (fds)
		closedir(fds);
	if (r == 0)
		*ret_count = count;
	return r;
}

uint32_t ledger_count_used(const struct ledger_count *count, enum ledger_kind kind)
{
	uint32_t n = 0;

	for (int state = LEDGER_FREE + 1; state < LEDGER_STATES; state++)
		n += count->records[kind][state];
	return n;
}

void ledger_count_print(const struct ledger_count *count)
{
	char text[300];
	size_t used = 0;

	for (int kind = 0; kind < LEDGER_CHUNK; kind++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, ", %s %u",
					 ledger_count_names[kind],
					 ledger_count_used(count, kind));
	test_note(
		"ledger: epoch %llu%s (building %u, unnamed %u), backing ids %u, bank %u",
		(unsigned long long)count->epoch, text,
		count->records[LEDGER_EXPORT][LEDGER_BUILDING],
		count->records[LEDGER_EXPORT][LEDGER_UNNAMED], count->backing_ids,
		count->banked);
}
