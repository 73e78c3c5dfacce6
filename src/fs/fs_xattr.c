/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/policy.h"
#include "names/acl.h"
#include "util.h"

#define PREFIX     "user.dmabuffs."
#define MAX_VALUE  512
#define MAX_LISTED 1024

/* ---- user.dmabuffs.*: what is known of an export, as text -------------------------- */

/* Writes the value and returns its length; -ENODATA: it has none. The lock is held. */
typedef int show_fn(const struct export *export, int arg, char *text);

static int show(char *text, const char *format, ...) _printf_(2, 3);

static int show(char *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, MAX_VALUE, format, args);
	va_end(args);
	return MIN(n, MAX_VALUE - 1);
}

static int show_size(const struct export *export, int arg, char *text)
{
	uint64_t size = 0;

	if (export->has_buffer)
		buffer_size(&export->buffer, &size);
	return show(text, "%" PRIu64, size);
}

static int show_kind(const struct export *export, int arg, char *text)
{
	return show(text, "%s", buffer_kind_name(&export->buffer));
}

/* The names of the bits that are set, joined by commas. */
struct bit_name {
	uint32_t bit;
	const char *name;
};

static int show_bits(char *text, const struct bit_name *names, size_t n_names,
		     uint32_t bits)
{
	int length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n_names; i++)
		if (bits & names[i].bit)
			length += show(text + length, "%s%s", length ? "," : "",
				       names[i].name);
	return length;
}

static int show_flags(const struct export *export, int arg, char *text)
{
	static const struct bit_name names[] = {
		{DMABUFFS_INFO_PERSIST, "persist"},
		{DMABUFFS_INFO_READONLY, "readonly"},
		{DMABUFFS_INFO_REVOCABLE, "revocable"},
		{DMABUFFS_INFO_REVOKED, "revoked"},
	};

	return show_bits(text, names, ARRAY_SIZE(names), export_info_flags(export));
}

static int show_seals(const struct export *export, int arg, char *text)
{
	static const struct bit_name names[] = {
		{F_SEAL_SEAL, "seal"},
		{F_SEAL_SHRINK, "shrink"},
		{F_SEAL_GROW, "grow"},
		{F_SEAL_WRITE, "write"},
		{F_SEAL_FUTURE_WRITE, "future-write"},
		{0x20 /* F_SEAL_EXEC, Linux 6.3 */, "exec"},
	};

	return show_bits(text, names, ARRAY_SIZE(names),
			 export->has_buffer ? buffer_seals(&export->buffer) : 0);
}

static int show_importers(const struct export *export, int arg, char *text)
{
	return show(text, "%u", export->opens);
}

static int show_held(const struct export *export, int arg, char *text)
{
	int held = export->has_buffer ? buffer_held(&export->buffer) : 0;

	return held < 0 ? -ENODATA : show(text, "%d", held);
}

static int show_pid(const struct export *export, int arg, char *text)
{
	return show(text, "%d", export->caller->pid);
}

static int show_comm(const struct export *export, int arg, char *text)
{
	return show(text, "%s", export->caller->comm);
}

static int show_ns(const struct export *export, int ns, char *text)
{
	return show(text, "%" PRIu64, export->caller->ns[ns]);
}

static int show_security(const struct export *export, int arg, char *text)
{
	const char *security = export->caller->security;

	return security ? show(text, "%s", security) : -ENODATA;
}

static int show_label(const struct export *export, int arg, char *text)
{
	return export->label ? show(text, "%s", export->label) : -ENODATA;
}

static const struct {
	const char *name;
	show_fn *show;
	int arg;
} attributes[] = {
	{PREFIX "size", show_size},
	{PREFIX "kind", show_kind},
	{PREFIX "flags", show_flags},
	{PREFIX "seals", show_seals},
	{PREFIX "importers", show_importers},
	{PREFIX "held", show_held},
	{PREFIX "pid", show_pid},
	{PREFIX "comm", show_comm},
	{PREFIX "ns.user", show_ns, DMABUFFS_NS_USER},
	{PREFIX "ns.pid", show_ns, DMABUFFS_NS_PID},
	{PREFIX "ns.mnt", show_ns, DMABUFFS_NS_MNT},
	{PREFIX "ns.ipc", show_ns, DMABUFFS_NS_IPC},
	{PREFIX "ns.net", show_ns, DMABUFFS_NS_NET},
	{PREFIX "ns.cgroup", show_ns, DMABUFFS_NS_CGROUP},
	{PREFIX "security", show_security},
	{PREFIX "label", show_label},
};

