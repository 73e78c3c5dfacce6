/* SPDX-License-Identifier: MIT */
#include "store/takeover.h"

#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "util.h"

#define TAKEOVER_FLAGS                                                                   \
	(DMABUFFS_EXPORT_PERSIST | DMABUFFS_EXPORT_READONLY | DMABUFFS_EXPORT_MODE |     \
	 DMABUFFS_EXPORT_TICKET | DMABUFFS_EXPORT_ANOTHER)
/* A mount that gives a million ids per second needs years for them. */
#define TAKEOVER_ID_MAX ((UINT64_C(1) << 46) - 1)
/* The kernel knows ids that no record has any more: fewer than these. */
#define TAKEOVER_ID_GAP (UINT64_C(1) << 32)
#define TAKEOVER_PARTS  (LEDGER_BLOB_MAX / sizeof(struct ledger_part))

/* Keys that only one record may have. */
enum {
	TAKEOVER_ID,
	TAKEOVER_UUID,
	TAKEOVER_UID,
};

struct takeover_ids {
	uint64_t next;
	uint32_t n, n_above; /* ids, and those that are not below next */
	uint64_t highest;    /* of those that may be an id */
};

static void takeover_note_id(struct takeover_ids *ids, uint64_t id)
{
	ids->n++;
	ids->n_above += id >= ids->next;
	if (id <= TAKEOVER_ID_MAX)
		ids->highest = MAX(ids->highest, id);
}

static void takeover_note_ids(const struct takeover *takeover, struct takeover_ids *ids)
{
	const struct ledger *ledger = takeover->ledger;
	uint32_t slot;

	for (slot = 0; slot < takeover->high[LEDGER_DESCRIPTION]; slot++)
		if (ledger_state(ledger_description(ledger, slot)) >= LEDGER_LIVE)
			takeover_note_id(
				ids, LEDGER_LOAD(ledger_description(ledger, slot)->id));
	for (slot = 0; slot < takeover->high[LEDGER_EXPORT]; slot++)
		if (ledger_state(ledger_export(ledger, slot)) >= LEDGER_LIVE)
			takeover_note_id(ids,
					 LEDGER_LOAD(ledger_export(ledger, slot)->id));
}

/*
 * It is raised before an id below it is stored. So an id above it is damaged; but if most
 * are, it is that word which is.
 */
void takeover_check_next_id(struct takeover *takeover)
{
	_Atomic uint64_t *next_id = &takeover->ledger->header->next_id;
	struct takeover_ids ids = {.next = atomic_load(next_id)};

	takeover_note_ids(takeover, &ids);
	if (ids.next >= LEDGER_FIRST_ID && ids.next <= 2 * TAKEOVER_ID_MAX &&
	    ids.n_above <= ids.n / 2)
		return;
	log_error("ledger: the number of the next id is lost");
	atomic_store(next_id,
		     MAX(ids.highest, (uint64_t)LEDGER_FIRST_ID) + TAKEOVER_ID_GAP);
}

static const char *takeover_check_id(struct takeover *takeover, uint64_t id,
				     uint32_t slot)
{
	if (!ledger_is_id(takeover->ledger, id))
		return "it has no id";
	return uniques_add(&takeover->keys, id, TAKEOVER_ID, slot)
		       ? NULL
		       : "its id is another's";
}

static const char *takeover_refer_caller(struct takeover *takeover, uint32_t caller)
{
	const struct ledger_places *places = &takeover->ledger->places[LEDGER_CALLER];

	if (caller && !slots_is_used(&places->slots, caller - 1))
		return "its caller is lost";
	return NULL;
}

const char *takeover_check_user(struct takeover *takeover, uint32_t slot)
{
	uint32_t uid = LEDGER_LOAD(ledger_user(takeover->ledger, slot)->uid);

	if (uid == LEDGER_NO_ID)
		return "it is no user";
	if (!uniques_add(&takeover->keys, (uint64_t)uid + 1, TAKEOVER_UID, slot))
		return "its uid has a record";
	return NULL;
}

const char *takeover_check_caller(struct takeover *takeover, uint32_t slot)
{
	const struct ledger_caller *caller = ledger_caller(takeover->ledger, slot);

	return memchr(caller->comm, 0, sizeof(caller->comm)) ? NULL
							     : "its command has no end";
}

static bool takeover_identity_is_sound(const struct ledger_description *record)
{
	if (record->has_identity > 1 || record->has_token > 1)
		return false;
	if (!record->has_identity)
		return record->kind != LEDGER_HANDLE;
	return ledger_is_owner(record->process_uid, record->process_gid) &&
	       ledger_is_owner(record->owner_uid, record->owner_gid);
}

