/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "base/policy.h"
#include "fs/fs_user.h"
#include "fs/restore.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

/* ---- open -------------------------------------------------------------------------- */

static int fs_file_check_namespaces(struct service *service, const struct export *export,
				    pid_t tid)
{
	uint64_t ns[DMABUFFS_NS_COUNT];

	if (!service->options.ns_mask)
		return 0;
	caller_read_namespaces(tid, ns);
	return policy_check_ns(service->options.ns_mask, export->caller->ns, ns);
}

static int fs_file_check_size(struct service *service, struct export *export)
{
	int r;

	if (buffer_size_is_fixed(&export->buffer))
		return 0;
	table_lock(&service->table);
	r = export_recharge(&service->table, export);
	table_unlock(&service->table);
	return r;
}

/* Checks what file permissions cannot express. The export is counted open. */
static int fs_file_check_open(struct service *service, struct export *export, pid_t tid,
			      int flags)
{
	int r = policy_check_open(flags, export->flags & DMABUFFS_EXPORT_READONLY,
				  buffer_seals(&export->buffer));

	if (r == 0)
		r = fs_file_check_namespaces(service, export, tid);
	return r == 0 ? fs_file_check_size(service, export) : r;
}

/* One that is being closed is closed first, so that a successor knows all there are. */
static void fs_file_close_stored_locked(fuse_req_t req, const struct export *export)
{
	struct table *table = &service_of(req)->table;
	int old = atomic_load(&export_record(table, export)->backing_id);

	ASSERT_LOCKED(&table->lock);
	if (old)
		fuse_passthrough_close(req, old);
}

static int fs_file_register_backing(fuse_req_t req, const struct buffer *buffer)
{
	struct closing *closing;
	int fd = buffer_borrow(buffer, &closing);
	int id, r;

	if (fd < 0)
		return fd;
	errno = 0;
	id = fuse_passthrough_open(req, fd);
	r = id > 0 ? id : -errno;
	buffer_return(buffer, fd, closing);
	return r;
}

/*
 * The kernel requires one backing id per inode while it is open, so the first open
 * registers it and the last release closes it.
 */
static int fs_file_get_backing(fuse_req_t req, struct export *export)
{
	SCOPED_LOCK(&service_of(req)->table.lock);
	int id = export->backing_id;

	if (id)
		return id;
	fs_file_close_stored_locked(req, export);
	id = fs_file_register_backing(req, &export->buffer);
	if (id > 0)
		table_store_backing_locked(&service_of(req)->table, export, id);
	return id;
}

/* The error is not a temporary lack of resources, so every file would get it. */
static bool fs_file_is_permanent(int error)
{
	return error != -EMFILE && error != -ENFILE && error != -ENOMEM &&
	       error != -EAGAIN;
}

/* The backing id for passthrough; 0: requests go to the service; or -errno. */
static int fs_file_backing_id(fuse_req_t req, struct export *export)
{
	struct service *service = service_of(req);
	int id;

	if (!service->passthrough || export->buffer.kind != DMABUFFS_KIND_MEMFD)
		return 0;
	id = fs_file_get_backing(req, export);
	if (id >= 0 || !fs_file_is_permanent(id))
		return id;
	if (atomic_exchange(&service->passthrough, false))
		log_warning("passthrough is refused (%s): names cannot be mapped "
			    "(ENODEV), descriptors from the broker can",
			    strerror(-id));
	return 0;
}

void fs_close_export(fuse_req_t req, struct export *export)
{
	struct table *table = &service_of(req)->table;
	int id;

	/* Before the buffer is closed, so that this is not its last close. */
	while ((id = table_close(table, export)) > 0) {
		fuse_passthrough_close(req, id);
		table_forget_backing(table, export, id);
	}
}

/* Without a connection, which closes the backing id with its end. */
static void fs_file_undo_open(struct table *table, struct export *export, uint64_t handle)
{
	table_put(table, table_forget_open(table, handle));
	while (table_close(table, export) > 0)
		;
}

