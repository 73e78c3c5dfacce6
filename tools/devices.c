/* SPDX-License-Identifier: MIT */
/* devices.c - dmabuffs devices */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <dmabuffs-accel.h>

#include "cli.h"
#include "report.h"
#include "text.h"

struct devices {
	struct dmabuffs *instance; /* borrowed */
	struct accel_device_info *all;
	size_t count;
};

static void devices_free(struct devices *devices)
{
	free(devices->all);
}
#define _cleanup_devices_ _cleanup_(devices_free)

static const struct text_bit devices_flags[] = {
	{ACCEL_DEVICE_SVA, "sva"},
	{ACCEL_DEVICE_EXCLUSIVE, "exclusive"},
	{ACCEL_DEVICE_REVOCABLE, "revocable"},
	{0},
};

static const struct text_bit devices_operations[] = {
	{UINT64_C(1) << ACCEL_OP_NOP, "nop"},
	{UINT64_C(1) << ACCEL_OP_COPY, "copy"},
	{UINT64_C(1) << ACCEL_OP_FILL, "fill"},
	{UINT64_C(1) << ACCEL_OP_COMPARE, "compare"},
	{UINT64_C(1) << ACCEL_OP_CRC32C, "crc32c"},
	{UINT64_C(1) << ACCEL_OP_XOR, "xor"},
	{UINT64_C(1) << ACCEL_OP_VADD, "vadd"},
	{UINT64_C(1) << ACCEL_OP_MATMUL, "matmul"},
	{UINT64_C(1) << ACCEL_OP_SIGNAL, "signal"},
	{UINT64_C(1) << ACCEL_OP_WAIT, "wait"},
	{0},
};

static uint32_t devices_max_asids(const struct accel_device_info *info)
{
	return info->asid_bits < 32 ? (UINT32_C(1) << info->asid_bits) - 1 : UINT32_MAX;
}

static uint32_t devices_queues_used(const struct accel_device_info *info)
{
	return info->queues - MIN(info->queues_free, info->queues);
}

static uint64_t devices_memory_used(const struct accel_device_info *info)
{
	return info->memory - MIN(info->memory_free, info->memory);
}

/* ---- table ------------------------------------------------------------------------- */

enum column { NAME, BACKEND, FLAGS, QUEUES, CONTEXTS, ASIDS, MEMORY, COLUMNS };

/* A byte of a name may become four characters. */
#define CELL_SIZE (4 * ACCEL_NAME_SIZE)

struct cells {
	char text[COLUMNS][CELL_SIZE];
};

static const struct cells devices_heading = {
	{"NAME", "BACKEND", "FLAGS", "QUEUES", "CONTEXTS", "ASIDS", "MEMORY"}};

static void devices_fill_flags(char *cell, const struct accel_device_info *info)
{
	const char *separator = "";

	memcpy(cell, "-", 2);
	for (const struct text_bit *flag = devices_flags; flag->name; flag++)
		if (info->flags & flag->bit) {
			if (!*separator)
				cell[0] = '\0';
			strcat(cell, separator);
			strcat(cell, flag->name);
			separator = ",";
		}
}

static void devices_fill_cells(struct cells *cells, const struct accel_device_info *info)
{
	char used[TEXT_BYTES_SIZE], total[TEXT_BYTES_SIZE];

	text_escape(info->name, cells->text[NAME], CELL_SIZE);
	text_escape(info->backend, cells->text[BACKEND], CELL_SIZE);
	devices_fill_flags(cells->text[FLAGS], info);
	(void)snprintf(cells->text[QUEUES], CELL_SIZE, "%u/%u", devices_queues_used(info),
		       info->queues);
	(void)snprintf(cells->text[CONTEXTS], CELL_SIZE, "%u", info->contexts);
	(void)snprintf(cells->text[ASIDS], CELL_SIZE, "%u/%u", info->asids,
		       devices_max_asids(info));
	text_bytes(devices_memory_used(info), used);
	text_bytes(info->memory, total);
	(void)snprintf(cells->text[MEMORY], CELL_SIZE, "%s/%s", used, total);
}

static void devices_widen(size_t widths[COLUMNS], const struct cells *cells)
{
	for (int i = 0; i < COLUMNS; i++)
		widths[i] = MAX(widths[i], strlen(cells->text[i]));
}

static void devices_print_line(const struct cells *cells, const size_t widths[COLUMNS])
{
	for (int i = 0; i < COLUMNS; i++) {
		int width = (int)widths[i];

		printf("%s%*s", i ? "  " : "", i >= QUEUES ? width : -width,
		       cells->text[i]);
	}
	putchar('\n');
}

