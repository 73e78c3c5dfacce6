/* SPDX-License-Identifier: MIT */
/*
 * test-restore.c - a successor finds what a killed service had
 *
 * The predecessor lives in this process, too. It is not finished: the successor gets
 * duplicates of its descriptors, and nothing else.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "acl-build.h"
#include "base/log.h"
#include "base/request.h"
#include "fixture.h"
#include "fs/fs_ioctl.h"
#include "fs/restore.h"
#include "fs/unreplied.h"
#include "names/publish.h"
#include "store/payers.h"
#include "store/poison.h"

#define RESENT (UINT64_C(1) << 63)
#define GID    7

static struct service *before, *after;
static uint64_t root; /* of the predecessor's exports */

/* ---- two services ------------------------------------------------------------------ */

static void init_parts(struct service *service)
{
	struct limits_config config;
	struct node root_node;

	limits_config_default(&config);
	limits_init(&service->limits, &config);
	payers_store(&service->limits, service->state.ledger);
	node_init(&root_node, S_IFDIR | 01777, 0, 0);
	node_init(&service->control, S_IFREG | 0600, 0, 0);
	node_init(&service->idmap, S_IFDIR | 01733, 0, 0);
	identities_init(&service->identities, &service->limits, service->state.ledger);
	cr_assert(zero(int, table_init(&service->table, &service->limits, &service->state,
				       &root_node)));
	service->notifier.table = &service->table;
	/* The kernel is not notified, and what ended is freed at once. */
	service->notifier.worker = WORKER_STOPPED;
	if (!service->state.inherited)
		restore_bind_nodes(service);
}

/* Nothing frees what a killed service had: for LeakSanitizer it is in use. */
static struct service **made;
static size_t n_made;

static struct service *new_service(void)
{
	struct service *service = calloc(1, sizeof(*service));
	struct service **more = reallocarray(made, n_made + 1, sizeof(*made));

	cr_assert(ne(ptr, service, NULL));
	cr_assert(ne(ptr, more, NULL));
	made = more;
	made[n_made++] = service;
	return service;
}

static void init(void)
{
	cr_assert(zero(int, buffer_setup()));
	before = new_service();
	cr_assert(
		zero(int, state_create(256, &restore_bank_ops, before, &before->state)));
	init_parts(before);
	cr_assert(zero(int,
		       table_open_root(&before->table, &(struct payer){UID_A}, &root)));
}

TestSuite(restore, .init = init);

static void open_successor(void)
{
	int fds[STATE_FDS_MAX];
	unsigned n = state_n_fds(&before->state);
	char why[STATE_WHY_SIZE];

	for (unsigned i = 0; i < n; i++)
		fds[i] = fcntl(state_fd(&before->state, i), F_DUPFD_CLOEXEC, 0);
	after = new_service();
	cr_assert(zero(int,
		       state_open(fds, n, &restore_bank_ops, after, why, &after->state)),
		  "%s", why);
	init_parts(after);
}

/* The predecessor was killed. */
static void take_over(void)
{
	request_set(0);
	open_successor();
	cr_assert(zero(int, restore(after)));
}

/* Takes over once more: nothing that is good for one takeover only may be left. */
static void take_over_again(void)
{
	take_over();
	restore_finish(after);
	before = after;
	take_over();
}

static struct export *publish(int memfd, const char *label, uint32_t flags)
{
	struct caller *caller = calloc(1, sizeof(*caller));
	struct export *export, *other;
	struct buffer buffer;
	struct export_request request = {
		.root_id = root,
		.uid = UID_A,
		.gid = GID,
		.flags = flags,
		.label = label,
		.caller = caller,
		.buffer = &buffer,
	};

	caller->refs = 1;
	caller->pid = 4711;
	strcpy(caller->comm, "exporter");
	caller->ns[DMABUFFS_NS_NET] = 99;
	caller->security = strdup("a label of the LSM");
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false,
					NULL)));
	cr_assert(zero(int, export_create(&before->table, &request, &export)));
	caller_unref(caller);
	cr_assert(zero(int, table_add(&before->table, export, &other)));
	return export;
}

/* The name's reference in the successor stays; NULL: there is no such name. */
static struct export *find(const struct export *export)
{
	struct export *found = table_get_named(&after->table, export->uuid);

	table_put(&after->table, found);
	return found;
}

static void read_bytes(const struct export *export, char *ret_text, size_t size)
{
	int fd = buffer_open(&export->buffer, O_RDONLY);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(long, pread(fd, ret_text, size, 0), (long)size));
	close(fd);
}

static void expect_same(const struct export *a, const struct export *b)
{
	cr_assert(eq(u64, a->id, b->id));
	cr_assert(eq(u64, a->root_id, b->root_id));
	cr_assert(eq(u32, a->flags, b->flags));
	cr_assert(eq(u32, a->mode, b->mode));
	cr_assert(eq(uint, a->exporter, b->exporter));
	cr_assert(eq(uint, a->opens, b->opens));
	cr_assert(eq(int, a->named, b->named));
	cr_assert(eq(uint, a->node.mode, b->node.mode));
	cr_assert(eq(uint, a->node.uid, b->node.uid));
	cr_assert(eq(uint, a->node.gid, b->node.gid));
	cr_assert(eq(sz, a->node.acl_size, b->node.acl_size));
	cr_assert(
		zero(int, memcmp(&a->node.mtime, &b->node.mtime, sizeof(a->node.mtime))));
	cr_assert(
		zero(int, memcmp(&a->node.ctime, &b->node.ctime, sizeof(a->node.ctime))));
	cr_assert(zero(int, strcmp(export_label(a), export_label(b))));
	cr_assert(zero(int, strcmp(a->caller->comm, b->caller->comm)));
	cr_assert(zero(int, strcmp(a->caller->security, b->caller->security)));
	if (a->node.acl_size)
		cr_assert(zero(int, memcmp(a->node.acl, b->node.acl, a->node.acl_size)));
	cr_assert(eq(u64, a->charged_bytes, b->charged_bytes));
	cr_assert(eq(uint, a->charged_uid, b->charged_uid));
	cr_assert(eq(u64, a->buffer.ino, b->buffer.ino));
	cr_assert(eq(int, a->caller->pid, b->caller->pid));
	cr_assert(
		eq(u64, a->caller->ns[DMABUFFS_NS_NET], b->caller->ns[DMABUFFS_NS_NET]));
}