static void fs_file_reply_open(fuse_req_t req, struct export *export,
			       struct fuse_file_info *fi)
{
	struct table *table = &service_of(req)->table;

	/*
	 * Without passthrough there is no page cache: MAP_SHARED fails. The kernel still
	 * permits MAP_PRIVATE, which copies.
	 */
	fi->direct_io = !fi->backing_id;
	fi->parallel_direct_writes = 1;
	fi->noflush = 1;
	if (fuse_reply_open(req, fi) < 0)
		fs_file_undo_open(table, export, fi->fh);
	CRASH_POINT("open-replied");
	table_open_replied(table, fi->fh);
}

/* The request was executed by a predecessor, and its open file is counted. */
static bool fs_file_was_opened(fuse_req_t req, struct export *export,
			       struct fuse_file_info *fi)
{
	struct table *table = &service_of(req)->table;

	if (!export || !table_was_opened(table, export, &fi->fh))
		return false;
	table_lock(table);
	fi->backing_id = export->backing_id;
	table_unlock(table);
	fs_file_reply_open(req, export, fi);
	return true;
}

static void fs_file_log_refusal(fuse_req_t req, const struct export *export, int error)
{
	char name[UUID_TEXT_LENGTH + 1];

	export_name(export, name);
	log_warning("cannot open %s for pid %d uid %u: %s", name, fuse_req_ctx(req)->pid,
		    user_uid(req), strerror(-error));
}

static int fs_file_store_open(fuse_req_t req, const struct export *export,
			      struct fuse_file_info *fi)
{
	struct table *table = &service_of(req)->table;
	bool is_charged = table_is_crowded(table);
	struct payer payer;
	int r = is_charged ? user_payer(req, &payer) : 0;

	return r < 0 ? -ENFILE
		     : table_store_open(table, export, is_charged ? &payer : NULL,
					fi->flags, &fi->fh);
}

/* The kernel has checked permissions. */
void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct service *service = service_of(req);
	pid_t tid = fuse_req_ctx(req)->pid;
	struct export *export;
	int r;

	if (ino == INO_CONTROL) {
		fs_control_open(req, fi);
		return;
	}
	/* A handle is opened by its creation only. */
	if (ino == INO_IDENTITY) {
		reply_error(req, -EACCES);
		return;
	}
	if (fs_is_accel(ino)) {
		fs_accel_open(req, ino, fi);
		return;
	}
	export = table_get(&service->table, ino);
	if (fs_file_was_opened(req, export, fi)) {
		table_put(&service->table, export);
		return;
	}
	/* ESTALE makes the kernel look the name up again, which fails with ENOENT. */
	if (!export || !table_open(&service->table, export)) {
		reply_error(req, -ESTALE);
		table_put(&service->table, export);
		return;
	}
	r = fs_file_check_open(service, export, tid, fi->flags);
	if (r == 0)
		r = fi->backing_id = fs_file_backing_id(req, export);
	if (r >= 0)
		r = fs_file_store_open(req, export, fi);
	if (r < 0) {
		fs_file_log_refusal(req, export, r);
		fs_close_export(req, export);
		reply_error(req, r);
	} else {
		fs_file_reply_open(req, export, fi);
	}
	table_put(&service->table, export);
}

void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct service *service = service_of(req);
	struct export *export;

	if (ino == INO_CONTROL) {
		fs_control_release(req, fi);
		return;
	}
	if (ino == INO_IDENTITY) {
		fs_identity_release(req, fi);
		return;
	}
	if (fs_is_accel(ino)) {
		fs_accel_release(req, fi);
		return;
	}
	export = table_forget_open(&service->table, fi->fh);
	if (export)
		fs_close_export(req, export);
	restore_forget(service);
	reply_error(req, 0);
	CRASH_POINT("release-replied");
	table_put(&service->table, export);
}

/* ---- read and write without passthrough, and lseek --------------------------------- */

