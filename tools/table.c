/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include <util.h>

#include "table.h"
#include "text.h"

enum column { UUID, BYTES, KIND, OWNER, MODE, IMPORTERS, PID, COMM, LABEL, COLUMNS };

/* A byte may become four characters. */
#define CELL_SIZE (4 * DMABUFFS_LABEL_SIZE)
/* All cells, the space between them, the end of the line. */
#define LINE_SIZE (COLUMNS * (CELL_SIZE + 2))

struct cells {
	char text[COLUMNS][CELL_SIZE];
};

static const struct cells table_heading = {
	{"UUID", "SIZE", "KIND", "OWNER", "MODE", "IMPORTERS", "PID", "COMM", "LABEL"}};

static bool table_is_number(enum column column)
{
	return column == BYTES || column == IMPORTERS || column == PID;
}

static void table_fill_info(struct cells *cells, const struct row *row)
{
	const struct dmabuffs_info *info = &row->info;

	(void)snprintf(cells->text[IMPORTERS], CELL_SIZE, "%u", info->importers);
	if (info->pid > 0)
		(void)snprintf(cells->text[PID], CELL_SIZE, "%d", info->pid);
	if (info->comm[0])
		text_escape((const char *)info->comm, cells->text[COMM], CELL_SIZE);
	if (info->label[0])
		text_escape((const char *)info->label, cells->text[LABEL], CELL_SIZE);
}

static void table_fill_cells(struct cells *cells, const struct row *row, bool exact_bytes)
{
	for (int i = 0; i < COLUMNS; i++)
		memcpy(cells->text[i], "-", 2);
	dmabuffs_uuid_format(&row->uuid, cells->text[UUID]);
	if (exact_bytes)
		(void)snprintf(cells->text[BYTES], CELL_SIZE, "%" PRIu64, row_bytes(row));
	else
		text_bytes(row_bytes(row), cells->text[BYTES]);
	(void)snprintf(cells->text[KIND], CELL_SIZE, "%s", row_kind(row));
	row_user(row, cells->text[OWNER], CELL_SIZE);
	(void)snprintf(cells->text[MODE], CELL_SIZE, "%04o", row->status.st_mode & 07777);
	if (row->error >= 0)
		table_fill_info(cells, row);
}

static void table_widen(size_t widths[COLUMNS], const struct cells *cells)
{
	for (int i = 0; i < COLUMNS; i++)
		widths[i] = MAX(widths[i], strlen(cells->text[i]));
}

static void table_print_line(const struct cells *cells, const size_t widths[COLUMNS],
			     const struct table_options *options)
{
	char line[LINE_SIZE] = "";
	size_t length = 0;

	for (int i = 0; i < COLUMNS; i++) {
		int width = (int)widths[i];

		length += (size_t)snprintf(
			line + length, sizeof(line) - length, "%s%*s", i ? "  " : "",
			table_is_number(i) ? width : -width, cells->text[i]);
	}
	while (length > 0 && line[length - 1] == ' ')
		length--;
	if (options->columns)
		length = MIN(length, options->columns);
	printf("%.*s%s", (int)length, line, options->line_end);
}

void table_print(const struct rows *rows, const struct table_options *options)
{
	size_t count = options->lines ? MIN(rows->count, options->lines) : rows->count;
	size_t widths[COLUMNS] = {0};
	struct cells cells;

	table_widen(widths, &table_heading);
	for (size_t i = 0; i < count; i++) {
		table_fill_cells(&cells, &rows->all[i], options->exact_bytes);
		table_widen(widths, &cells);
	}
	table_print_line(&table_heading, widths, options);
	for (size_t i = 0; i < count; i++) {
		table_fill_cells(&cells, &rows->all[i], options->exact_bytes);
		table_print_line(&cells, widths, options);
	}
}
