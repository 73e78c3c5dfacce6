/* SPDX-License-Identifier: MIT */
/* row.h - a name and its properties, and lists of names */
#ifndef DMABUFFS_ROW_H
#define DMABUFFS_ROW_H

#include <sys/stat.h>

#include <dmabuffs.h>

#include "text.h"

/**
 * struct row - a name
 * @status: owner, mode, size and times: needs search permission only
 * @info: from the service, if this user may read the buffer
 * @error: 0, or the reason why there is no @info
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

/* -ENOENT: it was removed. Without read permission there is @error instead of @info. */
int row_load(struct dmabuffs *instance, const dmabuffs_uuid *uuid, struct row *ret_row);

/* All names this user may list, sorted by UUID, without those removed meanwhile. */
int rows_load(struct dmabuffs *instance, struct rows *ret_rows);
void rows_finish(struct rows *rows);
#define _cleanup_rows_ _cleanup_(rows_finish)

uint64_t row_bytes(const struct row *row);

/* Words for numbers; users and groups without a name stay numbers. Escaped. */
const char *row_kind(const struct row *row);
void row_user(const struct row *row, char *out, size_t size);
void row_group(const struct row *row, char *out, size_t size);

/* Prints one JSON object, without a newline. */
void row_json(const struct row *row);

/* Names of what is in @info. */
extern const struct text_bit row_flags[], row_seals[];
extern const char *const row_namespaces[DMABUFFS_NS_COUNT];

#endif