static void expect_same_charges(void)
{
	for (int resource = 0; resource < RES_COUNT; resource++)
		cr_assert(eq(u64, limits_used(&after->limits, resource),
			     limits_used(&before->limits, resource)),
			  "resource %d", resource);
}

static unsigned count_records(enum ledger_kind kind)
{
	struct ledger *ledger = after->state.ledger;
	unsigned n = 0;
	uint32_t slot;

	ledger_for_each(ledger, kind, slot)
		n++;
	return n;
}

/* ---- names ------------------------------------------------------------------------- */

Test(restore, names)
{
	struct export *exports[3];
	char text[] = "the bytes of this buffer";

	for (int i = 0; i < 3; i++) {
		int memfd = new_memfd(4096 * (i + 1));

		text[0] = (char)('0' + i);
		cr_assert(eq(long, pwrite(memfd, text, sizeof(text), 0), sizeof(text)));
		exports[i] = publish(memfd, i ? "my label" : "",
				     i == 2 ? DMABUFFS_EXPORT_PERSIST : 0);
		close(memfd);
	}
	take_over_again();
	for (int i = 0; i < 3; i++) {
		struct export *export = find(exports[i]);
		char bytes[sizeof(text)];

		cr_assert(ne(ptr, export, NULL));
		expect_same(exports[i], export);
		read_bytes(export, bytes, sizeof(bytes));
		text[0] = (char)('0' + i);
		cr_assert(eq(str, bytes, text));
	}
	expect_same_charges();
	cr_assert(eq(u64, limits_used(&after->limits, RES_BYTES), 6 * 4096));
	table_close_root(&after->table, root, ignore_ended, NULL);
	cr_assert(eq(ptr, find(exports[0]), NULL));
	cr_assert(eq(ptr, find(exports[1]), NULL));
	cr_assert(ne(ptr, find(exports[2]), NULL));
}

/* The ids go on where they were. */
Test(restore, no_id_twice)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	uint64_t next;

	take_over();
	cr_assert(
		zero(int, table_open_root(&after->table, &(struct payer){UID_A}, &next)));
	cr_assert(gt(u64, next, export->id));
}

Test(restore, attributes)
{
	static const char garbage[] = "user.dmabuffs";
	struct export *export = publish(new_memfd(4096), "", 0);
	struct acl_value acl;
	size_t size = acl_extended(&acl);
	struct stat attr = {.st_mode = 0640, .st_uid = UID_B, .st_mtim = {1, 2}};
	int all = FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_MTIME;

	cr_assert(zero(int, node_set_acl(&export->node, &acl, size)));
	cr_assert(
		eq(int, node_set_acl(&export->node, garbage, sizeof(garbage)), -EINVAL));
	cr_assert(zero(int, export_transfer(&before->table, export, UID_B)));
	node_set(&export->node, &attr, all);
	export_set_times(&before->table, export, all);
	node_set(&before->control, &attr, FUSE_SET_ATTR_MODE);
	cr_assert(zero(int, node_set_acl(&before->idmap, &acl, size)));
	take_over();
	cr_assert(ne(ptr, find(export), NULL));
	expect_same(export, find(export));
	cr_assert(eq(uint, find(export)->charged_uid, UID_B));
	cr_assert(eq(long, find(export)->mtime_then.tv_nsec, export->mtime_then.tv_nsec));
	cr_assert(eq(uint, after->control.mode, S_IFREG | 0640));
	cr_assert(eq(sz, after->idmap.acl_size, size));
	expect_same_charges();
}

/* An ACL that was removed does not come back, and its memory is free. */
Test(restore, no_acl)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	struct acl_value acl;

	cr_assert(zero(int, node_set_acl(&export->node, &acl, acl_extended(&acl))));
	cr_assert(zero(int, node_set_acl(&export->node, NULL, 0)));
	take_over();
	cr_assert(eq(ptr, find(export)->node.acl, NULL));
	cr_assert(zero(u32, export_record(&after->table, find(export))->node.acl));
}

/* Without its type the kernel would refuse the whole mount. */
Test(restore, files_of_the_mount_that_are_damaged)
{
	struct ledger_node *nodes = before->state.ledger->header->nodes;
	struct acl_value acl;

	cr_assert(zero(int,
		       node_set_acl(&before->table.root_node, &acl, acl_extended(&acl))));
	nodes[LEDGER_NODE_ROOT].mode = S_IFREG | 0777;
	nodes[LEDGER_NODE_CONTROL].uid = UINT32_MAX;
	nodes[LEDGER_NODE_IDMAP].ctime_ns = UINT32_MAX;
	take_over();
	cr_assert(eq(uint, after->table.root_node.mode, S_IFDIR | 01777));
	cr_assert(eq(ptr, after->table.root_node.acl, NULL));
	cr_assert(zero(uint, after->control.uid));
	cr_assert(eq(uint, after->idmap.mode, S_IFDIR | 01733));
	nodes = after->state.ledger->header->nodes;
	cr_assert(eq(uint, nodes[LEDGER_NODE_ROOT].mode, S_IFDIR | 01777));
	cr_assert(zero(uint, nodes[LEDGER_NODE_ROOT].acl));
	cr_assert(zero(uint, nodes[LEDGER_NODE_CONTROL].uid));
	cr_assert(zero(uint, count_records(LEDGER_EXPORT)));
}

