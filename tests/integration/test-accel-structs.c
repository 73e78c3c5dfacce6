/* SPDX-License-Identifier: MIT */
/*
 * test-accel-structs.c - struct validation of every device ioctl
 *
 *
 * The table below describes a valid request for each ioctl; each case violates one rule
 * for all of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"
#include "raw-accel.h"

#define BIGGEST 16383
#define LENT_AT 0x200000UL /* address of the mapping in the ASID of KIND_ASID */
#define DEVICES "accel=soft0:queues=256"

enum kind {
	KIND_NONE,
	KIND_BUFFER,
	KIND_ASID,
	KIND_MEMBER, /* an ASID in the set */
	KIND_SET,
	KIND_QUEUE,
	KIND_FENCE,
	KIND_COUNT
};

/* A context with one object of each kind, created on first use. */
struct stage {
	const struct instance *instance;
	int context, devices, other, exported;
	uint32_t ids[KIND_COUNT];
	uint64_t guest;
};

union request {
	uint32_t words[(BIGGEST + 1) / 4];
	uint8_t bytes[BIGGEST + 1];
	struct accel_set_entry entry;
	struct accel_queue_attach attach;
	struct accel_queue_submit submit;
	struct accel_fence fence;
	struct accel_device_info info;
	struct accel_asid_unmap unmap;
	struct dmabuffs_accel_import import;
	struct dmabuffs_accel_sva sva;
	struct dmabuffs_accel_open open;
};

/* ---- objects ----------------------------------------------------------------------- */

static uint32_t object(struct stage *stage, enum kind kind);

static uint32_t lent_asid(struct stage *stage)
{
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(stage->context, 0));

	ASSERT_OK(raw_accel_map(stage->context, asid, object(stage, KIND_BUFFER), PAGE,
				LENT_AT));
	return asid;
}

static uint32_t make(struct stage *stage, enum kind kind)
{
	int context = stage->context;

	switch (kind) {
	case KIND_BUFFER:
		return (uint32_t)ASSERT_OK(raw_accel_alloc(context, PAGE));
	case KIND_ASID:
		return lent_asid(stage);
	case KIND_MEMBER:
		return (uint32_t)ASSERT_OK(
			raw_accel_asid(context, object(stage, KIND_SET)));
	case KIND_SET:
		return (uint32_t)ASSERT_OK(raw_accel_set(context, 100));
	case KIND_QUEUE:
		return (uint32_t)ASSERT_OK(raw_accel_queue(context, 0, ACCEL_RING_MIN));
	case KIND_FENCE:
		return (uint32_t)ASSERT_OK(raw_accel_fence(context));
	default:
		return 0;
	}
}

static uint32_t object(struct stage *stage, enum kind kind)
{
	if (!stage->ids[kind])
		stage->ids[kind] = make(stage, kind);
	return stage->ids[kind];
}

static void stage_start(struct stage *stage, const struct instance *instance)
{
	memset(stage, 0, sizeof(*stage));
	stage->instance = instance;
	stage->context = ASSERT_OK(raw_context(instance));
	stage->devices = ASSERT_OK(raw_devices(instance));
	stage->other = stage->exported = -1;
}

static void stage_end(struct stage *stage)
{
	close(stage->context);
	close(stage->devices);
	if (stage->other >= 0)
		close(stage->other);
	if (stage->exported >= 0)
		close(stage->exported);
}

/* ---- further preparation of some requests ------------------------------------------ */

static void with_name(struct stage *stage, union request *request)
{
	strcpy(request->info.name, RAW_DEVICE);
}

static void with_memfd(struct stage *stage, union request *request)
{
	static int fd = -1;

	if (fd < 0)
		fd = raw_memfd(PAGE);
	request->import.fd = fd;
}

/* A new ASID each time, of a context that stays open. */
static void with_exported_asid(struct stage *stage, union request *request)
{
	uint32_t asid;

	if (stage->other < 0)
		stage->other = ASSERT_OK(raw_context(stage->instance));
	if (stage->exported >= 0)
		close(stage->exported);
	asid = (uint32_t)ASSERT_OK(raw_accel_asid(stage->other, 0));
	stage->exported =
		ASSERT_OK(raw_accel_export(stage->instance, stage->other, asid, NULL));
	request->import.fd = stage->exported;
}

