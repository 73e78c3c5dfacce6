/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/policy.h"
#include "names/acl.h"
#include "locked.h"
#include "util.h"

#define PREFIX     "user.dmabuffs."
#define MAX_VALUE  512
#define MAX_LISTED 1024

/* ---- user.dmabuffs.*: properties of an export, as text ----------------------------- */

/* In the order of a listing. */
enum attribute {
	ATTRIBUTE_SIZE,
	ATTRIBUTE_KIND,
	ATTRIBUTE_FLAGS,
	ATTRIBUTE_SEALS,
	ATTRIBUTE_IMPORTERS,
	ATTRIBUTE_HELD,
	ATTRIBUTE_PID,
	ATTRIBUTE_COMM,
	ATTRIBUTE_NS, /* + enum dmabuffs_ns */
	ATTRIBUTE_SECURITY = ATTRIBUTE_NS + DMABUFFS_NS_COUNT,
	ATTRIBUTE_LABEL,
	ATTRIBUTES
};

static const char *const fs_xattr_names[ATTRIBUTES] = {
	[ATTRIBUTE_SIZE] = PREFIX "size",
	[ATTRIBUTE_KIND] = PREFIX "kind",
	[ATTRIBUTE_FLAGS] = PREFIX "flags",
	[ATTRIBUTE_SEALS] = PREFIX "seals",
	[ATTRIBUTE_IMPORTERS] = PREFIX "importers",
	[ATTRIBUTE_HELD] = PREFIX "held",
	[ATTRIBUTE_PID] = PREFIX "pid",
	[ATTRIBUTE_COMM] = PREFIX "comm",
	[ATTRIBUTE_NS + DMABUFFS_NS_USER] = PREFIX "ns.user",
	[ATTRIBUTE_NS + DMABUFFS_NS_PID] = PREFIX "ns.pid",
	[ATTRIBUTE_NS + DMABUFFS_NS_MNT] = PREFIX "ns.mnt",
	[ATTRIBUTE_NS + DMABUFFS_NS_IPC] = PREFIX "ns.ipc",
	[ATTRIBUTE_NS + DMABUFFS_NS_NET] = PREFIX "ns.net",
	[ATTRIBUTE_NS + DMABUFFS_NS_CGROUP] = PREFIX "ns.cgroup",
	[ATTRIBUTE_SECURITY] = PREFIX "security",
	[ATTRIBUTE_LABEL] = PREFIX "label",
};

static int fs_xattr_show(char *text, const char *format, ...) _printf_(2, 3);

static int fs_xattr_show(char *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, MAX_VALUE, format, args);
	va_end(args);
	return MIN(n, MAX_VALUE - 1);
}

/* The names of the bits that are set, joined by commas. */
struct bit_name {
	uint32_t bit;
	const char *name;
};

static int fs_xattr_show_bits(char *text, const struct bit_name *names, size_t n_names,
			      uint32_t bits)
{
	int length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n_names; i++)
		if (bits & names[i].bit)
			length += fs_xattr_show(text + length, "%s%s", length ? "," : "",
						names[i].name);
	return length;
}

static int fs_xattr_show_flags(char *text, uint32_t flags)
{
	static const struct bit_name names[] = {
		{DMABUFFS_INFO_PERSIST, "persist"},
		{DMABUFFS_INFO_READONLY, "readonly"},
		{DMABUFFS_INFO_REVOCABLE, "revocable"},
		{DMABUFFS_INFO_REVOKED, "revoked"},
	};

	return fs_xattr_show_bits(text, names, ARRAY_SIZE(names), flags);
}

static int fs_xattr_show_seals(char *text, uint32_t seals)
{
	static const struct bit_name names[] = {
		{F_SEAL_SEAL, "seal"},
		{F_SEAL_SHRINK, "shrink"},
		{F_SEAL_GROW, "grow"},
		{F_SEAL_WRITE, "write"},
		{F_SEAL_FUTURE_WRITE, "future-write"},
		{0x20 /* F_SEAL_EXEC, Linux 6.3 */, "exec"},
	};

	return fs_xattr_show_bits(text, names, ARRAY_SIZE(names), seals);
}

static bool fs_xattr_hold_buffer(struct table *table, struct export *export)
{
	SCOPED_LOCK(&table->lock);

	return export && table_hold_buffer_locked(table, export);
}

/*
 * Does an importer hold the buffer? 1, 0 or -errno. To be asked without the table's lock:
 * it waits for opens of memfds, which others may be doing.
 */
static int fs_xattr_ask_held(struct table *table, uint64_t ino)
{
	struct export *export = table_get(table, ino);
	int held = -ENODATA;

	if (fs_xattr_hold_buffer(table, export)) {
		held = buffer_held(&export->buffer);
		table_drop_buffer(table, export);
	}
	table_put(table, export);
	return held;
}

/* Writes the value and returns its length; -ENODATA: none. */
static int fs_xattr_show_locked(struct table *table, const struct export *export,
				enum attribute attribute, int held, char *text)
{
	const struct buffer *buffer = export->has_buffer ? &export->buffer : NULL;
	const struct caller *caller = export->caller;
	uint64_t size = 0;