/* The export of an open file, which has its buffer until RELEASE; NULL: no buffer. */
static struct export *fs_file_opened(struct table *table, fuse_ino_t ino, uid_t *ret_uid)
{
	struct export *export = table_get(table, ino);
	bool is_open;

	if (!export)
		return NULL;
	table_lock(table);
	is_open = export->opens > 0 && export->buffer.kind != DMABUFFS_KIND_ASID;
	*ret_uid = export->charged_uid;
	table_unlock(table);
	table_put(table, export);
	return is_open ? export : NULL;
}

static void fs_file_io_done(void *context, ssize_t result, const void *bytes)
{
	fuse_req_t req = context;

	if (result < 0)
		reply_error(req, (int)result);
	else if (bytes)
		fuse_reply_buf(req, bytes, (size_t)result);
	else
		fuse_reply_write(req, (size_t)result);
}

static void fs_file_seek_done(void *context, ssize_t result, const void *bytes)
{
	fuse_req_t req = context;

	if (result < 0)
		reply_error(req, (int)result);
	else
		fuse_reply_lseek(req, (off_t)result);
}

static dmabuf_io_done *fs_file_done(enum dmabuf_io_op op)
{
	bool moves_bytes =
		op == DMABUF_IO_READ || op == DMABUF_IO_WRITE || op == DMABUF_IO_APPEND;

	return moves_bytes ? fs_file_io_done : fs_file_seek_done;
}

static void fs_file_submit(fuse_req_t req, fuse_ino_t ino,
			   const struct dmabuf_io_access *access)
{
	struct service *service = service_of(req);
	struct export *export;
	uid_t uid;
	int r = ino == INO_CONTROL ? -EINVAL : -EBADF;

	export = fs_file_opened(&service->table, ino, &uid);
	if (export && export->buffer.kind == DMABUFFS_KIND_DEVICE)
		r = -EOPNOTSUPP;
	else if (export)
		r = dmabuf_io_submit(&service->dmabuf_io, uid, &export->buffer, access,
				     fs_file_done(access->op), req);
	if (r < 0)
		reply_error(req, r);
}

void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	     struct fuse_file_info *fi)
{
	const struct dmabuf_io_access access = {DMABUF_IO_READ, offset, size, NULL};

	if (fs_is_accel(ino))
		fs_accel_read(req, size, fi);
	else
		fs_file_submit(req, ino, &access);
}

/*
 * The kernel computes the offset of an append from the size that it cached, which can be
 * too small by now.
 */
void fs_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	      struct fuse_file_info *fi)
{
	enum dmabuf_io_op op = fi->flags & O_APPEND ? DMABUF_IO_APPEND : DMABUF_IO_WRITE;
	const struct dmabuf_io_access access = {op, offset, size, data};

	fs_file_submit(req, ino, &access);
}

/* What is no memfd has no holes. */
static void fs_file_seek_whole(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence)
{
	struct stat st;
	double timeout;

	if (fs_stat(service_of(req), ino, &st, &timeout) < 0 || offset < 0 ||
	    offset >= st.st_size)
		reply_error(req, -ENXIO);
	else
		fuse_reply_lseek(req, whence == SEEK_HOLE ? st.st_size : offset);
}

static bool fs_file_is_memfd(struct table *table, fuse_ino_t ino)
{
	struct export *export = table_get(table, ino);
	bool is_memfd = export && export->buffer.kind == DMABUFFS_KIND_MEMFD;

	table_put(table, export);
	return is_memfd;
}

/* SEEK_DATA and SEEK_HOLE: the kernel handles the others. */
void fs_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
	      struct fuse_file_info *fi)
{
	const struct dmabuf_io_access access = {
		.op = whence == SEEK_HOLE ? DMABUF_IO_SEEK_HOLE : DMABUF_IO_SEEK_DATA,
		.offset = offset,
	};

	if (fs_file_is_memfd(&service_of(req)->table, ino))
		fs_file_submit(req, ino, &access);
	else
		fs_file_seek_whole(req, ino, offset, whence);
}