Test(restore, causes)
{
	struct export *first = publish(new_memfd(4096), "", 0);
	struct export *second = publish(new_memfd(4096), "", 0);

	past_add(&before->table.past, first->uuid, DMABUFFS_ENDED_REVOKED);
	/* The kill came before the cause was remembered. */
	table_unname(&before->table, second, DMABUFFS_ENDED_WITHDRAWN);
	take_over();
	cr_assert(eq(int, past_find(&after->table.past, first->uuid),
		     DMABUFFS_ENDED_REVOKED));
	cr_assert(eq(int, past_find(&after->table.past, second->uuid),
		     DMABUFFS_ENDED_WITHDRAWN));
}

/* ---- open files -------------------------------------------------------------------- */

static uint64_t open_file(struct export *export)
{
	uint64_t handle = 0;

	cr_assert(table_open(&before->table, export));
	cr_assert(zero(int,
		       table_store_open(&before->table, export, NULL, O_RDWR, &handle)));
	cr_assert(ne(u64, handle, 0));
	return handle;
}

static void close_file(uint64_t handle)
{
	struct export *export = table_forget_open(&after->table, handle);

	cr_assert(ne(ptr, export, NULL));
	cr_assert(zero(int, table_close(&after->table, export)));
	table_put(&after->table, export);
}

static uint64_t open_as(const struct export *export, uid_t uid, int expected)
{
	uint64_t handle = 0;

	cr_assert(table_is_crowded(&before->table));
	cr_assert(eq(int,
		     table_store_open(&before->table, export, &(struct payer){uid, 0},
				      O_RDWR, &handle),
		     expected));
	return handle;
}

/* No user gets all of what the mount can have. */
Test(restore, open_files_of_a_crowd)
{
	const uint32_t half = before->state.ledger->places[LEDGER_OPEN].capacity / 2;
	struct export *export = publish(new_memfd(4096), "", 0);
	const uint64_t share = before->limits.config.per_uid[RES_OPENS];
	uint64_t handle;

	cr_assert(eq(u64, before->limits.config.per_mount[RES_OPENS], half));
	for (uint32_t i = 0; i < half; i++)
		handle = open_file(export);
	cr_assert(zero(u64, limits_used(&before->limits, RES_OPENS)));
	for (uint64_t i = 0; i < share; i++)
		(void)open_as(export, UID_B, 0);
	(void)open_as(export, UID_B, -ENFILE);
	handle = open_as(export, UID_A, 0);
	cr_assert(eq(u64, limits_used_by(&before->limits, UID_B, RES_OPENS), share));
	take_over();
	cr_assert(eq(u64, limits_used_by(&after->limits, UID_B, RES_OPENS), share));
	cr_assert(eq(u64, limits_used_by(&after->limits, UID_A, RES_OPENS), 1));
	cr_assert(eq(uint, after->table.n_opens, half + share + 1));
	table_put(&after->table, table_forget_open(&after->table, handle));
	cr_assert(zero(u64, limits_used_by(&after->limits, UID_A, RES_OPENS)));
	cr_assert(eq(uint, after->table.n_opens, half + share));
}

/* Both files of a name that was unlinked are open; the last close frees it. */
Test(restore, an_open_file_without_a_name)
{
	struct export *export = publish(new_memfd(4096), "", 0), *found;
	uint64_t a = open_file(export), b = open_file(export);

	table_unname(&before->table, export, DMABUFFS_ENDED_UNLINKED);
	take_over_again();
	restore_finish(after);
	cr_assert(eq(ptr, find(export), NULL));
	found = table_get(&after->table, export->id);
	cr_assert(ne(ptr, found, NULL));
	cr_assert(eq(uint, found->opens, 2));
	cr_assert(not(found->named));
	cr_assert(found->has_buffer);
	table_put(&after->table, found);
	expect_same_charges();
	close_file(a);
	cr_assert(eq(u64, limits_used(&after->limits, RES_EXPORTS), 1));
	close_file(b);
	cr_assert(zero(u64, limits_used(&after->limits, RES_EXPORTS)));
	cr_assert(zero(uint, count_records(LEDGER_EXPORT)));
	cr_assert(zero(uint, count_records(LEDGER_OPEN)));
	cr_assert(eq(ptr, table_forget_open(&after->table, a), NULL));
}

/* Counted, and killed before it was stored: there is no open file. */
Test(restore, an_open_that_was_not_stored)
{
	struct export *export = publish(new_memfd(4096), "", 0);

	cr_assert(table_open(&before->table, export));
	take_over();
	cr_assert(zero(uint, find(export)->opens));
}

/* FOPEN_* of linux/fuse.h, of which older ones lack some; and its fuse_open_out. */
#define OPEN_DIRECT_IO       (1U << 0)
#define OPEN_NONSEEKABLE     (1U << 2)
#define OPEN_NOFLUSH         (1U << 5)
#define OPEN_PARALLEL_WRITES (1U << 6)
#define OPEN_PASSTHROUGH     (1U << 7)

struct open_out {
	uint64_t fh;
	uint32_t open_flags;
	int32_t backing_id;
};

/* The reply that a successor sends instead of its predecessor, as the kernel gets it. */
struct reply {
	struct fuse_out_header head;
	union {
		struct open_out open;
		struct {
			struct fuse_entry_out entry;
			struct open_out open;
		} create;
	};
};

static int device[2] = {-1, -1};

/* After the takeover: all that it sends. */
static void finish_replies(void)
{
	cr_assert(
		zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, device)));
	unreplied_finish(after, device[0]);
	close(device[0]);
}

