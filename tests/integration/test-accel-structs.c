/* SPDX-License-Identifier: MIT */
/*
 * test-accel-structs.c - struct validation of every device ioctl
 *
 *
 * Each case violates one rule for all requests in the table of accel-structs.c.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "accel-structs.h"
#include "harness.h"
#include "raw-accel.h"

/* ---- cases ------------------------------------------------------------------------- */

/* The table has every device ioctl. */
static void table_is_whole(struct instance *instance)
{
	static union request request;
	struct stage stage;

	structs_start(&stage, instance);
	for (unsigned int nr = 0; nr < 256; nr++) {
		struct row row = {.name = "unknown", .command = _IOC(0, 0, nr, 4)};
		/* test-idmap.c tests that one, which is not for contexts alone. */
		bool known = nr == _IOC_NR(DMABUFFS_IOC_IDENTIFY);

		for (size_t i = 0; i < structs_n_rows; i++)
			known |= _IOC_NR(structs_rows[i].command) == nr &&
				 !structs_rows[i].on_directory;
		structs_current = &row;
		request.words[0] = 3;
		EXPECT(stage.context, 4, &request, known ? EINVAL : ENOTTY);
		EXPECT(stage.devices, 4, &request,
		       nr == _IOC_NR(DMABUFFS_ACCEL_IOC_DEVICE_INFO) ? EINVAL : ENOTTY);
	}
	structs_end(&stage);
}

static void check_short(struct stage *stage, const struct row *row,
			union request *request)
{
	uint32_t min = row->min_size ? row->min_size : (uint32_t)structs_size(row);
	int fd = structs_place(stage, row);

	for (uint32_t size = 0; size < min; size++) {
		request->words[0] = size;
		EXPECT(fd, structs_size(row), request, EINVAL);
		if (size)
			EXPECT(fd, size, request, EINVAL);
	}
}

static void short_structs(struct instance *instance)
{
	structs_for_each(instance, check_short);
}

static void check_beyond(struct stage *stage, const struct row *row,
			 union request *request)
{
	const uint32_t size = (uint32_t)structs_size(row);
	const uint32_t sizes[] = {size + 1, size + 8, BIGGEST, 0x80000000, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		request->words[0] = sizes[i];
		EXPECT(structs_place(stage, row), size, request, EINVAL);
	}
	request->words[0] = size;
	EXPECT(structs_place(stage, row), size - 1, request, EINVAL);
}

static void size_beyond_command(struct instance *instance)
{
	structs_for_each(instance, check_beyond);
}

static void check_longer(struct stage *stage, const struct row *row,
			 union request *request)
{
	const uint32_t size = (uint32_t)structs_size(row);
	const uint32_t sizes[] = {size + 1, size + 8, BIGGEST};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		structs_fill(stage, row, request);
		request->words[0] = sizes[i];
		request->bytes[sizes[i] - 1] = 1;
		EXPECT(structs_place(stage, row), sizes[i], request, E2BIG);
		request->bytes[sizes[i] - 1] = 0;
		request->bytes[size] = 0x80;
		EXPECT(structs_place(stage, row), sizes[i], request, E2BIG);
		request->bytes[size] = 0;
		/* Bytes beyond the struct's own size field are ignored. */
		if (sizes[i] < BIGGEST)
			request->bytes[sizes[i]] = 1;
		structs_expect_success(stage, row,
				       sizes[i] < BIGGEST ? sizes[i] + 1 : sizes[i],
				       request);
		ASSERT_EQ(request->words[0], sizes[i]);
	}
}

static void longer_structs(struct instance *instance)
{
	structs_for_each(instance, check_longer);
}

static void check_flags(struct stage *stage, const struct row *row,
			union request *request)
{
	uint32_t good = request->words[1];

	for (int bit = 0; bit < 32; bit++) {
		if (row->flags & 1U << bit)
			continue;
		request->words[1] = good | 1U << bit;
		EXPECT(structs_place(stage, row), structs_size(row), request, EOPNOTSUPP);
	}
}

static void unknown_flags(struct instance *instance)
{
	structs_for_each(instance, check_flags);
}

static void check_reserved(struct stage *stage, const struct row *row,
			   union request *request)
{
	static const uint32_t values[] = {1, 0x80000000, UINT32_MAX};

