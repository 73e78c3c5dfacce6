/* SPDX-License-Identifier: MIT */
/* accel-structs.c - the table of valid requests, and sending them */
#include "accel-structs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"

/* ---- objects ----------------------------------------------------------------------- */

static uint32_t lent_asid(struct stage *stage)
{
	uint32_t asid = (uint32_t)ASSERT_OK(raw_accel_asid(stage->context, 0));

	ASSERT_OK(raw_accel_map(stage->context, asid, structs_object(stage, KIND_BUFFER),
				PAGE, LENT_AT));
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
			raw_accel_asid(context, structs_object(stage, KIND_SET)));
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

uint32_t structs_object(struct stage *stage, enum kind kind)
{
	if (!stage->ids[kind])
		stage->ids[kind] = make(stage, kind);
	return stage->ids[kind];
}

void structs_start(struct stage *stage, const struct instance *instance)
{
	memset(stage, 0, sizeof(*stage));
	stage->instance = instance;
	stage->context = ASSERT_OK(raw_context(instance));
	stage->devices = ASSERT_OK(raw_devices(instance));
	stage->other = stage->exported = -1;
}

void structs_end(struct stage *stage)
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
	request->entry.asid = structs_object(stage, KIND_MEMBER);
	request->entry.guest = ++stage->guest;
}

static void with_bound_guest(struct stage *stage, union request *request)
{
	struct accel_set_entry entry = {.set = structs_object(stage, KIND_SET)};

	stage->ids[KIND_MEMBER] = 0;
	entry.asid = structs_object(stage, KIND_MEMBER);
	entry.guest = ++stage->guest;
	ASSERT_OK(raw_accel(stage->context, DMABUFFS_ACCEL_IOC_SET_BIND, &entry));
	request->entry.guest = entry.guest;
}

static void with_member(struct stage *stage, union request *request)
{
	structs_object(stage, KIND_MEMBER);
}

static void with_attached(struct stage *stage, union request *request)
{
	int result = raw_accel_attach(stage->context, structs_object(stage, KIND_QUEUE),
				      structs_object(stage, KIND_ASID));

	ASSERT(result == 0 || result == -EEXIST);
}

static void with_detached(struct stage *stage, union request *request)
{
	struct accel_queue_attach arg = {.queue = structs_object(stage, KIND_QUEUE),
					 .asid = structs_object(stage, KIND_ASID)};
	int result = raw_accel(stage->context, DMABUFFS_ACCEL_IOC_QUEUE_DETACH, &arg);

	ASSERT(result == 0 || result == -ENOENT);
}

static void with_faulted_queue(struct stage *stage, union request *request)
{
	const struct accel_command bad = {.op = 0xffff};
	struct accel_queue_info info;

	/* A queue that faults too often cannot be reset, so replace it each time. */
	ASSERT_OK(
		raw_queue_info(stage->context, structs_object(stage, KIND_QUEUE), &info));
	if (info.state == ACCEL_QUEUE_FAULTED)
		return;
	ASSERT_OK(raw_accel_object(stage->context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
				   structs_object(stage, KIND_QUEUE)));
	stage->ids[KIND_QUEUE] = 0;
	request->words[2] = structs_object(stage, KIND_QUEUE);
	ASSERT_OK(raw_accel_submit(stage->context, request->words[2], &bad, 1));
	ASSERT_EQ(raw_queue_fault(stage->context, request->words[2]).reason,
		  ACCEL_FAULT_COMMAND);
}

/* ---- the table --------------------------------------------------------------------- */

#define ROW(what)       .name = #what, .command = DMABUFFS_ACCEL_IOC_##what
#define ON_OBJECT(kind) .reserved = 12, .ids = {{8, (kind), 0}}

const struct row structs_rows[] = {
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
	{ROW(FENCE_CREATE), .ids = {{12, KIND_QUEUE, OPTIONAL}}},
	{ROW(FENCE_DESTROY), ON_OBJECT(KIND_FENCE), .consumes = KIND_FENCE},
	{ROW(FENCE_SIGNAL), ON_OBJECT(KIND_FENCE)},
	{ROW(FENCE_QUERY), ON_OBJECT(KIND_FENCE)},
};

const size_t structs_n_rows = ARRAY_SIZE(structs_rows);

size_t structs_size(const struct row *row)
{
	return _IOC_SIZE(row->command);
}

/* ---- sending requests -------------------------------------------------------------- */

const struct row *structs_current;

void structs_fill(struct stage *stage, const struct row *row, union request *request)
{
	memset(request, 0, sizeof(*request));
	request->words[0] = (uint32_t)structs_size(row);
	for (size_t i = 0; i < ARRAY_SIZE(row->constants); i++)
		if (row->constants[i].offset)
			request->words[row->constants[i].offset / 4] =
				row->constants[i].value;
	for (size_t i = 0; i < ARRAY_SIZE(row->ids); i++)
		if (row->ids[i].kind)
			request->words[row->ids[i].offset / 4] =
				structs_object(stage, row->ids[i].kind);
	if (row->prepare)
		row->prepare(stage, request);
	structs_current = row;
}

int structs_place(const struct stage *stage, const struct row *row)
{
	return row->on_directory ? stage->devices : stage->context;
}

int structs_ask(int fd, const struct row *row, size_t carried, union request *request)
{
	return (int)SYS(ioctl(fd,
			      _IOC(_IOC_READ | _IOC_WRITE, DMABUFFS_IOC_TYPE,
				   _IOC_NR(row->command), carried),
			      request));
}

void structs_expect(int fd, size_t carried, const union request *request, int error,
		    int line)
{
	static union request copy;
	char got[32], wanted[32];
	int result;

	memcpy(&copy, request, sizeof(copy));
	result = structs_ask(fd, structs_current, carried, &copy);
	if (result != -error)
		test_fail(__FILE__, line, "%s%s: expected %s, got %s",
			  structs_current->name,
			  structs_current->on_directory ? " of .accel" : "",
			  test_result_text(-error, wanted, sizeof(wanted)),
			  test_result_text(result, got, sizeof(got)));
	if (memcmp(&copy, request, sizeof(copy)) != 0)
		test_fail(__FILE__, line, "%s: refused, and its struct was changed",
			  structs_current->name);
}

void structs_expect_success(struct stage *stage, const struct row *row, size_t carried,
			    union request *request)
{
	int result = structs_ask(structs_place(stage, row), row, carried, request);
	char got[32];

	if (result != 0)
		test_fail(__FILE__, __LINE__, "%s: a good request of %zu bytes: %s",
			  row->name, carried, test_result_text(result, got, sizeof(got)));
	if (row->consumes)
		stage->ids[row->consumes] = 0;
}

void structs_for_each(struct instance *instance,
		      void (*check)(struct stage *stage, const struct row *row,
				    union request *request))
{
	static union request request;

	for (size_t i = 0; i < structs_n_rows; i++) {
		struct stage stage;

		structs_start(&stage, instance);
		structs_fill(&stage, &structs_rows[i], &request);
		check(&stage, &structs_rows[i], &request);
		/* The refused requests must not have made it unusable. */
		structs_fill(&stage, &structs_rows[i], &request);
		structs_expect_success(&stage, &structs_rows[i],
				       structs_size(&structs_rows[i]), &request);
		structs_end(&stage);
	}
}