static void expect_reply(struct reply *ret_reply, uint64_t unique, size_t size)
{
	size += sizeof(ret_reply->head);
	cr_assert(eq(long, read(device[1], ret_reply, sizeof(*ret_reply)), (long)size));
	cr_assert(eq(u64, ret_reply->head.unique, unique));
	cr_assert(eq(sz, ret_reply->head.len, size));
	cr_assert(zero(int, ret_reply->head.error));
}

static void expect_open_reply(uint64_t unique, uint64_t fh, uint32_t flags)
{
	struct reply reply;

	expect_reply(&reply, unique, sizeof(reply.open));
	cr_assert(eq(u64, reply.open.fh, fh));
	cr_assert(eq(u32, reply.open.open_flags, flags));
}

static void expect_no_reply(void)
{
	struct reply reply;

	cr_assert(zero(long, read(device[1], &reply, sizeof(reply))));
	close(device[1]);
}

/* Stored, and maybe not replied to: as fs_open() replies. */
Test(restore, an_open_without_a_reply)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	uint64_t handle, again;

	request_set(50);
	handle = open_file(export);
	take_over();
	finish_replies();
	expect_open_reply(50, handle,
			  OPEN_DIRECT_IO | OPEN_NOFLUSH | OPEN_PARALLEL_WRITES);
	expect_no_reply();
	cr_assert(eq(uint, find(export)->opens, 1));
	request_set(50 | RESENT);
	cr_assert(not(table_was_opened(&after->table, find(export), &again)));
	close_file(handle);
	cr_assert(zero(uint, count_records(LEDGER_OPEN)));
}

Test(restore, a_passthrough_open_without_a_reply)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	struct reply reply;

	request_set(50);
	open_file(export);
	table_lock(&before->table);
	table_store_backing_locked(&before->table, export, 5);
	table_unlock(&before->table);
	take_over();
	finish_replies();
	expect_reply(&reply, 50, sizeof(reply.open));
	cr_assert(eq(u32, reply.open.open_flags,
		     OPEN_PASSTHROUGH | OPEN_NOFLUSH | OPEN_PARALLEL_WRITES));
	cr_assert(eq(int, reply.open.backing_id, 5));
	expect_no_reply();
}

Test(restore, descriptions_without_a_reply)
{
	const uint32_t control_flags = OPEN_DIRECT_IO | OPEN_NONSEEKABLE | OPEN_NOFLUSH;
	const struct payer payer = {UID_A};
	const struct identity who = {{UID_A, 1}, {UID_B, 2}};
	uint64_t directory, control, handle;
	struct reply reply;

	request_set(50);
	cr_assert(zero(int, table_open_root(&before->table, &payer, &directory)));
	request_set(52);
	cr_assert(zero(int, table_open_control(&before->table, &payer, &control)));
	request_set(54);
	cr_assert(zero(int, identities_open(&before->identities, &who, 0, &handle)));
	take_over();
	finish_replies();
	expect_open_reply(50, directory, 0);
	expect_open_reply(52, control, control_flags);
	expect_reply(&reply, 54, sizeof(reply.create));
	cr_assert(eq(u64, reply.create.entry.nodeid, INO_IDENTITY));
	cr_assert(eq(u64, reply.create.entry.attr.ino, INO_IDENTITY));
	cr_assert(eq(u32, reply.create.entry.attr.mode, S_IFREG));
	cr_assert(eq(u64, reply.create.open.fh, handle));
	cr_assert(eq(u32, reply.create.open.open_flags, control_flags));
	expect_no_reply();
}

Test(restore, what_was_replied_to)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	const struct payer payer = {UID_A};
	const struct identity who = {{UID_A, 1}, {UID_B, 2}};
	uint64_t id;

	request_set(50);
	table_open_replied(&before->table, open_file(export));
	cr_assert(zero(int, table_open_root(&before->table, &payer, &id)));
	table_root_replied(&before->table, id);
	cr_assert(zero(int, identities_open(&before->identities, &who, 0, &id)));
	identities_replied(&before->identities, id);
	take_over();
	finish_replies();
	expect_no_reply();
	cr_assert(eq(uint, find(export)->opens, 1));
	/* Of one that was closed, nothing is changed by a reply. */
	identities_close(&after->identities, id);
	request_set(52);
	identities_replied(&after->identities, id);
}

/* The record is another's by then. */
Test(restore, a_reply_that_is_noted_late)
{
	struct ledger *ledger = before->state.ledger;
	uint32_t slot = ledger_alloc(ledger, LEDGER_OPEN, 52);

	ledger_replied(ledger, LEDGER_OPEN, slot, 50);
	cr_assert(eq(u64, ledger_opened(ledger, slot)->record.unique, 52));
	ledger_replied(ledger, LEDGER_OPEN, slot, 52);
	cr_assert(zero(u64, ledger_opened(ledger, slot)->record.unique));
}

Test(restore, a_backing_id_is_kept_while_it_is_open)
{
	struct export *opened = publish(new_memfd(4096), "", 0);
	struct export *closed = publish(new_memfd(4096), "", 0);

	open_file(opened);
	table_lock(&before->table);
	table_store_backing_locked(&before->table, opened, 5);
	table_store_backing_locked(&before->table, closed, 6);
	table_unlock(&before->table);
	take_over();
	cr_assert(eq(int, find(opened)->backing_id, 5));
	cr_assert(zero(int, find(closed)->backing_id));
	cr_assert(eq(u64, after->state.ledger->header->sweep, 7));
}