static void with_own_memory(struct stage *stage, union request *request)
{
	static int mem = -1, maps = -1;

	if (mem < 0) {
		mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
		maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));
	}
	request->sva.mem = mem;
	request->sva.maps = maps;
}

static void with_new_guest(struct stage *stage, union request *request)
{
	/* A member can be bound only once, so create another. */
	stage->ids[KIND_MEMBER] = 0;
	request->entry.asid = object(stage, KIND_MEMBER);
	request->entry.guest = ++stage->guest;
}

static void with_bound_guest(struct stage *stage, union request *request)
{
	struct accel_set_entry entry = {.set = object(stage, KIND_SET)};

	stage->ids[KIND_MEMBER] = 0;
	entry.asid = object(stage, KIND_MEMBER);
	entry.guest = ++stage->guest;
	ASSERT_OK(raw_accel(stage->context, DMABUFFS_ACCEL_IOC_SET_BIND, &entry));
	request->entry.guest = entry.guest;
}

static void with_member(struct stage *stage, union request *request)
{
	object(stage, KIND_MEMBER);
}

static void with_attached(struct stage *stage, union request *request)
{
	int result = raw_accel_attach(stage->context, object(stage, KIND_QUEUE),
				      object(stage, KIND_ASID));

	ASSERT(result == 0 || result == -EEXIST);
}

static void with_detached(struct stage *stage, union request *request)
{
	struct accel_queue_attach arg = {.queue = object(stage, KIND_QUEUE),
					 .asid = object(stage, KIND_ASID)};
	int result = raw_accel(stage->context, DMABUFFS_ACCEL_IOC_QUEUE_DETACH, &arg);

	ASSERT(result == 0 || result == -ENOENT);
}

static void with_faulted_queue(struct stage *stage, union request *request)
{
	const struct accel_command bad = {.op = 0xffff};
	struct accel_queue_info info;

	/* A queue that faults too often cannot be reset, so replace it each time. */
	ASSERT_OK(raw_queue_info(stage->context, object(stage, KIND_QUEUE), &info));
	if (info.state == ACCEL_QUEUE_FAULTED)
		return;
	ASSERT_OK(raw_accel_object(stage->context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
				   object(stage, KIND_QUEUE)));
	stage->ids[KIND_QUEUE] = 0;
	request->words[2] = object(stage, KIND_QUEUE);
	ASSERT_OK(raw_accel_submit(stage->context, request->words[2], &bad, 1));
	ASSERT_EQ(raw_queue_fault(stage->context, request->words[2]).reason,
		  ACCEL_FAULT_COMMAND);
}

/* ---- the table --------------------------------------------------------------------- */

#define OPTIONAL (1U << 0) /* 0 is valid: none */

struct field {
	uint32_t offset;
	enum kind kind;
	unsigned int how;
};

struct constant {
	uint32_t offset;
	uint32_t value;
};

struct row {
	const char *name;
	unsigned long command;
	bool on_directory;
	enum kind consumes; /* destroyed by success */
	uint32_t min_size;  /* 0: the size of the struct */
	uint32_t flags;     /* valid ones; sent only if in @constants */
	uint32_t reserved;  /* offset; 0: no such field */
	struct field ids[2];
	struct constant constants[4];
	void (*prepare)(struct stage *stage, union request *request);
};

#define ROW(what)       .name = #what, .command = DMABUFFS_ACCEL_IOC_##what
#define ON_OBJECT(kind) .reserved = 12, .ids = {{8, (kind), 0}}

