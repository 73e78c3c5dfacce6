# SPDX-License-Identifier: MIT
# What the libraries and the service share, as a convenience library.
noinst_LTLIBRARIES += %D%/libcommon.la
%C%_libcommon_la_SOURCES = \
	%D%/clock.h \
	%D%/crash_point.h \
	%D%/crc32c.c %D%/crc32c.h \
	%D%/dmabuf.c %D%/dmabuf.h \
	%D%/entry.c %D%/entry.h \
	%D%/fd_identity.c %D%/fd_identity.h \
	%D%/htab.c %D%/htab.h \
	%D%/lease.c %D%/lease.h \
	%D%/list.h \
	%D%/locked.h \
	%D%/memfd.c %D%/memfd.h \
	%D%/relax.h \
	%D%/ring_producer.c %D%/ring_producer.h \
	%D%/same_process.c %D%/same_process.h \
	%D%/sized.c %D%/sized.h \
	%D%/sorted.h \
	%D%/standard_fds.c %D%/standard_fds.h \
	%D%/thread.c %D%/thread.h \
	%D%/util.h \
	%D%/worker.c %D%/worker.h
%C%_libcommon_la_CFLAGS = $(AM_CFLAGS) -ffunction-sections -fdata-sections