static int show_attribute(const struct export *export, const char *name, char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		if (!strcmp(attributes[i].name, name))
			return attributes[i].show(export, attributes[i].arg, text);
	return -ENODATA;
}

/* ---- operations; those named *_locked are called with the table's lock ------------- */

/* The value into @text, or the ACL; its length or -errno. */
static int get_locked(const struct export *export, const struct node *node,
		      const char *name, char *value)
{
	if (strcmp(name, ACL_ACCESS_XATTR))
		return export ? show_attribute(export, name, value) : -ENODATA;
	if (!node->acl)
		return -ENODATA;
	memcpy(value, node->acl, node->acl_size);
	return (int)node->acl_size;
}

static int list_locked(const struct export *export, const struct node *node, char *list)
{
	char text[MAX_VALUE];
	size_t length = 0;

	for (size_t i = 0; export && i < ARRAY_SIZE(attributes); i++) {
		size_t size = strlen(attributes[i].name) + 1;

		if (attributes[i].show(export, attributes[i].arg, text) < 0)
			continue;
		memcpy(list + length, attributes[i].name, size);
		length += size;
	}
	if (node->acl) {
		memcpy(list + length, ACL_ACCESS_XATTR, sizeof(ACL_ACCESS_XATTR));
		length += sizeof(ACL_ACCESS_XATTR);
	}
	return (int)length;
}

/*
 * Finds what @ino is and locks the table; *ret_node is NULL, and nothing locked, if it is
 * nothing that has attributes. To be undone by put_node().
 */
static struct export *get_node(struct service *service, uint64_t ino,
			       struct node **ret_node)
{
	struct table *table = &service->table;
	struct export *export = table_get(table, ino);

	*ret_node = NULL;
	if (export)
		*ret_node = &export->node;
	else if (ino == INO_ROOT)
		*ret_node = &table->root_node;
	else
		*ret_node = devices_node(&service->devices, ino);
	if (*ret_node)
		table_lock(table);
	return export;
}

static void put_node(struct service *service, struct export *export, struct node *node)
{
	if (node)
		table_unlock(&service->table);
	table_put(&service->table, export);
}

/* xattr(7): size 0 asks for the length; too small a buffer is ERANGE. */
static void reply_value(fuse_req_t req, const char *value, int length, size_t size)
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
	struct node *node;
	struct export *export = get_node(service, ino, &node);
	int length = node ? get_locked(export, node, name, value) : -ENODATA;

	put_node(service, export, node);
	reply_value(req, value, length, size);
}

void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct service *service = service_of(req);
	char list[MAX_LISTED];
	struct node *node;
	struct export *export = get_node(service, ino, &node);
	int length = node ? list_locked(export, node, list) : 0;

	put_node(service, export, node);
	reply_value(req, list, length, size);
}

static int set_acl(struct service *service, uint64_t ino, const void *acl, size_t size)
{
	struct node *node;
	struct export *export = get_node(service, ino, &node);
	int r = node ? node_set_acl(node, acl, size) : -EOPNOTSUPP;

	put_node(service, export, node);
	return r;
}

/* ACLs alone can be set: the kernel lets only the owner. */
static bool is_acl(const char *name)
{
	return !strcmp(name, ACL_ACCESS_XATTR);
}

void fs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		 size_t size, int flags)
{
	int r = -EOPNOTSUPP;

	if (is_acl(name))
		r = size ? set_acl(service_of(req), ino, value, size) : -EINVAL;
	reply_error(req, r);
}

void fs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	reply_error(req,
		    is_acl(name) ? set_acl(service_of(req), ino, NULL, 0) : -EOPNOTSUPP);
}