static const struct row rows[] = {
	{ROW(DEVICE_INFO)},
	{ROW(DEVICE_INFO), .on_directory = true, .prepare = with_name,
	 .flags = DMABUFFS_ACCEL_NEXT},
	{ROW(BUFFER_ALLOC), .flags = ACCEL_BUFFER_PINNED, .reserved = 20,
	 .constants = {{8, PAGE}}},
	{ROW(BUFFER_IMPORT), .flags = DMABUFFS_ACCEL_TICKET, .prepare = with_memfd},
	{ROW(BUFFER_FREE), ON_OBJECT(KIND_BUFFER), .consumes = KIND_BUFFER},
	{ROW(BUFFER_REVOKE), ON_OBJECT(KIND_BUFFER), .consumes = KIND_BUFFER},
	{ROW(BUFFER_INFO), .ids = {{8, KIND_BUFFER, 0}}},
	{ROW(OPEN), .ids = {{8, KIND_BUFFER, 0}}, .constants = {{12, O_RDWR}}},
	{ROW(ASID_CREATE), .flags = ACCEL_ASID_VISIBLE, .ids = {{8, KIND_SET, OPTIONAL}}},
	{ROW(ASID_SVA), .flags = ACCEL_ASID_VISIBLE | DMABUFFS_ACCEL_TICKET,
	 .ids = {{16, KIND_SET, OPTIONAL}}, .prepare = with_own_memory},
	{ROW(ASID_DESTROY), ON_OBJECT(KIND_ASID), .consumes = KIND_ASID},
	{ROW(ASID_INFO), .ids = {{8, KIND_ASID, 0}}},
	{ROW(ASID_MAP),
	 .flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE | ACCEL_MAP_FIXED | ACCEL_MAP_USER,
	 .ids = {{8, KIND_ASID, 0}, {12, KIND_BUFFER, 0}},
	 .constants = {{4, ACCEL_MAP_READ}, {24, PAGE}}},
	{ROW(ASID_UNMAP), .reserved = 12, .ids = {{8, KIND_ASID, 0}},
	 .constants = {{24, UINT32_MAX}, {28, UINT32_MAX}}},
	{ROW(ASID_COPY), .flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE | ACCEL_MAP_FIXED,
	 .ids = {{8, KIND_ASID, 0}, {12, KIND_ASID, 0}},
	 .constants = {{4, ACCEL_MAP_READ}, {16, LENT_AT}, {24, PAGE}}},
	{ROW(ASID_EXPORT), .flags = DMABUFFS_EXPORT_MODE, .ids = {{8, KIND_ASID, 0}}},
	{ROW(ASID_IMPORT), .flags = DMABUFFS_ACCEL_TICKET, .prepare = with_exported_asid},
	{ROW(SET_CREATE), .constants = {{8, 1}}},
	{ROW(SET_DESTROY), ON_OBJECT(KIND_SET), .consumes = KIND_SET},
	{ROW(SET_INFO), .ids = {{8, KIND_SET, 0}}},
	{ROW(SET_BIND), .ids = {{8, KIND_SET, 0}, {12, KIND_MEMBER, 0}},
	 .prepare = with_new_guest},
	{ROW(SET_UNBIND), .reserved = 12, .ids = {{8, KIND_SET, 0}},
	 .prepare = with_bound_guest},
	{ROW(SET_LOOKUP), .flags = ACCEL_SET_BY_ASID, .ids = {{8, KIND_SET, 0}},
	 .prepare = with_bound_guest},
	{ROW(SET_NEXT), .ids = {{8, KIND_SET, 0}}, .prepare = with_member},
	{ROW(QUEUE_CREATE), .flags = ACCEL_QUEUE_USER, .reserved = 20,
	 .ids = {{12, KIND_SET, OPTIONAL}}, .constants = {{8, ACCEL_RING_MIN}}},
	{ROW(QUEUE_DESTROY), ON_OBJECT(KIND_QUEUE), .consumes = KIND_QUEUE},
	{ROW(QUEUE_ATTACH), .ids = {{8, KIND_QUEUE, 0}, {12, KIND_ASID, 0}},
	 .prepare = with_detached},
	{ROW(QUEUE_DETACH), .ids = {{8, KIND_QUEUE, 0}, {12, KIND_ASID, 0}},
	 .prepare = with_attached},
	{ROW(QUEUE_SUBMIT), .min_size = offsetof(struct accel_queue_submit, commands),
	 .ids = {{8, KIND_QUEUE, 0}}, .constants = {{12, 1}}},
	{ROW(QUEUE_RESET), ON_OBJECT(KIND_QUEUE), .prepare = with_faulted_queue},
	{ROW(QUEUE_INFO), .ids = {{8, KIND_QUEUE, 0}}},
	{ROW(FENCE_CREATE), .reserved = 12},
	{ROW(FENCE_DESTROY), ON_OBJECT(KIND_FENCE), .consumes = KIND_FENCE},
	{ROW(FENCE_SIGNAL), ON_OBJECT(KIND_FENCE)},
	{ROW(FENCE_QUERY), ON_OBJECT(KIND_FENCE)},
};

