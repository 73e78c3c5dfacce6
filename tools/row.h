/* SPDX-License-Identifier: MIT */
/* row.h - one name with all that may be known of it, and the list of them */
#ifndef DMABUFFS_ROW_H
#define DMABUFFS_ROW_H

#include <stdio.h>
#include <sys/stat.h>

#include <dmabuffs.h>

/**
 * struct row - a name
 * @status: owner, mode, size and times: needs search permission only
 * @info: what the service tells who may read the buffer
 * @error: 0, or why there is no @info
 */
struct row {
	dmabuffs_uuid uuid;
	struct stat status;
	struct dmabuffs_info info;
	int error;
};

struct rows {
	struct row *all;
	size_t count;
	size_t capacity;
};

/* -ENOENT: it ended. What the reader may not know is in @error of the row instead. */
int row_load(struct dmabuffs *instance, const dmabuffs_uuid *uuid, struct row *ret_row);

/* All names this user may list, by UUID; what ends meanwhile is left out. */
int rows_load(struct dmabuffs *instance, struct rows *ret_rows);
void rows_finish(struct rows *rows);
#define _cleanup_rows_ _cleanup_(rows_finish)

uint64_t row_bytes(const struct row *row);

/* Words for numbers; a user or group without a name is a number. Safe for terminals. */
const char *row_kind(const struct row *row);
void row_user(const struct row *row, char *out, size_t size);
void row_group(const struct row *row, char *out, size_t size);

/* One JSON object, without a newline. */
void row_json(FILE *stream, const struct row *row);

/* Calls @word for each flag, or seal, that is set. */
void row_each_flag(const struct row *row, void (*word)(const char *text, void *data),
		   void *data);
void row_each_seal(const struct row *row, void (*word)(const char *text, void *data),
		   void *data);
extern const char *const row_namespaces[DMABUFFS_NS_COUNT];

#endif
