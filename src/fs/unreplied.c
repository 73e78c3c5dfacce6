/* SPDX-License-Identifier: MIT */
#include "fs/unreplied.h"

#include <assert.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>

#include "base/log.h"
#include "base/request.h"
#include "devices/device_records.h"
#include "fs/fs.h"
#include "util.h"

/* What fs_root.c, fs_idmap.c, fs_file.c and fs_accel.c set in struct fuse_file_info. */
#define OPEN_DIRECT    (1U << 0) /* FOPEN_DIRECT_IO */
#define OPEN_STREAM    (1U << 2) /* FOPEN_NONSEEKABLE */
#define OPEN_NOFLUSH   (1U << 5) /* FOPEN_NOFLUSH, Linux 5.16 */
#define OPEN_PARALLEL  (1U << 6) /* FOPEN_PARALLEL_DIRECT_WRITES, Linux 6.2 */
#define OPEN_TO_MEMORY (1U << 7) /* FOPEN_PASSTHROUGH, Linux 6.9 */

/* struct fuse_open_out */
struct unreplied_open {
	uint64_t fh;
	uint32_t flags;
	int32_t backing_id;
};

struct unreplied_create {
	struct fuse_entry_out entry;
	struct unreplied_open open;
};

static_assert(sizeof(struct unreplied_open) == sizeof(struct fuse_open_out),
	      "as the kernel reads it");
static_assert(sizeof(struct unreplied_create) ==
		      sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out),
	      "as the kernel reads it");

/* ---- one reply --------------------------------------------------------------------- */

/* False: the kernel waits for no reply with this number. */
static bool unreplied_send(int device, uint64_t unique, const void *body, size_t size)
{
	const struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + size),
		.unique = unique,
	};
	const struct iovec parts[] = {{(void *)&head, sizeof(head)},
				      {(void *)body, size}};

	if (writev(device, parts, ARRAY_SIZE(parts)) >= 0)
		return true;
	if (errno != ENOENT)
		log_error("cannot reply to an open(2) of a killed service: %m");
	return errno != ENOENT;
}

/* A request that the predecessor had read again has the mark. */
static void unreplied_reply(struct ledger *ledger, enum ledger_kind kind, uint32_t slot,
			    int device, const void *body, size_t size)
{
	const struct ledger_record *record = ledger_at(ledger, kind, slot);
	uint64_t unique = LEDGER_LOAD(record->unique);

	if (!unreplied_send(device, unique, body, size))
		(void)unreplied_send(device, unique | REQUEST_RESENT, body, size);
	ledger_replied(ledger, kind, slot, unique);
}

static bool unreplied_is(const struct ledger *ledger, enum ledger_kind kind,
			 uint32_t slot)
{
	const struct ledger_record *record = ledger_at(ledger, kind, slot);

	return LEDGER_LOAD(record->unique) != 0;
}

/* ---- by kind ----------------------------------------------------------------------- */

/* As fs_control_open() and fs_tmpfile(). */
#define UNREPLIED_OWN (OPEN_DIRECT | OPEN_STREAM | OPEN_NOFLUSH)

/* The kernel asks for the attributes again when it needs them. */
static void unreplied_handle(struct service *service, int device, uint32_t slot,
			     uint64_t id)
{
	struct unreplied_create body = {
		.entry = {.nodeid = INO_IDENTITY},
		.open = {id, UNREPLIED_OWN, 0},
	};
	struct stat st;
	double timeout;

	(void)fs_stat(service, INO_IDENTITY, &st, &timeout);
	body.entry.attr = (struct fuse_attr){
		.ino = st.st_ino,
		.mode = st.st_mode,
		.nlink = (uint32_t)st.st_nlink,
		.uid = st.st_uid,
		.gid = st.st_gid,
	};
	unreplied_reply(service->state.ledger, LEDGER_DESCRIPTION, slot, device, &body,
			sizeof(body));
}

static void unreplied_description(struct service *service, int device, uint32_t slot)
{
	struct ledger *ledger = service->state.ledger;
	struct ledger_description copy;
	struct unreplied_open body;

	ledger_read(ledger, LEDGER_DESCRIPTION, slot, &copy);
	body = (struct unreplied_open){
		.fh = copy.id,
		.flags = copy.kind == LEDGER_CONTROL ? UNREPLIED_OWN : 0,
	};
	if (copy.kind == LEDGER_HANDLE)
		unreplied_handle(service, device, slot, copy.id);
	else
		unreplied_reply(ledger, LEDGER_DESCRIPTION, slot, device, &body,
				sizeof(body));
}

static void unreplied_file(struct service *service, int device, uint32_t slot)
{
	struct ledger *ledger = service->state.ledger;
	struct unreplied_open body = {.fh = ledger_handle(ledger, LEDGER_OPEN, slot)};
	const struct ledger_export *record;
	struct export *export;
	uint32_t of;

	record = ledger_export_of(ledger, ledger_opened(ledger, slot), &of);
	export = record ? table_get(&service->table, record->id) : NULL;
	if (!export)
		return;
	table_lock(&service->table);
	body.backing_id = export->backing_id;
	table_unlock(&service->table);
	body.flags = OPEN_PARALLEL | OPEN_NOFLUSH |
		     (body.backing_id ? OPEN_TO_MEMORY : OPEN_DIRECT);
	table_put(&service->table, export);
	unreplied_reply(ledger, LEDGER_OPEN, slot, device, &body, sizeof(body));
}

static void unreplied_context(struct service *service, int device, uint32_t slot)
{
	struct ledger *ledger = service->state.ledger;
	const struct device_record *record =
		(const struct device_record *)device_records_object(ledger, LEDGER_ACCEL,
								    slot);
	const struct unreplied_open body = {record->handle, OPEN_DIRECT | OPEN_STREAM, 0};

	if (record->kind == DEVICE_RECORD_FILE)
		unreplied_reply(ledger, LEDGER_ACCEL, slot, device, &body, sizeof(body));
}

static const struct {
	enum ledger_kind kind;
	void (*finish)(struct service *service, int device, uint32_t slot);
} unreplied_kinds[] = {
	{LEDGER_DESCRIPTION, unreplied_description},
	{LEDGER_OPEN, unreplied_file},
	{LEDGER_ACCEL, unreplied_context},
};

void unreplied_finish(struct service *service, int device)
{
	struct ledger *ledger = service->state.ledger;
	uint32_t slot;

	for (size_t i = 0; i < ARRAY_SIZE(unreplied_kinds); i++)
		ledger_for_each(ledger, unreplied_kinds[i].kind, slot)
			if (unreplied_is(ledger, unreplied_kinds[i].kind, slot))
				unreplied_kinds[i].finish(service, device, slot);
}