static size_t size_of(const struct row *row)
{
	return _IOC_SIZE(row->command);
}

/* ---- sending requests -------------------------------------------------------------- */

/* The row of the current request, for messages. */
static const struct row *current;

static void fill(struct stage *stage, const struct row *row, union request *request)
{
	memset(request, 0, sizeof(*request));
	request->words[0] = (uint32_t)size_of(row);
	for (size_t i = 0; i < ARRAY_SIZE(row->constants); i++)
		if (row->constants[i].offset)
			request->words[row->constants[i].offset / 4] =
				row->constants[i].value;
	for (size_t i = 0; i < ARRAY_SIZE(row->ids); i++)
		if (row->ids[i].kind)
			request->words[row->ids[i].offset / 4] =
				object(stage, row->ids[i].kind);
	if (row->prepare)
		row->prepare(stage, request);
	current = row;
}

static int place_of(const struct stage *stage, const struct row *row)
{
	return row->on_directory ? stage->devices : stage->context;
}

static int ask(int fd, const struct row *row, size_t carried, union request *request)
{
	return (int)SYS(ioctl(fd,
			      _IOC(_IOC_READ | _IOC_WRITE, DMABUFFS_IOC_TYPE,
				   _IOC_NR(row->command), carried),
			      request));
}

/* A refused request leaves the struct unchanged. */
static void expect(int fd, size_t carried, const union request *request, int error,
		   int line)
{
	static union request copy;
	char got[32], wanted[32];
	int result;

	memcpy(&copy, request, sizeof(copy));
	result = ask(fd, current, carried, &copy);
	if (result != -error)
		test_fail(__FILE__, line, "%s%s: expected %s, got %s", current->name,
			  current->on_directory ? " of .accel" : "",
			  test_result_text(-error, wanted, sizeof(wanted)),
			  test_result_text(result, got, sizeof(got)));
	if (memcmp(&copy, request, sizeof(copy)) != 0)
		test_fail(__FILE__, line, "%s: refused, and its struct was changed",
			  current->name);
}

#define EXPECT(fd, carried, request, error)                                              \
	expect((fd), (carried), (request), (error), __LINE__)

static void expect_success(struct stage *stage, const struct row *row, size_t carried,
			   union request *request)
{
	int result = ask(place_of(stage, row), row, carried, request);
	char got[32];

	if (result != 0)
		test_fail(__FILE__, __LINE__, "%s: a good request of %zu bytes: %s",
			  row->name, carried, test_result_text(result, got, sizeof(got)));
	if (row->consumes)
		stage->ids[row->consumes] = 0;
}

/* Calls the check for each row, with a new context. */
static void for_each(struct instance *instance,
		     void (*check)(struct stage *stage, const struct row *row,
				   union request *request))
{
	static union request request;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stage stage;

		stage_start(&stage, instance);
		fill(&stage, &rows[i], &request);
		check(&stage, &rows[i], &request);
		/* The refused requests must not have made it unusable. */
		fill(&stage, &rows[i], &request);
		expect_success(&stage, &rows[i], size_of(&rows[i]), &request);
		stage_end(&stage);
	}
}

/* ---- cases ------------------------------------------------------------------------- */

