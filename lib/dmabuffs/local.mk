# SPDX-License-Identifier: MIT
lib_LTLIBRARIES += %D%/libdmabuffs.la

# The same objects with the private symbols in reach: the unit tests link this one.
noinst_LTLIBRARIES += %D%/libdmabuffs-private.la
%C%_libdmabuffs_private_la_SOURCES = \
	%D%/accel_device.c \
	%D%/accel_import.c \
	%D%/accel_queue.c %D%/accel_queue.h \
	%D%/accel_submit.c \
	%D%/allocate.c \
	%D%/broker_connect.c \
	%D%/broker_message.c \
	%D%/broker.c %D%/broker.h \
	%D%/check.c \
	%D%/entries.c \
	%D%/export.c \
	%D%/identify.c \
	%D%/import.c \
	%D%/instance.c %D%/instance.h \
	%D%/list.c \
	%D%/mapping.c \
	%D%/query.c \
	%D%/remove.c \
	%D%/strerror.c \
	%D%/uuid.c
%C%_libdmabuffs_private_la_CPPFLAGS = $(AM_CPPFLAGS) $(UUID_CFLAGS)
%C%_libdmabuffs_private_la_LIBADD = lib/common/libcommon.la $(UUID_LIBS)

%C%_libdmabuffs_la_SOURCES =
%C%_libdmabuffs_la_LIBADD = %D%/libdmabuffs-private.la
%C%_libdmabuffs_la_LDFLAGS = $(LIB_LDFLAGS) -version-info $(LIBRARY_VERSION) \
	-Wl,--version-script=$(top_srcdir)/%D%/libdmabuffs.map
EXTRA_%C%_libdmabuffs_la_DEPENDENCIES = $(top_srcdir)/%D%/libdmabuffs.map \
	$(top_srcdir)/configure.ac

pkgconfig_DATA += %D%/libdmabuffs.pc

EXTRA_DIST += %D%/libdmabuffs.map
