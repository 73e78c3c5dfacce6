# SPDX-License-Identifier: MIT
# libaccel. All of it is a convenience library first, which the daemon and the tests link.
noinst_LTLIBRARIES += %D%/libaccel-private.la
%C%_libaccel_private_la_SOURCES = \
	%D%/asid.c %D%/asid_map.c %D%/asid_restore.c %D%/asid_unmap.c %D%/asid.h \
	%D%/backend.c \
	%D%/buffer.c %D%/buffer_api.c %D%/buffer_import.c %D%/buffer_restore.c \
	%D%/buffer.h \
	%D%/context.c %D%/context.h \
	%D%/device.c %D%/device.h \
	%D%/events.c %D%/events.h \
	%D%/fence.c %D%/fence.h \
	%D%/guard.c %D%/guard.h \
	%D%/ids.c %D%/ids.h \
	%D%/info.c %D%/info.h \
	%D%/lingering.c %D%/lingering.h \
	%D%/mapping.c %D%/mapping.h \
	%D%/object.c %D%/object.h \
	%D%/ownership.c %D%/ownership.h \
	%D%/payer.c %D%/payer.h \
	%D%/queue.c %D%/queue_attach.c %D%/queue_cancel.c %D%/queue_restore.c %D%/queue.h \
	%D%/range_node.c %D%/range_node.h \
	%D%/range_tree.c %D%/range_tree.h \
	%D%/reaper.c %D%/reaper.h \
	%D%/records.c %D%/records.h \
	%D%/registry.c %D%/registry.h \
	%D%/restore.c \
	%D%/ring.c %D%/ring.h \
	%D%/services.h \
	%D%/set.c %D%/set_member.c %D%/set.h \
	%D%/share.c %D%/share.h \
	%D%/sva.c %D%/sva.h \
	%D%/soft/access.c %D%/soft/access.h \
	%D%/soft/compute.c %D%/soft/compute.h \
	%D%/soft/engine.c %D%/soft/engine.h \
	%D%/soft/exec.c %D%/soft/exec.h \
	%D%/soft/loop.c %D%/soft/loop.h \
	%D%/soft/operand.c %D%/soft/operand.h \
	%D%/soft/soft.c
%C%_libaccel_private_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_libaccel_private_la_CFLAGS = $(AM_CFLAGS) $(ISAL_CFLAGS)
%C%_libaccel_private_la_LIBADD = lib/common/libcommon.la $(ISAL_LIBS)

lib_LTLIBRARIES += %D%/libaccel.la
%C%_libaccel_la_SOURCES =
%C%_libaccel_la_LIBADD = %D%/libaccel-private.la
%C%_libaccel_la_LDFLAGS = $(LIB_LDFLAGS) -version-info $(LIBRARY_VERSION) \
	-Wl,--version-script=$(top_srcdir)/%D%/libaccel.map
EXTRA_%C%_libaccel_la_DEPENDENCIES = $(top_srcdir)/%D%/libaccel.map \
	$(top_srcdir)/configure.ac

pkgconfig_DATA += %D%/libaccel.pc
EXTRA_DIST += %D%/libaccel.map