	for (size_t i = 0; row->reserved && i < ARRAY_SIZE(values); i++) {
		request->words[row->reserved / 4] = values[i];
		EXPECT(structs_place(stage, row), structs_size(row), request, EINVAL);
	}
}

static void reserved_fields(struct instance *instance)
{
	structs_for_each(instance, check_reserved);
}

static bool is_alike(enum kind a, enum kind b)
{
	bool asids = (a == KIND_ASID || a == KIND_MEMBER) &&
		     (b == KIND_ASID || b == KIND_MEMBER);

	return a == b || asids;
}

/* OPEN accepts two kinds. */
static bool is_taken(const struct row *row, enum kind kind)
{
	return row->command == DMABUFFS_ACCEL_IOC_OPEN && kind == KIND_QUEUE;
}

static void check_id(struct stage *stage, const struct row *row,
		     const struct field *field, union request *request)
{
	static const uint32_t unknown[] = {0x00fffff0, 0x7fffffff, 0x80000000, 0x800ffff0,
					   UINT32_MAX};
	uint32_t *id = &request->words[field->offset / 4], good = *id;
	int fd = structs_place(stage, row);

	*id = 0;
	if (!(field->how & OPTIONAL))
		EXPECT(fd, structs_size(row), request, ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		*id = unknown[i];
		EXPECT(fd, structs_size(row), request, ENOENT);
	}
	for (enum kind kind = KIND_BUFFER; kind < KIND_COUNT; kind++) {
		if (is_alike(kind, field->kind) || is_taken(row, kind))
			continue;
		*id = structs_object(stage, kind);
		EXPECT(fd, structs_size(row), request, ENOENT);
	}
	*id = good;
}

static void check_ids(struct stage *stage, const struct row *row, union request *request)
{
	for (size_t i = 0; i < ARRAY_SIZE(row->ids); i++)
		if (row->ids[i].kind)
			check_id(stage, row, &row->ids[i], request);
	/* Objects made for this row may prevent others from being destroyed. */
	memset(stage->ids, 0, sizeof(stage->ids));
}

static void unknown_ids(struct instance *instance)
{
	structs_for_each(instance, check_ids);
}

/* Ids of one context are invalid in another. */
static void check_foreign(struct stage *stage, const struct row *row,
			  union request *request)
{
	int other;

	if (!row->ids[0].kind)
		return;
	other = ASSERT_OK(raw_context(stage->instance));
	/* Set ids are unique in the device, so another context gets EPERM. */
	EXPECT(other, structs_size(row), request,
	       row->ids[0].kind == KIND_SET ? EPERM : ENOENT);
	close(other);
}

static void foreign_ids(struct instance *instance)
{
	structs_for_each(instance, check_foreign);
}

static void check_gone(struct stage *stage, const struct row *row, union request *request)
{
	uint32_t id;

	if (!row->consumes)
		return;
	id = request->words[2];
	structs_expect_success(stage, row, structs_size(row), request);
	for (int i = 0; i < 10; i++)
		structs_object(stage, row->consumes), stage->ids[row->consumes] = 0;
	structs_fill(stage, row, request);
	request->words[2] = id;
	/* A revoked buffer can be revoked again. */
	if (row->command != DMABUFFS_ACCEL_IOC_BUFFER_REVOKE)
		EXPECT(stage->context, structs_size(row), request, ENOENT);
}

static void ids_that_are_gone(struct instance *instance)
{
	structs_for_each(instance, check_gone);
}

static void check_places(struct stage *stage, const struct row *row,
			 union request *request)
{
	struct shared shared;
	int files[4], root = ASSERT_OK(raw_root(stage->instance));
	bool both = row->command == DMABUFFS_ACCEL_IOC_DEVICE_INFO;

	share(&shared, stage->instance, PAGE, 0, 0);
	files[0] = root;
	files[1] = ASSERT_OK(raw_open(stage->instance, shared.uuid, O_RDWR));
	files[2] = both ? root : stage->devices;
	files[3] = ASSERT_OK(raw_accel_export(stage->instance, stage->context,
					      structs_object(stage, KIND_ASID), NULL));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		EXPECT(files[i], structs_size(row), request, ENOTTY);
	close(files[1]);
	close(files[3]);
	close(root);
	unshare_buffer(&shared);
}

static void wrong_places(struct instance *instance)
{
	structs_for_each(instance, check_places);
}

