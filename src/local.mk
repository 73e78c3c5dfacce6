# SPDX-License-Identifier: MIT
# The daemon. All but main() is a library, so that unit tests see every function. The
# rooms stand here from the bottom up: each includes only its own files and those of the
# rooms before it, which scripts/check-layers verifies.
src_store_sources = \
	%D%/store/bank.c %D%/store/bank.h \
	%D%/store/bank_fold.c \
	%D%/store/bank_message.c %D%/store/bank_message.h \
	%D%/store/bank_open.c \
	%D%/store/bank_private.h \
	%D%/store/ledger.c %D%/store/ledger.h \
	%D%/store/ledger_blob.c \
	%D%/store/ledger_check.c \
	%D%/store/ledger_format.h \
	%D%/store/ledger_private.h \
	%D%/store/ledger_record.c \
	%D%/store/ledger_takeover.c \
	%D%/store/payers.c %D%/store/payers.h \
	%D%/store/poison.c %D%/store/poison.h \
	%D%/store/slots.c %D%/store/slots.h \
	%D%/store/state.c %D%/store/state.h \
	%D%/store/takeover.h \
	%D%/store/takeover_check.c \
	%D%/store/uniques.c %D%/store/uniques.h

noinst_LTLIBRARIES += %D%/libdaemon.la
%C%_libdaemon_la_SOURCES = \
	%D%/base/helper.c %D%/base/helper.h \
	%D%/base/clients.c %D%/base/clients.h \
	%D%/base/drivers.c %D%/base/drivers.h \
	%D%/base/keyed_hash.h \
	%D%/base/limits.c %D%/base/limits.h \
	%D%/base/limits_config.c %D%/base/limits_config.h \
	%D%/base/log.c %D%/base/log.h \
	%D%/base/mountinfo.c %D%/base/mountinfo.h \
	%D%/base/offload.c %D%/base/offload.h \
	%D%/base/option_accel.c \
	%D%/base/option_drivers.c \
	%D%/base/option_table.c %D%/base/option_table.h \
	%D%/base/options.c %D%/base/options.h \
	%D%/base/owners.c %D%/base/owners.h \
	%D%/base/pidfd.h \
	%D%/base/policy.c %D%/base/policy.h \
	%D%/base/proc_read.c %D%/base/proc_read.h \
	%D%/base/request.c %D%/base/request.h \
	%D%/base/wire.c %D%/base/wire.h \
	$(src_store_sources) \
	%D%/buffers/buffer.c %D%/buffers/buffer.h \
	%D%/buffers/buffer_identify.c %D%/buffers/buffer_identify.h \
	%D%/buffers/buffer_seals.c \
	%D%/buffers/closer.c %D%/buffers/closer.h \
	%D%/buffers/dmabuf_io.c %D%/buffers/dmabuf_io.h \
	%D%/buffers/fd_vault.c %D%/buffers/fd_vault.h \
	%D%/buffers/leaving.c %D%/buffers/leaving.h \
	%D%/names/acl.c %D%/names/acl.h \
	%D%/names/caller.c %D%/names/caller.h \
	%D%/names/caller_record.c \
	%D%/names/ended.c %D%/names/ended.h \
	%D%/names/export.c %D%/names/export.h \
	%D%/names/export_record.c \
	%D%/names/identities.c %D%/names/identities.h \
	%D%/names/ids.h \
	%D%/names/node.c %D%/names/node.h \
	%D%/names/notifier.c %D%/names/notifier.h \
	%D%/names/past.c %D%/names/past.h \
	%D%/names/publish.c %D%/names/publish.h \
	%D%/names/rebuild.c %D%/names/rebuild.h \
	%D%/names/root.c \
	%D%/names/table_private.h \
	%D%/names/table.c %D%/names/table.h \
	%D%/names/owned.c %D%/names/owned.h \
	%D%/names/table_open.c \
	%D%/names/table_index.c %D%/names/table_index.h \
	%D%/broker/broker.c %D%/broker/broker.h \
	%D%/broker/admission.c %D%/broker/admission.h \
	%D%/broker/connection.c %D%/broker/connection.h \
	%D%/broker/opened.c %D%/broker/opened.h \
	%D%/broker/peer.c %D%/broker/peer.h \
	%D%/broker/person.c %D%/broker/person.h \
	%D%/broker/procfs.c %D%/broker/procfs.h \
	%D%/broker/rights.c %D%/broker/rights.h \
	%D%/broker/stall_guard.c %D%/broker/stall_guard.h \
	%D%/broker/unread.c %D%/broker/unread.h \
	%D%/broker/take.c %D%/broker/take.h \
	%D%/broker/taken.c %D%/broker/taken.h \
	%D%/broker/tickets.c %D%/broker/tickets.h \
	%D%/devices/device_file.c %D%/devices/device_file.h \
	%D%/devices/device_records.c %D%/devices/device_records.h \
	%D%/devices/devices.c %D%/devices/devices.h \
	%D%/devices/devices_restore.c %D%/devices/devices_restore.h \
	%D%/devices/flushed.c %D%/devices/flushed.h \
	%D%/fs/device_again.c \
	%D%/fs/device_ioctl.c \
	%D%/fs/device_room.c \
	%D%/fs/device_share.c \
	%D%/fs/device_take.c \
	%D%/fs/fs.c %D%/fs/fs.h \
	%D%/fs/fs_accel.c \
	%D%/fs/fs_attr.c \
	%D%/fs/fs_dir.c \
	%D%/fs/fs_entries.c %D%/fs/fs_entries.h \
	%D%/fs/fs_export.c \
	%D%/fs/fs_file.c \
	%D%/fs/fs_idmap.c \
	%D%/fs/fs_info.c \
	%D%/fs/fs_ioctl.c %D%/fs/fs_ioctl.h \
	%D%/fs/fs_ended.c \
	%D%/fs/fs_limits.c \
	%D%/fs/fs_list.c \
	%D%/fs/fs_revoke.c \
	%D%/fs/fs_root.c \
	%D%/fs/fs_upgrade.c \
	%D%/fs/fs_user.c %D%/fs/fs_user.h \
	%D%/fs/fs_xattr.c \
	%D%/fs/backing.c %D%/fs/backing.h \
	%D%/fs/listing.c %D%/fs/listing.h \
	%D%/fs/restore.c %D%/fs/restore.h \
	%D%/fs/service.h \
	%D%/fs/unreplied.c %D%/fs/unreplied.h \
	%D%/process/aborter.c %D%/process/aborter.h \
	%D%/process/confine.c %D%/process/confine.h \
	%D%/process/ending.c %D%/process/ending.h \
	%D%/process/filter.c %D%/process/filter.h \
	%D%/process/fdstore.c %D%/process/fdstore.h \
	%D%/process/held.c %D%/process/held.h \
	%D%/process/holder.c %D%/process/holder.h \
	%D%/process/holder_private.h \
	%D%/process/holder_spare.c \
	%D%/process/holder_start.c \
	%D%/process/holder_succeed.c \
	%D%/process/holder_upgrade.c \
	%D%/process/filter_build.c %D%/process/filter_build.h \
	%D%/process/filter_helper.c \
	%D%/process/helper.c %D%/process/helper.h \
	%D%/process/helper_serve.c %D%/process/helper_serve.h \
	%D%/process/init.c %D%/process/init.h \
	%D%/process/keeper.c %D%/process/keeper.h \
	%D%/process/landlock.c %D%/process/landlock.h \
	%D%/process/life.c %D%/process/life.h \
	%D%/process/lifetime.c %D%/process/lifetime.h \
	%D%/process/loop.c %D%/process/loop.h \
	%D%/process/mountpoint.c %D%/process/mountpoint.h \
	%D%/process/parts.c %D%/process/parts.h \
	%D%/process/pending.c %D%/process/pending.h \
	%D%/process/predecessor.c %D%/process/predecessor.h \
	%D%/process/privileges.c %D%/process/privileges.h \
	%D%/process/notify.c %D%/process/notify.h \
	%D%/process/ready.c %D%/process/ready.h \
	%D%/process/report.c %D%/process/report.h \
	%D%/process/session.c %D%/process/session.h \
	%D%/process/startup.c %D%/process/startup.h \
	%D%/process/succession.c %D%/process/succession.h \
	%D%/process/serving.c %D%/process/serving.h
%C%_libdaemon_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D% \
	-DFUSE_USE_VERSION=FUSE_MAKE_VERSION\(3,17\)
%C%_libdaemon_la_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS) $(UUID_CFLAGS) $(LIBCAP_CFLAGS) \
	$(SECCOMP_CFLAGS) $(SODIUM_CFLAGS)
%C%_libdaemon_la_LIBADD = lib/accel/libaccel-private.la $(FUSE_LIBS) $(UUID_LIBS) \
	$(LIBCAP_LIBS) $(SECCOMP_LIBS) $(SODIUM_LIBS)

sbin_PROGRAMS += %D%/dmabuffsd
%C%_dmabuffsd_SOURCES = %D%/process/main.c
%C%_dmabuffsd_CPPFLAGS = $(%C%_libdaemon_la_CPPFLAGS)
%C%_dmabuffsd_CFLAGS = $(%C%_libdaemon_la_CFLAGS)
%C%_dmabuffsd_LDADD = %D%/libdaemon.la