/* Neither reads what is behind the other; the sweep starts where it closes their id. */
Test(restore, two_names_with_one_backing_id)
{
	struct export *exports[3];
	struct ledger *ledger;

	for (int i = 0; i < 3; i++) {
		exports[i] = publish(new_memfd(4096), "", 0);
		open_file(exports[i]);
		table_lock(&before->table);
		table_store_backing_locked(&before->table, exports[i], 5 + i);
		table_unlock(&before->table);
	}
	atomic_store(&export_record(&before->table, exports[2])->backing_id, 5);
	open_successor();
	after->passthrough = true;
	cr_assert(zero(int, restore(after)));
	ledger = after->state.ledger;
	for (int i = 0; i < 3; i++) {
		int expected = i == 1 ? 6 : 0;

		cr_assert(eq(int, find(exports[i])->backing_id, expected));
		cr_assert(eq(int, ledger_export(ledger, exports[i]->slot)->backing_id,
			     expected));
	}
	cr_assert(eq(u64, ledger->header->sweep, 5));
}

/* ---- descriptions ------------------------------------------------------------------ */

Test(restore, a_description_that_was_being_closed)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	struct export *kept = publish(new_memfd(4096), "", DMABUFFS_EXPORT_PERSIST);
	struct ledger *ledger = before->state.ledger;
	uint32_t slot = ledger_next(ledger, LEDGER_DESCRIPTION, 0);

	ledger_set_state(ledger_description(ledger, slot), LEDGER_CLOSING);
	take_over();
	cr_assert(eq(ptr, find(export), NULL));
	cr_assert(ne(ptr, find(kept), NULL));
	cr_assert(eq(int, past_find(&after->table.past, export->uuid),
		     DMABUFFS_ENDED_CLOSED));
	cr_assert(zero(u64, limits_used(&after->limits, RES_ROOTS)));
	cr_assert(zero(uint, count_records(LEDGER_DESCRIPTION)));
	restore_finish(after);
	cr_assert(eq(uint, count_records(LEDGER_EXPORT), 1));
}

Test(restore, identities)
{
	const struct identity who = {{UID_A, 1}, {UID_B, 2}};
	uint8_t token[DMABUFFS_TOKEN_SIZE];
	struct identity got;
	uint64_t handle, of;

	cr_assert(zero(int, identities_open(&before->identities, &who, 0, &handle)));
	cr_assert(zero(int, identities_make_token(&before->identities, handle, token)));
	cr_assert(zero(int, table_set_root_identity(&before->table, root, &who)));
	take_over();
	expect_same_charges();
	cr_assert(zero(int, table_root_identity(&after->table, root, &got)));
	cr_assert(zero(int, memcmp(&got, &who, sizeof(who))));
	cr_assert(zero(int, identities_take_token(&after->identities, token, who.process,
						  &got, &of)));
	cr_assert(zero(int, memcmp(&got, &who, sizeof(who))));
	identities_forget_token(&after->identities, of);
	before = after;
	take_over();
	cr_assert(eq(
		int,
		identities_take_token(&after->identities, token, who.process, &got, &of),
		-ENOENT));
	identities_close(&after->identities, handle);
	cr_assert(eq(u64, limits_used(&after->limits, RES_ROOTS), 1));
}

/* The exporter's identity is read once, also after a takeover. */
Test(restore, the_caller_of_a_description)
{
	struct caller *caller = calloc(1, sizeof(*caller)), *found;

	caller->refs = 1;
	caller->thread = 12345;
	table_set_root_caller(&before->table, root, caller);
	take_over();
	found = table_root_caller(&after->table, root);
	cr_assert(ne(ptr, found, NULL));
	cr_assert(eq(u64, found->thread, 12345));
}

/* ---- who pays ---------------------------------------------------------------------- */

Test(restore, owners)
{
	struct export *export = publish(new_memfd(4096), "", 0);

	cr_assert(zero(int, limits_restore_user(&before->limits, UID_B, (uid_t)-1,
						LEDGER_NONE)));
	before->limits.ops->known(before->limits.ops_data, UID_A, UID_B);
	take_over();
	cr_assert(ne(ptr, find(export), NULL));
	cr_assert(limits_pays_for(&after->limits, UID_B, UID_A));
	cr_assert(eq(u64, limits_used_by(&after->limits, UID_B, RES_EXPORTS), 1));
	cr_assert(eq(uint, limits_person(&after->limits, UID_A), UID_B));
	cr_assert(eq(uint, find(export)->buffer.person, UID_B));
}

/* Damaged: each stands behind the other, and one behind itself. */
Test(restore, owners_in_a_circle)
{
	const struct limits_ops *ops = before->limits.ops;

	ops->known(before->limits.ops_data, UID_A, UID_B);
	ops->known(before->limits.ops_data, UID_B, UID_A);
	ops->known(before->limits.ops_data, 3, 3);
	take_over();
	cr_assert(eq(uint, limits_person(&after->limits, UID_A), UID_B));
	cr_assert(eq(uint, limits_person(&after->limits, 3), 3));
	cr_assert(eq(uint, count_records(LEDGER_USER), 1));
}

/* ---- requests that come again ------------------------------------------------------ */

Test(restore, root_again)
{
	uint64_t first, again, other;

	request_set(50);
	cr_assert(zero(int,
		       table_open_root(&before->table, &(struct payer){UID_A}, &first)));
	take_over();
	request_set(50 | RESENT);
	cr_assert(zero(int,
		       table_open_root(&after->table, &(struct payer){UID_A}, &again)));
	cr_assert(eq(u64, first, again));
	expect_same_charges();
	request_set(51 | RESENT);
	cr_assert(zero(int,
		       table_open_root(&after->table, &(struct payer){UID_A}, &other)));
	cr_assert(ne(u64, first, other));
}

Test(restore, identity_again)
{
	const struct identity who = {{UID_A, 1}, {UID_B, 2}};
	uint64_t first, again;

	request_set(50);
	cr_assert(zero(int, identities_open(&before->identities, &who, 0, &first)));
	take_over();
	request_set(50 | RESENT);
	cr_assert(zero(int, identities_open(&after->identities, &who, 0, &again)));
	cr_assert(eq(u64, first, again));
	expect_same_charges();
}