/* The table has every device ioctl. */
static void table_is_whole(struct instance *instance)
{
	static union request request;
	struct stage stage;

	stage_start(&stage, instance);
	for (unsigned int nr = 0; nr < 256; nr++) {
		struct row row = {.name = "unknown", .command = _IOC(0, 0, nr, 4)};
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			known |= _IOC_NR(rows[i].command) == nr && !rows[i].on_directory;
		current = &row;
		request.words[0] = 3;
		EXPECT(stage.context, 4, &request, known ? EINVAL : ENOTTY);
		EXPECT(stage.devices, 4, &request,
		       nr == _IOC_NR(DMABUFFS_ACCEL_IOC_DEVICE_INFO) ? EINVAL : ENOTTY);
	}
	stage_end(&stage);
}

static void check_short(struct stage *stage, const struct row *row,
			union request *request)
{
	uint32_t min = row->min_size ? row->min_size : (uint32_t)size_of(row);
	int fd = place_of(stage, row);

	for (uint32_t size = 0; size < min; size++) {
		request->words[0] = size;
		EXPECT(fd, size_of(row), request, EINVAL);
		if (size)
			EXPECT(fd, size, request, EINVAL);
	}
}

static void short_structs(struct instance *instance)
{
	for_each(instance, check_short);
}

static void check_beyond(struct stage *stage, const struct row *row,
			 union request *request)
{
	const uint32_t size = (uint32_t)size_of(row);
	const uint32_t sizes[] = {size + 1, size + 8, BIGGEST, 0x80000000, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		request->words[0] = sizes[i];
		EXPECT(place_of(stage, row), size, request, EINVAL);
	}
	request->words[0] = size;
	EXPECT(place_of(stage, row), size - 1, request, EINVAL);
}

static void size_beyond_command(struct instance *instance)
{
	for_each(instance, check_beyond);
}

static void check_longer(struct stage *stage, const struct row *row,
			 union request *request)
{
	const uint32_t size = (uint32_t)size_of(row);
	const uint32_t sizes[] = {size + 1, size + 8, BIGGEST};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(stage, row, request);
		request->words[0] = sizes[i];
		request->bytes[sizes[i] - 1] = 1;
		EXPECT(place_of(stage, row), sizes[i], request, E2BIG);
		request->bytes[sizes[i] - 1] = 0;
		request->bytes[size] = 0x80;
		EXPECT(place_of(stage, row), sizes[i], request, E2BIG);
		request->bytes[size] = 0;
		/* Bytes beyond the struct's own size field are ignored. */
		if (sizes[i] < BIGGEST)
			request->bytes[sizes[i]] = 1;
		expect_success(stage, row, sizes[i] < BIGGEST ? sizes[i] + 1 : sizes[i],
			       request);
		ASSERT_EQ(request->words[0], sizes[i]);
	}
}

static void longer_structs(struct instance *instance)
{
	for_each(instance, check_longer);
}

static void check_flags(struct stage *stage, const struct row *row,
			union request *request)
{
	uint32_t good = request->words[1];

	for (int bit = 0; bit < 32; bit++) {
		if (row->flags & 1U << bit)
			continue;
		request->words[1] = good | 1U << bit;
		EXPECT(place_of(stage, row), size_of(row), request, EOPNOTSUPP);
	}
}

static void unknown_flags(struct instance *instance)
{
	for_each(instance, check_flags);
}

static void check_reserved(struct stage *stage, const struct row *row,
			   union request *request)
{
	static const uint32_t values[] = {1, 0x80000000, UINT32_MAX};

	for (size_t i = 0; row->reserved && i < ARRAY_SIZE(values); i++) {
		request->words[row->reserved / 4] = values[i];
		EXPECT(place_of(stage, row), size_of(row), request, EINVAL);
	}
}

