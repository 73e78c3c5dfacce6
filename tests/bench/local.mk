# SPDX-License-Identifier: MIT
EXTRA_PROGRAMS += %D%/bench
CLEANFILES += %D%/bench$(EXEEXT)

%C%_bench_SOURCES = \
	%D%/bench.c %D%/bench.h \
	%D%/client.c %D%/client.h \
	%D%/contest.c %D%/contest.h \
	%D%/device.c %D%/device.h \
	%D%/exporter.c %D%/exporter.h \
	%D%/ipc-exporter.c %D%/ipc-exporter.h \
	%D%/ipc-importers.c %D%/ipc-importers.h \
	%D%/ipc-page.c %D%/ipc-page.h \
	%D%/ipc-rivals.c %D%/ipc-rivals.h \
	%D%/nops.c %D%/nops.h \
	%D%/null-fuse.c %D%/null-fuse.h \
	%D%/pong.c %D%/pong.h \
	%D%/roundtrip.c %D%/roundtrip.h \
	%D%/row-asid.c \
	%D%/row-broker.c \
	%D%/row-contexts.c \
	%D%/row-copy.c \
	%D%/row-crash.c \
	%D%/row-export.c \
	%D%/row-ipc.c \
	%D%/row-map.c \
	%D%/row-open.c \
	%D%/row-ring.c \
	%D%/row-scale.c \
	%D%/stats.c %D%/stats.h \
	%D%/syscalls.c %D%/syscalls.h \
	%D%/worker.c %D%/worker.h
%C%_bench_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS) $(UUID_CFLAGS) $(URING_CFLAGS)
%C%_bench_LDADD = $(test_support) lib/hipipc/libhipipc.la lib/hipsoft/libhipsoft.la \
	lib/dmabuffs/libdmabuffs-private.la lib/accel/libaccel-private.la \
	$(FUSE_LIBS) $(UUID_LIBS) $(URING_LIBS)

# Standard output has only the table; BENCHFLAGS may hold --check or names of rows.
.PHONY: bench
bench:
	@$(MAKE) $(AM_MAKEFLAGS) src/dmabuffsd$(EXEEXT) %D%/bench$(EXEEXT) >&2
	@DMABUFFSD=$(abs_builddir)/src/dmabuffsd$(EXEEXT) %D%/bench$(EXEEXT) $(BENCHFLAGS)