Test(restore, identify_again)
{
	const struct identity who = {{UID_A, 1}, {UID_B, 2}};

	request_set(50);
	cr_assert(zero(int, table_set_root_identity(&before->table, root, &who)));
	take_over();
	cr_assert(not(table_was_identified(&after->table, root)));
	request_set(50 | RESENT);
	cr_assert(table_was_identified(&after->table, root));
	request_set(51 | RESENT);
	cr_assert(not(table_was_identified(&after->table, root)));
}

/* As the handler gets it. */
static int export_again(uint64_t unique, uint8_t ret_uuid[DMABUFFS_UUID_SIZE],
			uint64_t *ret_bytes)
{
	struct command_call *call = calloc(1, sizeof(*call));
	int r;

	call->service = after;
	call->arg.export =
		(struct dmabuffs_export){.size = sizeof(struct dmabuffs_export)};
	request_set(unique | RESENT);
	r = fs_export(call);
	memcpy(ret_uuid, call->arg.export.uuid, DMABUFFS_UUID_SIZE);
	*ret_bytes = call->arg.export.bytes;
	free(call);
	return r;
}

Test(restore, export_again)
{
	uint8_t uuid[DMABUFFS_UUID_SIZE];
	int memfd = new_memfd(100);
	struct export *export;
	uint64_t bytes;

	cr_assert(eq(long, write(memfd, "x", 1), 1));
	request_set(50);
	export = publish(memfd, "", 0);
	take_over();
	cr_assert(zero(int, export_again(50, uuid, &bytes)));
	cr_assert(eq(u64, bytes, 100), "not the memory that it takes");
	cr_assert(zero(int, memcmp(uuid, export->uuid, sizeof(uuid))));
	cr_assert(eq(u64, limits_used(&after->limits, RES_EXPORTS), 1));
}

Test(restore, open_again)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	uint64_t first, again;

	request_set(50);
	first = open_file(export);
	take_over();
	request_set(50 | RESENT);
	cr_assert(table_was_opened(&after->table, find(export), &again));
	cr_assert(eq(u64, first, again));
	cr_assert(eq(uint, find(export)->opens, 1));
	request_set(50);
	cr_assert(not(table_was_opened(&after->table, find(export), &again)));
	request_set(51 | RESENT);
	cr_assert(not(table_was_opened(&after->table, find(export), &again)));
}

/* Also when the record is free by then. */
Test(restore, unlink_again)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	struct export *other = publish(new_memfd(4096), "", 0);
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	memcpy(uuid, export->uuid, sizeof(uuid));
	request_set(50);
	table_unname(&before->table, export, DMABUFFS_ENDED_UNLINKED);
	table_put(&before->table, export);
	cr_assert(eq(uint, ledger_state(ledger_export(before->state.ledger, 0)),
		     LEDGER_FREE));
	take_over();
	request_set(50 | RESENT);
	cr_assert(table_was_unnamed(&after->table, uuid));
	cr_assert(not(table_was_unnamed(&after->table, other->uuid)));
	request_set(51 | RESENT);
	cr_assert(not(table_was_unnamed(&after->table, uuid)));
	request_set(50);
	cr_assert(not(table_was_unnamed(&after->table, uuid)));
}

/* Names that end with their description are no answer to the request that closes it. */
Test(restore, no_unlink_of_many)
{
	struct export *export = publish(new_memfd(4096), "", 0);
	uint8_t uuid[DMABUFFS_UUID_SIZE];

	memcpy(uuid, export->uuid, sizeof(uuid));
	request_set(50);
	table_close_root(&before->table, root, ignore_ended, NULL);
	take_over();
	request_set(50 | RESENT);
	cr_assert(not(table_was_unnamed(&after->table, uuid)));
}

/* ---- what is lost ------------------------------------------------------------------ */

static void expect_lost(const struct export *export)
{
	cr_assert(eq(ptr, find(export), NULL));
	cr_assert(eq(int, past_find(&after->table.past, export->uuid),
		     DMABUFFS_ENDED_LOST));
	cr_assert(zero(u64, limits_used(&after->limits, RES_EXPORTS)));
	restore_finish(after);
	cr_assert(zero(uint, count_records(LEDGER_EXPORT)));
	cr_assert(zero(uint, count_records(LEDGER_OPEN)));
	cr_assert(zero(sz, after->table.by_id.n_nodes));
}

Test(restore, without_its_buffer)
{
	struct export *export = publish(new_memfd(4096), "", 0);

	open_file(export);
	bank_drop(before->state.bank, export->slot,
		  export_record(&before->table, export)->record.generation);
	cr_assert(zero(int, bank_turn(before->state.bank, true)));
	take_over();
	expect_lost(export);
}

/* It is damaged: the descriptor is of another file. */
Test(restore, with_another_buffer)
{
	struct export *export = publish(new_memfd(4096), "", 0);

	export_record(&before->table, export)->part.ino++;
	take_over();
	expect_lost(export);
}

/* What must not lie in the bank. */
Test(restore, an_asid)
{
	struct export *export = publish(new_memfd(4096), "", 0);

	export_record(&before->table, export)->part.kind = DMABUFFS_KIND_ASID;
	take_over();
	expect_lost(export);
}

/* An export that was not committed leaves nothing. */
Test(restore, not_named_yet)
{
	struct export *export = publish(new_memfd(4096), "label", 0);

	ledger_set_state(export_record(&before->table, export), LEDGER_BUILDING);
	take_over();
	cr_assert(eq(ptr, find(export), NULL));
	cr_assert(zero(u64, limits_used(&after->limits, RES_EXPORTS)));
	cr_assert(zero(uint, count_records(LEDGER_EXPORT)));
	cr_assert(zero(uint, count_records(LEDGER_CALLER)));
	cr_assert(zero(u64, bank_unwanted(after->state.bank)));
}

