# SPDX-License-Identifier: MIT
# The unit tests of libaccel; tests/unit/run-unit runs them with the others.
if HAVE_CRITERION
accel_programs = %D%/accel-tests
check_PROGRAMS += $(accel_programs)
endif

%C%_accel_tests_SOURCES = $(criterion_sources) \
	tests/unit/fail-each.c tests/unit/fail-each.h \
	tests/unit/faults.c tests/unit/faults.h \
	%D%/asid-fixture.c %D%/asid-fixture.h \
	%D%/engine-fixture.c %D%/engine-fixture.h \
	%D%/fake-backend.c %D%/fake-backend.h \
	%D%/faults-fixture.c %D%/faults-fixture.h \
	%D%/owner.c %D%/owner.h \
	%D%/soft-fixture.c %D%/soft-fixture.h \
	%D%/test-asid-copy.c \
	%D%/test-asid-map.c \
	%D%/test-asid-sva.c \
	%D%/test-asid-threads.c \
	%D%/test-asid-model.c \
	%D%/test-asid.c \
	%D%/test-backend.c \
	%D%/test-buffer-file.c \
	%D%/test-buffer.c \
	%D%/test-context.c \
	%D%/test-device.c \
	%D%/test-engine-hostile.c \
	%D%/test-engine.c \
	%D%/test-events.c \
	%D%/test-failures.c \
	%D%/test-fence.c \
	%D%/test-fence-signaller.c \
	%D%/test-guard.c \
	%D%/test-ids.c \
	%D%/test-long.c \
	%D%/test-ownership.c \
	%D%/test-queue.c \
	%D%/test-range-tree-random.c \
	%D%/test-range-tree.c \
	%D%/test-reaper.c \
	%D%/restore-fixture.c %D%/restore-fixture.h \
	%D%/test-restore.c \
	%D%/test-restore-queue.c \
	%D%/test-ring.c \
	%D%/test-set.c \
	%D%/test-soft-faults-memory.c \
	%D%/test-soft-faults.c \
	%D%/test-soft-ops.c \
	%D%/test-sva.c \
	%D%/user-queue.h
%C%_accel_tests_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/accel \
	-I$(top_srcdir)/tests/unit
%C%_accel_tests_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
# Allocations and system calls that faults.c can make fail.
%C%_accel_tests_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray \
	-Wl,--wrap=aligned_alloc,--wrap=free,--wrap=mmap64,--wrap=memfd_create \
	-Wl,--wrap=open64,--wrap=openat64,--wrap=fcntl64,--wrap=fstat64,--wrap=fchmod \
	-Wl,--wrap=ftruncate64,--wrap=pthread_create
%C%_accel_tests_LDADD = $(test_support) lib/accel/libaccel-private.la $(CRITERION_LIBS)

# The races are those of libaccel built again with ThreadSanitizer; in a build with
# sanitizers, of the library of this build. A suite of its own in tests/local.mk.
if SANITIZED
race_accel = lib/accel/libaccel-private.la
else
race_accel = %D%/libaccel-race.la
check_LTLIBRARIES += $(race_accel)
%C%_libaccel_race_la_SOURCES = $(lib_accel_libaccel_private_la_SOURCES) \
	$(lib_common_libcommon_la_SOURCES)
%C%_libaccel_race_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/accel
%C%_libaccel_race_la_CFLAGS = $(AM_CFLAGS) $(ISAL_CFLAGS) $(TSAN)
%C%_libaccel_race_la_LIBADD = $(ISAL_LIBS)
endif

race_programs = %D%/accel-race
check_PROGRAMS += $(race_programs)
EXTRA_DIST += %D%/run-race
%C%_accel_race_SOURCES = \
	%D%/race.c %D%/race.h %D%/race-calls.c \
	%D%/owner.c %D%/owner.h \
	tests/support/fds.c tests/support/fds.h \
	tests/support/wait.c tests/support/wait.h
%C%_accel_race_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/accel
%C%_accel_race_CFLAGS = $(AM_CFLAGS) $(TSAN)
%C%_accel_race_LDFLAGS = $(AM_LDFLAGS) $(TSAN)
%C%_accel_race_LDADD = $(race_accel)
