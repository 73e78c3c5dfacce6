# SPDX-License-Identifier: MIT
# The service built again with its crash points, see lib/common/crash_point.h.
crash_programs = %D%/dmabuffsd-crash
check_PROGRAMS += $(crash_programs)
%C%_dmabuffsd_crash_SOURCES = %D%/crash_point.c %D%/control.h \
	$(src_dmabuffsd_SOURCES) $(src_libdaemon_la_SOURCES) \
	$(lib_accel_libaccel_private_la_SOURCES) $(lib_common_libcommon_la_SOURCES)
%C%_dmabuffsd_crash_CPPFLAGS = $(src_libdaemon_la_CPPFLAGS) -I$(top_srcdir)/lib/accel \
	-DCRASH_POINTS
%C%_dmabuffsd_crash_CFLAGS = $(src_libdaemon_la_CFLAGS) $(ISAL_CFLAGS)
%C%_dmabuffsd_crash_LDADD = $(FUSE_LIBS) $(UUID_LIBS) $(LIBCAP_LIBS) $(SECCOMP_LIBS) \
	$(SODIUM_LIBS) $(ISAL_LIBS)

check_LTLIBRARIES += %D%/libcrash.la
crash_libraries = %D%/libcrash.la lib/common/libcommon.la
%C%_libcrash_la_SOURCES = \
	%D%/campaign.c %D%/campaign.h \
	%D%/client.c %D%/client.h \
	%D%/client-accel.c \
	%D%/client-bytes.c \
	%D%/client-kept.c \
	%D%/client-round.c \
	%D%/ledger-count.c %D%/ledger-count.h \
	%D%/load.c %D%/load.h \
	%D%/order.c %D%/order.h \
	%D%/remains.c %D%/remains.h \
	%D%/tally.c %D%/tally.h \
	%D%/worker.c %D%/worker.h
%C%_libcrash_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/integration \
	-I$(top_srcdir)/src
%C%_libcrash_la_LIBADD = $(accel_harness)

crash_tests = %D%/test-crash-accel %D%/test-crash-contexts %D%/test-crash-kills \
	%D%/test-crash-points %D%/test-crash-variants
crash_programs += $(crash_tests)
# Of make check.
crash_bounded = test-crash-accel test-crash-contexts test-crash-kills test-crash-points \
	test-crash-variants
check_PROGRAMS += $(crash_tests)
%C%_test_crash_accel_CPPFLAGS = $(%C%_libcrash_la_CPPFLAGS)
%C%_test_crash_accel_LDADD = $(crash_libraries)
%C%_test_crash_contexts_CPPFLAGS = $(%C%_libcrash_la_CPPFLAGS)
%C%_test_crash_contexts_LDADD = $(crash_libraries)
%C%_test_crash_kills_CPPFLAGS = $(%C%_libcrash_la_CPPFLAGS)
%C%_test_crash_kills_LDADD = $(crash_libraries)
%C%_test_crash_points_CPPFLAGS = $(%C%_libcrash_la_CPPFLAGS)
%C%_test_crash_points_LDADD = $(crash_libraries)
%C%_test_crash_variants_CPPFLAGS = $(%C%_libcrash_la_CPPFLAGS) \
	-DTOOL='"$(abs_top_builddir)/tools/dmabuffs"'
%C%_test_crash_variants_LDADD = $(crash_libraries)

# Each case at its full length, which takes long: make check has a bounded part of it.
EXTRA_DIST += %D%/run-crash
CLEANFILES += results/crash.txt
.PHONY: check-crash
check-crash: all $(crash_programs)
	@DMABUFFS_CRASH_FULL=yes TESTS='$(TESTS)' $(srcdir)/tests/run-suites -o crash $@ \
		"crash:20000:$(srcdir)/%D%/run-crash"