/* One damaged record costs no other name. */
Test(restore, damaged)
{
	struct export *good = publish(new_memfd(4096), "good", 0);
	struct export *bad = publish(new_memfd(4096), "bad", 0);

	export_record(&before->table, bad)->flags = UINT32_MAX;
	open_file(bad);
	take_over();
	cr_assert(ne(ptr, find(good), NULL));
	cr_assert(eq(ptr, find(bad), NULL));
	cr_assert(eq(u64, limits_used(&after->limits, RES_EXPORTS), 1));
	cr_assert(zero(uint, count_records(LEDGER_OPEN)));
}

static uint64_t charge_of(const struct export *export)
{
	cr_assert(eq(u64, limits_used(&after->limits, RES_BYTES),
		     limits_used_by(&after->limits, UID_A, RES_BYTES)));
	cr_assert(eq(u64, find(export)->charged_bytes,
		     export_record(&after->table, find(export))->charged_bytes));
	return limits_used_by(&after->limits, UID_A, RES_BYTES);
}

/* It would leave no room for names of anybody. */
Test(restore, a_charge_above_the_memory)
{
	struct export *export = publish(new_memfd(4096), "", 0);

	export_record(&before->table, export)->charged_bytes = UINT64_MAX - 4096;
	take_over();
	cr_assert(eq(u64, charge_of(export), 4096));
	export_release_buffer(&after->table, find(export));
	cr_assert(zero(u64, limits_used(&after->limits, RES_BYTES)));
}

/* The owner can end the name, so nobody else is charged. */
Test(restore, half_of_a_chown)
{
	struct export *export = publish(new_memfd(4096), "", 0);

	cr_assert(zero(int, export_transfer(&before->table, export, UID_B)));
	take_over();
	cr_assert(eq(uint, find(export)->charged_uid, UID_A));
	cr_assert(eq(u64, charge_of(export), 4096));
	cr_assert(eq(u64, limits_used_by(&after->limits, UID_A, RES_EXPORTS), 1));
}

/* As before the takeover, it is charged when it is opened next. */
Test(restore, a_memfd_that_grew)
{
	int memfd = new_memfd(4096);
	struct export *export = publish(memfd, "", 0);

	cr_assert(zero(int, ftruncate(memfd, (off_t)1 << 60)));
	take_over();
	cr_assert(eq(u64, charge_of(export), 4096));
}

/* ---- requests that kill ------------------------------------------------------------ */

Test(restore, poison)
{
	for (int kill = 1; kill < (int)POISON_KILLS; kill++) {
		take_over();
		cr_assert(poison_begin(after->state.ledger, 50));
		before = after;
	}
	take_over();
	cr_assert(not(poison_begin(after->state.ledger, 50)));
	/* Others are served, and what was replied to counts no more. */
	for (int i = 0; i < 5; i++) {
		cr_assert(poison_begin(after->state.ledger, 51));
		poison_end(after->state.ledger, 51);
	}
}

static void *poison_begin_2(void *ledger)
{
	cr_assert(poison_begin(ledger, 2));
	return NULL;
}

static uint32_t poison_count_of(const struct ledger *ledger, uint64_t unique)
{
	for (size_t i = 0; i < LEDGER_POISON; i++)
		if (ledger->header->poison[i].unique == unique)
			return ledger->header->poison[i].starts;
	return 0;
}

/* Also if another thread ends it, which an offload thread does. */
Test(restore, poison_is_counted_one_at_a_time)
{
	struct ledger *ledger = before->state.ledger;
	pthread_t thread;

	cr_assert(poison_begin(ledger, 1));
	cr_assert(zero(int, pthread_create(&thread, NULL, poison_begin_2, ledger)));
	poison_end(ledger, 1);
	pthread_join(thread, NULL);
	cr_assert(eq(u32, poison_count_of(ledger, 2), 1));
	cr_assert(zero(u32, poison_count_of(ledger, 1)));
}

/* Its client may decide how long it takes. */
Test(restore, poison_waits_for_another_not_for_long)
{
	struct ledger *ledger = before->state.ledger;

	cr_assert(poison_begin(ledger, 1));
	cr_assert(poison_begin(ledger, 2));
	cr_assert(poison_begin(ledger, 3));
	cr_assert(eq(u32, poison_count_of(ledger, 1), 1));
	cr_assert(zero(u32, poison_count_of(ledger, 2)));
	poison_end(ledger, 2);
	cr_assert(poison_begin(ledger, 4), "it ended another one than was counted");
	cr_assert(zero(u32, poison_count_of(ledger, 4)));
	poison_end(ledger, 1);
	cr_assert(poison_begin(ledger, 5));
	cr_assert(eq(u32, poison_count_of(ledger, 5), 1));
}

/* Of those that were killed and did not come again, the oldest are forgotten. */
Test(restore, poison_of_many_kills)
{
	const uint64_t last = LEDGER_POISON + 1;

	for (uint64_t unique = 1; unique <= last; unique++) {
		cr_assert(poison_begin(before->state.ledger, unique));
		before->state.ledger->poison_unique = 0; /* as in a successor */
	}
	take_over();
	cr_assert(zero(u32, poison_count_of(after->state.ledger, 1)));
	cr_assert(eq(u32, poison_count_of(after->state.ledger, 2), 1));
	cr_assert(eq(u32, poison_count_of(after->state.ledger, last), 1));
}

/* ---- what needs no memory any more ------------------------------------------------- */

