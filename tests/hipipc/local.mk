# SPDX-License-Identifier: MIT
# The unit tests of libhipsoft and libhipipc, which tests/unit/run-unit runs with the
# others, and what compares libhipipc with vendors' headers, a suite of its own.
if HAVE_CRITERION
check_PROGRAMS += %D%/hipsoft-tests %D%/hipipc-tests
endif

%C%_hipsoft_tests_SOURCES = \
	%D%/hipsoft-fixture.c %D%/hipsoft-fixture.h %D%/hipsoft-gate.h \
	%D%/test-event-page.c \
	%D%/test-hipsoft-context.c \
	%D%/test-hipsoft-copy.c \
	%D%/test-hipsoft-error.c \
	%D%/test-hipsoft-event.c \
	%D%/test-hipsoft-fork.c \
	%D%/test-hipsoft-memory.c \
	%D%/test-hipsoft-share.c \
	%D%/test-hipsoft-stream.c \
	lib/common/memfd.h
%C%_hipsoft_tests_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/hipsoft
%C%_hipsoft_tests_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
%C%_hipsoft_tests_LDADD = lib/hipsoft/libhipsoft-private.la $(CRITERION_LIBS)

%C%_hipipc_tests_SOURCES = \
	lib/common/memfd.c lib/common/memfd.h \
	%D%/fake-service.c %D%/fake-service.h \
	%D%/test-handle.c \
	%D%/test-names.c \
	%D%/test-openings.c
%C%_hipipc_tests_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/hipipc
%C%_hipipc_tests_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
# What goes through fake-service.c.
%C%_hipipc_tests_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=dmabuffs_open,--wrap=dmabuffs_close,--wrap=dmabuffs_export \
	-Wl,--wrap=dmabuffs_unlink,--wrap=dmabuffs_import,--wrap=dmabuffs_exchange
%C%_hipipc_tests_LDADD = lib/hipipc/libhipipc-private.la $(CRITERION_LIBS)

EXTRA_DIST += %D%/run-compat %D%/compat.h %D%/compat-ours.c %D%/compat-vendor.c \
	%D%/compat-values.c %D%/compat-user.c %D%/compat-cuda.c
CLEANFILES += results/compat.txt