static void devices_print_table(const struct devices *devices)
{
	size_t widths[COLUMNS] = {0};
	struct cells cells;

	devices_widen(widths, &devices_heading);
	for (size_t i = 0; i < devices->count; i++) {
		devices_fill_cells(&cells, &devices->all[i]);
		devices_widen(widths, &cells);
	}
	devices_print_line(&devices_heading, widths);
	for (size_t i = 0; i < devices->count; i++) {
		devices_fill_cells(&cells, &devices->all[i]);
		devices_print_line(&cells, widths);
	}
}

/* ---- JSON -------------------------------------------------------------------------- */

/* As text: a number of JSON need not hold the 64 bits of an address. */
static void devices_put_range(const struct accel_range *range)
{
	printf("{\"first\":\"0x%" PRIx64 "\",\"last\":\"0x%" PRIx64 "\"}",
	       (uint64_t)range->first, (uint64_t)range->last);
}

static void devices_put_ranges(const struct accel_device_info *info)
{
	fputs(",\"aperture\":", stdout);
	devices_put_range(&info->aperture);
	fputs(",\"reserved\":[", stdout);
	for (uint32_t i = 0; i < info->n_reserved; i++) {
		fputs(i ? "," : "", stdout);
		devices_put_range(&info->reserved_ranges[i]);
	}
	putchar(']');
}

static void devices_print_object(const struct accel_device_info *info)
{
	fputs("{\"name\":", stdout);
	text_json(stdout, info->name);
	fputs(",\"backend\":", stdout);
	text_json(stdout, info->backend);
	fputs(",\"flags\":", stdout);
	text_json_bits(stdout, devices_flags, info->flags);
	fputs(",\"operations\":", stdout);
	text_json_bits(stdout, devices_operations, info->operations);
	printf(",\"queues\":%u,\"max_queues\":%u", devices_queues_used(info),
	       info->queues);
	printf(",\"contexts\":%u,\"asids\":%u,\"max_asids\":%u", info->contexts,
	       info->asids, devices_max_asids(info));
	printf(",\"memory\":%" PRIu64 ",\"max_memory\":%" PRIu64,
	       devices_memory_used(info), (uint64_t)info->memory);
	printf(",\"page_size\":%u,\"latency_ns\":%u", info->page_size, info->latency_ns);
	devices_put_ranges(info);
	putchar('}');
}

static void devices_print_array(const struct devices *devices)
{
	putchar('[');
	for (size_t i = 0; i < devices->count; i++) {
		fputs(i ? ",\n " : "", stdout);
		devices_print_object(&devices->all[i]);
	}
	puts("]");
}

/* ------------------------------------------------------------------------------------ */

static int devices_add(const char *name, void *data)
{
	struct devices *devices = data;
	struct accel_device_info *all =
		reallocarray(devices->all, devices->count + 1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	devices->all = all;
	r = dmabuffs_accel_query(devices->instance, name, &all[devices->count],
				 sizeof(*all));
	if (r >= 0)
		devices->count++;
	return r;
}

static int devices_load(struct cli *cli, const char *name, struct devices *devices)
{
	int r;

	if (name) {
		r = devices_add(name, devices);
		return r < 0 ? report(cli, DMABUFFS_OPERATION_ACCEL_OPEN, name, r)
			     : CODE_OK;
	}
	r = dmabuffs_accel_list(devices->instance, devices_add, devices);
	return r < 0 ? report(cli, DMABUFFS_OPERATION_ACCEL_LIST, cli_mount_point(cli), r)
		     : CODE_OK;
}

static int devices_show(struct cli *cli, const char *name, bool json)
{
	_cleanup_instance_ struct dmabuffs *instance = NULL;
	_cleanup_devices_ struct devices devices = {0};
	int code = cli_open(cli, &instance);

	if (code != CODE_OK)
		return code;
	devices.instance = instance;
	code = devices_load(cli, name, &devices);
	if (code != CODE_OK)
		return code;
	if (!json) {
		devices_print_table(&devices);
	} else if (!name) {
		devices_print_array(&devices);
	} else {
		devices_print_object(devices.all);
		putchar('\n');
	}
	return cli_flush(cli);
}

int command_devices(struct cli *cli, int argc, char **argv)
{
	bool json;

	if (cli_parse_json(cli, argc, argv, &json) == CLI_STOP)
		return cli->code;
	if (argc - optind > 1)
		return cli_usage(cli, "give one device, or none for all");
	return devices_show(cli, argv[optind], json);
}