Test(restore, requests_are_forgotten_after_a_while)
{
	struct ledger *ledger;
	uint32_t slot;

	request_set(77);
	slot = publish(new_memfd(4096), "", 0)->slot;
	take_over();
	ledger = after->state.ledger;
	restore_finish(after);
	restore_forget(after);
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_EXPORT, 77), slot),
		  "too early");
	after->forget_due_ms = 1;
	request_set(RESENT | 99);
	restore_forget(after);
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_EXPORT, 77), slot));
	request_set(100);
	restore_forget(after);
	cr_assert(eq(u32, ledger_find_made(ledger, LEDGER_EXPORT, 77), LEDGER_NONE));
	cr_assert(zero(sz, ledger->uniques.room));
}

/* The thread that turns the bank does it. */
Test(restore, memory_of_ended_names_is_given_back, .timeout = 20)
{
	struct table *table = &before->table;
	struct ledger *ledger = before->state.ledger;
	uint32_t n = LEDGER_TRIM_BYTES / sizeof(struct ledger_export);

	cr_assert(zero(int, leaving_start(&table->leaving)));
	for (uint32_t i = 0; i < n; i++)
		ledger_free(ledger, LEDGER_EXPORT,
			    ledger_alloc(ledger, LEDGER_EXPORT, 1));
	cr_assert(ledger_trim_is_due(ledger));
	leaving_freed(&table->leaving);
	while (ledger_trim_is_due(ledger))
		poll(NULL, 0, 1);
	cr_assert(leaving_stop(&table->leaving));
}

/* ---- written to by others meanwhile ------------------------------------------------ */

#define OTHERS_NAMES     32
#define OTHERS_TAKEOVERS 30

static atomic_bool others_stop;

/* A word of a record, or of the header, is another one for a moment. */
static void others_write_word(struct ledger *ledger, unsigned *seed)
{
	static const uint32_t words[] = {0, 1, 2, 300, 70000, UINT32_MAX};
	unsigned kind = (unsigned)rand_r(seed) % (LEDGER_KINDS + 1);
	uint8_t *memory = (uint8_t *)ledger->header;
	size_t size = sizeof(*ledger->header);
	_Atomic uint32_t *word;
	uint32_t before_it;

	if (kind < LEDGER_KINDS) {
		memory = ledger_at(ledger, kind, 0);
		size = (size_t)OTHERS_NAMES * ledger->places[kind].record_size;
	}
	word = (_Atomic uint32_t *)(void *)(memory +
					    (size_t)rand_r(seed) % (size / 4) * 4);
	before_it = *word;
	*word = words[(unsigned)rand_r(seed) % ARRAY_SIZE(words)];
	for (int i = 0; i < 100; i++)
		atomic_signal_fence(memory_order_seq_cst);
	*word = before_it;
}

static void *others_write(void *data)
{
	struct ledger *ledger = data;
	unsigned seed = 1;

	while (!atomic_load(&others_stop))
		others_write_word(ledger, &seed);
	return NULL;
}

static void others_close_backing(void *data, int id)
{
}

/* Between the check of the records and their use. */
Test(restore, others_change_what_was_checked)
{
	struct export *export = publish(new_memfd(4096), "a label", 0);
	struct ledger *ledger = before->state.ledger;
	struct ledger_losses losses;
	struct bank_report report;
	uint64_t opened;

	cr_assert(table_open(&before->table, export));
	cr_assert(zero(int,
		       table_store_open(&before->table, export, NULL, O_RDWR, &opened)));
	request_set(0);
	open_successor();
	cr_assert(zero(int, ledger_take_over(after->state.ledger, &losses)));
	for (size_t i = 0; i < LEDGER_KINDS; i++)
		ledger->header->sections[i].high = UINT32_MAX;
	ledger_export(ledger, export->slot)->caller = INT32_MAX;
	ledger_opened(ledger, (uint32_t)opened)->export = INT32_MAX;
	ledger_description(ledger, (uint32_t)export_record(&before->table, export)->root)
		->caller = INT32_MAX;
	after->rebuild.table = &after->table;
	after->rebuild.close_backing = others_close_backing;
	cr_assert(zero(int, rebuild_begin(&after->rebuild)));
	cr_assert(zero(int, bank_rebuild(after->state.bank, &report)));
	cr_assert(zero(int, rebuild_end(&after->rebuild)));
	cr_assert(ne(ptr, find(export), NULL), "it is there, without its caller");
	cr_assert(zero(uint, find(export)->opens));
	rebuild_finish(&after->rebuild, &after->notifier);
}

/* Whatever is lost, nothing of the process is. */
Test(restore, others_can_write_to_the_ledger)
{
	struct service *first = before;
	uint64_t opened;
	pthread_t thread;

	log_set_level(LOG_EMERG);
	for (int i = 0; i < OTHERS_NAMES; i++) {
		int memfd = new_memfd(4096);
		struct export *export = publish(memfd, "a label", 0);

		cr_assert(table_open(&before->table, export));
		cr_assert(zero(int, table_store_open(&before->table, export, NULL, O_RDWR,
						     &opened)));
		close(memfd);
	}
	request_set(0);
	cr_assert(zero(int,
		       pthread_create(&thread, NULL, others_write, first->state.ledger)));
	for (int i = 0; i < OTHERS_TAKEOVERS; i++) {
		int fds[STATE_FDS_MAX];
		unsigned n = state_n_fds(&first->state);
		char why[STATE_WHY_SIZE];

		for (unsigned j = 0; j < n; j++)
			fds[j] = fcntl(state_fd(&first->state, j), F_DUPFD_CLOEXEC, 0);
		after = new_service();
		if (state_open(fds, n, &restore_bank_ops, after, why, &after->state) <
		    0) {
			for (unsigned j = 0; j < n; j++)
				close(fds[j]);
			continue;
		}
		init_parts(after);
		(void)restore(after);
		restore_finish(after);
	}
	atomic_store(&others_stop, true);
	pthread_join(thread, NULL);
}