	ASSERT_LOCKED(&table->lock);
	switch (attribute) {
	case ATTRIBUTE_SIZE:
		if (buffer)
			buffer_size(buffer, &size);
		return fs_xattr_show(text, "%" PRIu64, size);
	case ATTRIBUTE_KIND:
		return fs_xattr_show(text, "%s", buffer_kind_name(&export->buffer));
	case ATTRIBUTE_FLAGS:
		return fs_xattr_show_flags(text, export_info_flags_locked(table, export));
	case ATTRIBUTE_SEALS:
		return fs_xattr_show_seals(text, buffer ? buffer_seals(buffer) : 0);
	case ATTRIBUTE_IMPORTERS:
		return fs_xattr_show(text, "%u", export->opens);
	case ATTRIBUTE_HELD:
		return held < 0 ? -ENODATA : fs_xattr_show(text, "%d", held);
	case ATTRIBUTE_PID:
		return fs_xattr_show(text, "%d", caller->pid);
	case ATTRIBUTE_COMM:
		return fs_xattr_show(text, "%s", caller->comm);
	case ATTRIBUTE_SECURITY:
		return caller->security ? fs_xattr_show(text, "%s", caller->security)
					: -ENODATA;
	case ATTRIBUTE_LABEL:
		return export->label ? fs_xattr_show(text, "%s", export->label)
				     : -ENODATA;
	default:
		return fs_xattr_show(text, "%" PRIu64,
				     caller->ns[attribute - ATTRIBUTE_NS]);
	}
}

static int fs_xattr_show_named_locked(struct table *table, const struct export *export,
				      const char *name, int held, char *text)
{
	ASSERT_LOCKED(&table->lock);
	for (int i = 0; export && i < ATTRIBUTES; i++)
		if (!strcmp(fs_xattr_names[i], name))
			return fs_xattr_show_locked(table, export, i, held, text);
	return -ENODATA;
}

/* ---- operations -------------------------------------------------------------------- */

/* Writes an attribute or the ACL; its length or -errno. */
static int fs_xattr_get_locked(struct table *table, const struct export *export,
			       const struct node *node, const char *name, int held,
			       char *value)
{
	ASSERT_LOCKED(&table->lock);
	if (strcmp(name, ACL_ACCESS_XATTR))
		return fs_xattr_show_named_locked(table, export, name, held, value);
	if (!node->acl)
		return -ENODATA;
	memcpy(value, node->acl, node->acl_size);
	return (int)node->acl_size;
}

static int fs_xattr_list_locked(struct table *table, const struct export *export,
				const struct node *node, int held, char *list)
{
	char text[MAX_VALUE];
	size_t length = 0;

	ASSERT_LOCKED(&table->lock);
	for (int i = 0; export && i < ATTRIBUTES; i++) {
		size_t size = strlen(fs_xattr_names[i]) + 1;

		if (fs_xattr_show_locked(table, export, i, held, text) < 0)
			continue;
		memcpy(list + length, fs_xattr_names[i], size);
		length += size;
	}
	if (node->acl) {
		memcpy(list + length, ACL_ACCESS_XATTR, sizeof(ACL_ACCESS_XATTR));
		length += sizeof(ACL_ACCESS_XATTR);
	}
	return (int)length;
}

/* With size 0 the length is returned; ERANGE: the buffer is too small. */
static void fs_xattr_reply_value(fuse_req_t req, const char *value, int length,
				 size_t size)
{
	if (length < 0)
		reply_error(req, length);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)length);
	else if (size < (size_t)length)
		reply_error(req, -ERANGE);
	else
		fuse_reply_buf(req, value, (size_t)length);
}

void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct service *service = service_of(req);
	char value[MAX(ACL_MAX_SIZE, MAX_VALUE)];
	bool is_held = !strcmp(name, fs_xattr_names[ATTRIBUTE_HELD]);
	int held = is_held ? fs_xattr_ask_held(&service->table, ino) : -ENODATA;
	struct node *node;
	struct export *export = fs_get_node(service, ino, &node);
	int length = node ? fs_xattr_get_locked(&service->table, export, node, name, held,
						value)
			  : fs_no_node(ino, -ENODATA);

	fs_put_node(service, export, node);
	fs_xattr_reply_value(req, value, length, size);
}

void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct service *service = service_of(req);
	char list[MAX_LISTED];
	int held = fs_xattr_ask_held(&service->table, ino);
	struct node *node;
	struct export *export = fs_get_node(service, ino, &node);
	int length =
		node ? fs_xattr_list_locked(&service->table, export, node, held, list)
		     : fs_no_node(ino, 0);

	fs_put_node(service, export, node);
	fs_xattr_reply_value(req, list, length, size);
}

static int fs_xattr_set_acl(struct service *service, uint64_t ino, const void *acl,
			    size_t size)
{
	struct node *node;
	struct export *export = fs_get_node(service, ino, &node);
	int r = node ? node_set_acl(node, acl, size) : fs_no_node(ino, -EOPNOTSUPP);

	fs_put_node(service, export, node);
	return r;
}

/* Only ACLs can be set. The kernel has checked that the caller is the owner. */
static bool fs_xattr_is_acl(const char *name)
{
	return !strcmp(name, ACL_ACCESS_XATTR);
}

void fs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		 size_t size, int flags)
{
	int r = -EOPNOTSUPP;

	if (fs_xattr_is_acl(name))
		r = size ? fs_xattr_set_acl(service_of(req), ino, value, size) : -EINVAL;
	reply_error(req, r);
}

void fs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	reply_error(req, fs_xattr_is_acl(name)
				 ? fs_xattr_set_acl(service_of(req), ino, NULL, 0)
				 : -EOPNOTSUPP);
}