/* The ioctls of names and of the root directory are refused on devices. */
static void commands_of_others(struct instance *instance)
{
	static const struct row others[] = {
		{.name = "EXPORT", .command = DMABUFFS_IOC_EXPORT},
		{.name = "REVOKE", .command = DMABUFFS_IOC_REVOKE},
		{.name = "INFO", .command = DMABUFFS_IOC_INFO},
		{.name = "WITHDRAW", .command = DMABUFFS_IOC_WITHDRAW},
	};
	static union request request;
	struct stage stage;

	structs_start(&stage, instance);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		structs_fill(&stage, &others[i], &request);
		EXPECT(stage.context, structs_size(&others[i]), &request, ENOTTY);
		EXPECT(stage.devices, structs_size(&others[i]), &request, ENOTTY);
	}
	structs_end(&stage);
}

static void check_direction(struct stage *stage, const struct row *row,
			    union request *request)
{
	static const unsigned int directions[] = {_IOC_READ, _IOC_WRITE};
	static union request copy;

	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		int result;

		memcpy(&copy, request, sizeof(copy));
		result = (int)SYS(ioctl(structs_place(stage, row),
					_IOC(directions[i], DMABUFFS_IOC_TYPE,
					     _IOC_NR(row->command), structs_size(row)),
					&copy));
		ASSERT_ERR(result, ENOTTY);
		ASSERT(memcmp(&copy, request, sizeof(copy)) == 0);
	}
}

static void other_directions(struct instance *instance)
{
	structs_for_each(instance, check_direction);
}

/* ---- rules of single ioctls -------------------------------------------------------- */

static void submit_counts(struct instance *instance)
{
	static const uint32_t counts[] = {0, 2, 129, 0x04000001, 0x40000000, UINT32_MAX};
	static const struct row *row;
	static union request request;
	struct stage stage;
	const size_t one = offsetof(struct accel_queue_submit, commands[1]);

	for (size_t i = 0; i < structs_n_rows; i++)
		if (structs_rows[i].command == DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT)
			row = &structs_rows[i];
	structs_start(&stage, instance);
	structs_fill(&stage, row, &request);
	request.submit.size = one;
	/* More commands than were sent, including counts whose byte size overflows. */
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		request.submit.count = counts[i];
		EXPECT(stage.context, one, &request, EINVAL);
	}
	/* More commands than the queue has entries. */
	request.submit.size = sizeof(request.submit);
	request.submit.count = ACCEL_RING_MIN + 1;
	EXPECT(stage.context, sizeof(request.submit), &request, EINVAL);
	request.submit.size = (uint32_t)one;
	request.submit.count = 1;
	ASSERT_OK(structs_ask(stage.context, row, one, &request));
	ASSERT_EQ(request.submit.index, 0);
	structs_end(&stage);
}

static void names_of_devices(struct instance *instance)
{
	static const char *const names[] = {"",         "soft",   "soft00", "soft0/",
					    "../soft0", "soft0 ", "SOFT0",  "."};
	static union request request;
	struct stage stage;

	structs_start(&stage, instance);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		structs_fill(&stage, &structs_rows[1], &request);
		memset(request.info.name, 0, sizeof(request.info.name));
		strcpy(request.info.name, names[i]);
		EXPECT(stage.devices, structs_size(&structs_rows[1]), &request, ENOENT);
	}
	memset(request.info.name, 'a', sizeof(request.info.name));
	EXPECT(stage.devices, structs_size(&structs_rows[1]), &request, EINVAL);
	structs_end(&stage);
}

const struct test_case test_cases[] = {
	{"table_is_whole", table_is_whole, DEVICES},
	{"short_structs", short_structs, DEVICES, 120},
	{"size_beyond_command", size_beyond_command, DEVICES},
	{"longer_structs", longer_structs, DEVICES},
	{"unknown_flags", unknown_flags, DEVICES},
	{"reserved_fields", reserved_fields, DEVICES},
	{"unknown_ids", unknown_ids, DEVICES},
	{"foreign_ids", foreign_ids, DEVICES},
	{"ids_that_are_gone", ids_that_are_gone, DEVICES},
	{"wrong_places", wrong_places, DEVICES},
	{"commands_of_others", commands_of_others, DEVICES},
	{"other_directions", other_directions, DEVICES},
	{"submit_counts", submit_counts, DEVICES},
	{"names_of_devices", names_of_devices, DEVICES},
	{0},
};
