# SPDX-License-Identifier: MIT
# libhipsoft, the software runtime. libhipipc finds it in the process.
noinst_LTLIBRARIES += %D%/libhipsoft-private.la
%C%_libhipsoft_private_la_SOURCES = \
	%D%/allocation.c %D%/allocation.h \
	%D%/area.c %D%/area.h \
	%D%/context.c %D%/context.h \
	%D%/copy.c %D%/copy_task.c %D%/copy_task.h \
	%D%/device.c \
	%D%/device_info.c \
	%D%/device_reset.c \
	%D%/entry.c \
	%D%/error.c \
	%D%/event.c %D%/event.h %D%/event_private.h \
	%D%/event_api.c \
	%D%/event_page.c %D%/event_page.h %D%/event_page_private.h \
	%D%/event_record.c \
	%D%/freed.c %D%/freed.h \
	%D%/host.c %D%/host.h \
	%D%/mark.c %D%/mark.h \
	%D%/peer.c %D%/peer.h \
	%D%/provider.c \
	%D%/runtime.c %D%/runtime.h \
	%D%/share.c %D%/share.h \
	%D%/stream.c %D%/stream_order.c %D%/stream.h %D%/stream_private.h \
	%D%/stream_api.c \
	%D%/stream_queue.c %D%/stream_queue.h \
	%D%/table.c %D%/table.h
%C%_libhipsoft_private_la_LIBADD = lib/common/libcommon.la lib/accel/libaccel.la

lib_LTLIBRARIES += %D%/libhipsoft.la
%C%_libhipsoft_la_SOURCES =
%C%_libhipsoft_la_LIBADD = %D%/libhipsoft-private.la
# Never unloaded: its threads run until the process exits.
%C%_libhipsoft_la_LDFLAGS = $(LIB_LDFLAGS) -version-info $(LIBRARY_VERSION) -Wl,-z,nodelete \
	-Wl,--version-script=$(top_srcdir)/%D%/libhipsoft.map
EXTRA_%C%_libhipsoft_la_DEPENDENCIES = $(top_srcdir)/%D%/libhipsoft.map \
	$(top_srcdir)/configure.ac

# In a directory of their own, which programs select with -I.
hipsoftincludedir = $(includedir)/hipsoft/hip
hipsoftinclude_HEADERS = \
	include/hipsoft/hip/driver_types.h \
	include/hipsoft/hip/hip_runtime.h \
	include/hipsoft/hip/hip_runtime_api.h \
	include/hipsoft/hip/hip_version.h

pkgconfig_DATA += %D%/libhipsoft.pc
EXTRA_DIST += %D%/libhipsoft.map
