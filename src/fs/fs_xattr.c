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

/* Writes the value and returns its length; -ENODATA: none. The table's lock is held. */
typedef int show_fn(const struct export *export, int arg, char *text);

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

static int fs_xattr_show_size(const struct export *export, int arg, char *text)
{
	uint64_t size = 0;

	if (export->has_buffer)
		buffer_size(&export->buffer, &size);
	return fs_xattr_show(text, "%" PRIu64, size);
}

static int fs_xattr_show_kind(const struct export *export, int arg, char *text)
{
	return fs_xattr_show(text, "%s", buffer_kind_name(&export->buffer));
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

static int fs_xattr_show_flags(const struct export *export, int arg, char *text)
{
	static const struct bit_name names[] = {
		{DMABUFFS_INFO_PERSIST, "persist"},
		{DMABUFFS_INFO_READONLY, "readonly"},
		{DMABUFFS_INFO_REVOCABLE, "revocable"},
		{DMABUFFS_INFO_REVOKED, "revoked"},
	};

	return fs_xattr_show_bits(text, names, ARRAY_SIZE(names),
				  export_info_flags(export));
}

static int fs_xattr_show_seals(const struct export *export, int arg, char *text)
{
	static const struct bit_name names[] = {
		{F_SEAL_SEAL, "seal"},
		{F_SEAL_SHRINK, "shrink"},
		{F_SEAL_GROW, "grow"},
		{F_SEAL_WRITE, "write"},
		{F_SEAL_FUTURE_WRITE, "future-write"},
		{0x20 /* F_SEAL_EXEC, Linux 6.3 */, "exec"},
	};

	return fs_xattr_show_bits(text, names, ARRAY_SIZE(names),
				  export->has_buffer ? buffer_seals(&export->buffer) : 0);
}

static int fs_xattr_show_importers(const struct export *export, int arg, char *text)
{
	return fs_xattr_show(text, "%u", export->opens);
}

static int fs_xattr_show_held(const struct export *export, int arg, char *text)
{
	int held = export->has_buffer ? buffer_held(&export->buffer) : 0;

	return held < 0 ? -ENODATA : fs_xattr_show(text, "%d", held);
}

static int fs_xattr_show_pid(const struct export *export, int arg, char *text)
{
	return fs_xattr_show(text, "%d", export->caller->pid);
}

static int fs_xattr_show_comm(const struct export *export, int arg, char *text)
{
	return fs_xattr_show(text, "%s", export->caller->comm);
}

static int fs_xattr_show_ns(const struct export *export, int ns, char *text)
{
	return fs_xattr_show(text, "%" PRIu64, export->caller->ns[ns]);
}

static int fs_xattr_show_security(const struct export *export, int arg, char *text)
{
	const char *security = export->caller->security;

	return security ? fs_xattr_show(text, "%s", security) : -ENODATA;
}

static int fs_xattr_show_label(const struct export *export, int arg, char *text)
{
	return export->label ? fs_xattr_show(text, "%s", export->label) : -ENODATA;
}

static const struct {
	const char *name;
	show_fn *show;
	int arg;
} fs_xattr_attributes[] = {
	{PREFIX "size", fs_xattr_show_size},
	{PREFIX "kind", fs_xattr_show_kind},
	{PREFIX "flags", fs_xattr_show_flags},
	{PREFIX "seals", fs_xattr_show_seals},
	{PREFIX "importers", fs_xattr_show_importers},
	{PREFIX "held", fs_xattr_show_held},
	{PREFIX "pid", fs_xattr_show_pid},
	{PREFIX "comm", fs_xattr_show_comm},
	{PREFIX "ns.user", fs_xattr_show_ns, DMABUFFS_NS_USER},
	{PREFIX "ns.pid", fs_xattr_show_ns, DMABUFFS_NS_PID},
	{PREFIX "ns.mnt", fs_xattr_show_ns, DMABUFFS_NS_MNT},
	{PREFIX "ns.ipc", fs_xattr_show_ns, DMABUFFS_NS_IPC},
	{PREFIX "ns.net", fs_xattr_show_ns, DMABUFFS_NS_NET},
	{PREFIX "ns.cgroup", fs_xattr_show_ns, DMABUFFS_NS_CGROUP},
	{PREFIX "security", fs_xattr_show_security},
	{PREFIX "label", fs_xattr_show_label},
};

static int fs_xattr_show_attribute(const struct export *export, const char *name,
				   char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(fs_xattr_attributes); i++)
		if (!strcmp(fs_xattr_attributes[i].name, name))
			return fs_xattr_attributes[i].show(
				export, fs_xattr_attributes[i].arg, text);
	return -ENODATA;
}

/* ---- operations -------------------------------------------------------------------- */

/* Writes an attribute or the ACL; its length or -errno. */
static int fs_xattr_get_locked(struct table *table, const struct export *export,
			       const struct node *node, const char *name, char *value)
{
	ASSERT_LOCKED(&table->lock);
	if (strcmp(name, ACL_ACCESS_XATTR))
		return export ? fs_xattr_show_attribute(export, name, value) : -ENODATA;
	if (!node->acl)
		return -ENODATA;
	memcpy(value, node->acl, node->acl_size);
	return (int)node->acl_size;
}

static int fs_xattr_list_locked(struct table *table, const struct export *export,
				const struct node *node, char *list)
{
	char text[MAX_VALUE];
	size_t length = 0;

	ASSERT_LOCKED(&table->lock);
	for (size_t i = 0; export && i < ARRAY_SIZE(fs_xattr_attributes); i++) {
		size_t size = strlen(fs_xattr_attributes[i].name) + 1;

		if (fs_xattr_attributes[i].show(export, fs_xattr_attributes[i].arg,
						text) < 0)
			continue;
		memcpy(list + length, fs_xattr_attributes[i].name, size);
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
	struct node *node;
	struct export *export = fs_get_node(service, ino, &node);
	int length =
		node ? fs_xattr_get_locked(&service->table, export, node, name, value)
		     : fs_no_node(ino, -ENODATA);

	fs_put_node(service, export, node);
	fs_xattr_reply_value(req, value, length, size);
}

void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct service *service = service_of(req);
	char list[MAX_LISTED];
	struct node *node;
	struct export *export = fs_get_node(service, ino, &node);
	int length = node ? fs_xattr_list_locked(&service->table, export, node, list)
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