static void reserved_fields(struct instance *instance)
{
	for_each(instance, check_reserved);
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
	int fd = place_of(stage, row);

	*id = 0;
	if (!(field->how & OPTIONAL))
		EXPECT(fd, size_of(row), request, ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		*id = unknown[i];
		EXPECT(fd, size_of(row), request, ENOENT);
	}
	for (enum kind kind = KIND_BUFFER; kind < KIND_COUNT; kind++) {
		if (is_alike(kind, field->kind) || is_taken(row, kind))
			continue;
		*id = object(stage, kind);
		EXPECT(fd, size_of(row), request, ENOENT);
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
	for_each(instance, check_ids);
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
	EXPECT(other, size_of(row), request,
	       row->ids[0].kind == KIND_SET ? EPERM : ENOENT);
	close(other);
}

static void foreign_ids(struct instance *instance)
{
	for_each(instance, check_foreign);
}

static void check_gone(struct stage *stage, const struct row *row, union request *request)
{
	uint32_t id;

	if (!row->consumes)
		return;
	id = request->words[2];
	expect_success(stage, row, size_of(row), request);
	for (int i = 0; i < 10; i++)
		object(stage, row->consumes), stage->ids[row->consumes] = 0;
	fill(stage, row, request);
	request->words[2] = id;
	/* A revoked buffer can be revoked again. */
	if (row->command != DMABUFFS_ACCEL_IOC_BUFFER_REVOKE)
		EXPECT(stage->context, size_of(row), request, ENOENT);
}

static void ids_that_are_gone(struct instance *instance)
{
	for_each(instance, check_gone);
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
					      object(stage, KIND_ASID), NULL));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		EXPECT(files[i], size_of(row), request, ENOTTY);
	close(files[1]);
	close(files[3]);
	close(root);
	unshare_buffer(&shared);
}

static void wrong_places(struct instance *instance)
{
	for_each(instance, check_places);
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

	stage_start(&stage, instance);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		fill(&stage, &others[i], &request);
		EXPECT(stage.context, size_of(&others[i]), &request, ENOTTY);
		EXPECT(stage.devices, size_of(&others[i]), &request, ENOTTY);
	}
	stage_end(&stage);
}

static void check_direction(struct stage *stage, const struct row *row,
			    union request *request)
{
	static const unsigned int directions[] = {_IOC_READ, _IOC_WRITE};
	static union request copy;

	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		int result;

		memcpy(&copy, request, sizeof(copy));
		result = (int)SYS(ioctl(place_of(stage, row),
					_IOC(directions[i], DMABUFFS_IOC_TYPE,
					     _IOC_NR(row->command), size_of(row)),
					&copy));
		ASSERT_ERR(result, ENOTTY);
		ASSERT(memcmp(&copy, request, sizeof(copy)) == 0);
	}
}

static void other_directions(struct instance *instance)
{
	for_each(instance, check_direction);
}

/* ---- rules of single ioctls -------------------------------------------------------- */

static void submit_counts(struct instance *instance)
{
	static const uint32_t counts[] = {0, 2, 129, 0x04000001, 0x40000000, UINT32_MAX};
	static const struct row *row;
	static union request request;
	struct stage stage;
	const size_t one = offsetof(struct accel_queue_submit, commands[1]);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].command == DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT)
			row = &rows[i];
	stage_start(&stage, instance);
	fill(&stage, row, &request);
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
	ASSERT_OK(ask(stage.context, row, one, &request));
	ASSERT_EQ(request.submit.index, 0);
	stage_end(&stage);
}

static void names_of_devices(struct instance *instance)
{
	static const char *const names[] = {"",         "soft",   "soft00", "soft0/",
					    "../soft0", "soft0 ", "SOFT0",  "."};
	static union request request;
	struct stage stage;

	stage_start(&stage, instance);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		fill(&stage, &rows[1], &request);
		memset(request.info.name, 0, sizeof(request.info.name));
		strcpy(request.info.name, names[i]);
		EXPECT(stage.devices, size_of(&rows[1]), &request, ENOENT);
	}
	memset(request.info.name, 'a', sizeof(request.info.name));
	EXPECT(stage.devices, size_of(&rows[1]), &request, EINVAL);
	stage_end(&stage);
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