const char *takeover_check_description(struct takeover *takeover, uint32_t slot)
{
	struct ledger_description copy;

	ledger_read(takeover->ledger, LEDGER_DESCRIPTION, slot, &copy);
	if (copy.kind == 0 || copy.kind >= LEDGER_DESCRIPTION_KINDS)
		return "it is of no kind";
	if (!takeover_identity_is_sound(&copy))
		return "its identity is damaged";
	if (takeover_refer_caller(takeover, copy.caller))
		return "its caller is lost";
	return takeover_check_id(takeover, copy.id, slot);
}

static bool takeover_part_is_sound(const struct ledger_part *part)
{
	return part->kind >= DMABUFFS_KIND_MEMFD && part->kind <= DMABUFFS_KIND_DEVICE &&
	       part->access <= 2;
}

static const char *takeover_check_parts(struct takeover *takeover,
					const struct ledger_export *export)
{
	struct ledger_part parts[TAKEOVER_PARTS];
	ssize_t size =
		ledger_read_blob(takeover->ledger, export->parts, parts, sizeof(parts));

	if (size < 0 || export->n_parts == 0 ||
	    (size_t)size != (export->n_parts - 1) * sizeof(parts[0]))
		return "its parts are damaged";
	if (!takeover_part_is_sound(&export->part))
		return "its buffer is of no kind";
	for (size_t i = 0; i + 1 < export->n_parts; i++)
		if (!takeover_part_is_sound(&parts[i]))
			return "a buffer is of no kind";
	return NULL;
}

static const char *takeover_check_label(struct takeover *takeover, uint32_t blob)
{
	uint8_t label[DMABUFFS_LABEL_SIZE - 1];
	ssize_t size = ledger_read_blob(takeover->ledger, blob, label, sizeof(label));

	if (size < 0)
		return "its label is damaged";
	for (ssize_t i = 0; i < size; i++)
		if (label[i] < ' ' || label[i] > '~')
			return "its label is not text";
	return NULL;
}

static const char *takeover_check_fields(const struct ledger_export *export)
{
	if (export->flags & ~TAKEOVER_FLAGS || export->mode > 0777)
		return "its flags are unknown";
	if (!ledger_node_is_sound(&export->node, S_IFREG) ||
	    export->atime_then_ns > LEDGER_NS_MAX ||
	    export->mtime_then_ns > LEDGER_NS_MAX)
		return "its owner, its mode or a time is out of range";
	if (atomic_load(&export->backing_id) < 0 || atomic_load(&export->notified) > 1 ||
	    export->end_cause > DMABUFFS_ENDED_LOST)
		return "its end is damaged";
	return NULL;
}

static bool takeover_ends_with_root(const struct ledger_export *export)
{
	return ledger_state(export) == LEDGER_LIVE &&
	       !(export->flags & DMABUFFS_EXPORT_PERSIST);
}

static bool takeover_has_root(const struct ledger *ledger, uint64_t root)
{
	uint32_t slot = ledger_find(ledger, LEDGER_DESCRIPTION, root);

	return slot != LEDGER_NONE &&
	       ledger_description(ledger, slot)->kind != LEDGER_HANDLE;
}

static const char *takeover_check_name(struct takeover *takeover,
				       const struct ledger_export *export, uint32_t slot)
{
	uint64_t half[2];

	memcpy(half, export->uuid, sizeof(half));
	if (ledger_state(export) != LEDGER_LIVE)
		return NULL;
	/* Half of a random number is enough. */
	if (!uniques_add(&takeover->keys, half[0] ? half[0] : half[1], TAKEOVER_UUID,
			 slot))
		return "its UUID is none, or another's";
	return NULL;
}

/* Last what no two may have, so that a damaged record does not take it from a sound one.
 */
const char *takeover_check_export(struct takeover *takeover, uint32_t slot)
{
	struct ledger_export copy;
	const char *why;

	ledger_read(takeover->ledger, LEDGER_EXPORT, slot, &copy);
	why = takeover_check_fields(&copy);
	if (!why)
		why = takeover_check_parts(takeover, &copy);
	if (!why)
		why = takeover_check_label(takeover, copy.label);
	if (!why)
		why = takeover_refer_caller(takeover, copy.caller);
	if (!why && takeover_ends_with_root(&copy) &&
	    !takeover_has_root(takeover->ledger, copy.root))
		why = "its description is lost";
	if (!why)
		why = takeover_check_name(takeover, &copy, slot);
	return why ? why : takeover_check_id(takeover, copy.id, slot);
}

const char *takeover_check_open(struct takeover *takeover, uint32_t slot)
{
	const struct ledger *ledger = takeover->ledger;
	const struct ledger_open *open = ledger_opened(ledger, slot);
	uint32_t export;

	if (!ledger_export_of(ledger, open, &export) ||
	    !slots_is_used(&ledger->places[LEDGER_EXPORT].slots, export))
		return "its name is lost";
	return NULL;
}

const char *takeover_check_accel(struct takeover *takeover, uint32_t slot)
{
	return NULL;
}
