# SPDX-License-Identifier: MIT
# The unit tests: all tests that need no mount. run-unit runs them, as one of the suites
# in tests/local.mk.
EXTRA_DIST += %D%/run-unit
CLEANFILES += results/unit.txt results/accel.txt results/hipipc.txt

if HAVE_CRITERION
unit_programs = %D%/daemon-tests %D%/client-tests
check_PROGRAMS += $(unit_programs)
endif

# The service.
%C%_daemon_tests_SOURCES = $(criterion_sources) $(timing_statistics) \
	%D%/acl-build.h \
	%D%/broker-client.c %D%/broker-client.h \
	%D%/fail-each.c %D%/fail-each.h \
	%D%/fake-dmabuf.c %D%/fake-dmabuf.h \
	%D%/fake-session.c %D%/fake-session.h \
	%D%/faults.c %D%/faults.h \
	%D%/fixture.c %D%/fixture.h \
	%D%/ledger-build.h \
	%D%/stepped.c %D%/stepped.h \
	%D%/stuck-socket.c %D%/stuck-socket.h \
	%D%/test-acl.c \
	%D%/test-admission.c \
	%D%/test-bank.c \
	%D%/test-broker.c \
	%D%/test-buffer-seals.c \
	%D%/test-buffer-share.c \
	%D%/test-buffer.c \
	%D%/test-caller.c \
	%D%/test-clock.c \
	%D%/test-closer.c \
	%D%/test-connection.c \
	%D%/test-crc32c.c \
	%D%/test-devices-restore.c \
	%D%/test-dmabuf-io.c \
	%D%/test-drivers.c \
	%D%/test-entries.c \
	%D%/test-export.c \
	%D%/test-faults-calls.c \
	%D%/test-faults.c \
	%D%/test-fd-vault.c \
	%D%/test-fdstore.c \
	%D%/test-flushed.c \
	%D%/test-held.c \
	%D%/test-holder.c \
	%D%/test-htab.c \
	%D%/test-identities.c \
	%D%/test-init.c \
	%D%/test-keeper.c \
	%D%/test-ledger-crash.c \
	%D%/test-ledger-takeover.c \
	%D%/test-ledger.c \
	%D%/test-lease.c \
	%D%/test-limits.c \
	%D%/test-list.c \
	%D%/test-log.c \
	%D%/test-loop.c \
	%D%/test-pending.c \
	%D%/test-mountinfo.c \
	%D%/test-names.c \
	%D%/test-node.c \
	%D%/test-notifier.c \
	%D%/test-offload.c \
	%D%/test-options.c \
	%D%/test-owners.c \
	%D%/test-past.c \
	%D%/test-policy.c \
	%D%/test-helper.c \
	%D%/test-predecessor.c \
	%D%/test-privileges.c \
	%D%/test-take.c \
	%D%/test-probes.c \
	%D%/test-procfs.c \
	%D%/test-publish.c \
	%D%/test-ready.c \
	%D%/test-report.c \
	%D%/test-restore.c \
	%D%/test-slots.c \
	%D%/test-sorted.c \
	%D%/test-stall-guard.c \
	%D%/test-table-index.c \
	%D%/test-table-random.c \
	%D%/test-table.c \
	%D%/test-tickets.c \
	%D%/test-uniques.c \
	%D%/test-unread.c \
	%D%/test-welch.c \
	%D%/test-wire.c \
	%D%/test-worker.c
%C%_daemon_tests_CPPFLAGS = $(src_libdaemon_la_CPPFLAGS)
%C%_daemon_tests_CFLAGS = $(src_libdaemon_la_CFLAGS) $(CRITERION_CFLAGS)
# Functions that faults.c, fake-dmabuf.c and some of the tests replace.
%C%_daemon_tests_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray \
	-Wl,--wrap=aligned_alloc,--wrap=strdup,--wrap=asprintf,--wrap=vasprintf \
	-Wl,--wrap=realpath,--wrap=free \
	-Wl,--wrap=open64,--wrap=fcntl64,--wrap=statx,--wrap=fstat64,--wrap=fchmod \
	-Wl,--wrap=ftruncate64,--wrap=read,--wrap=readlinkat,--wrap=pthread_create \
	-Wl,--wrap=ioctl,--wrap=poll,--wrap=accept4 \
	-Wl,--wrap=fuse_lowlevel_notify_inval_inode \
	-Wl,--wrap=fuse_session_fd,--wrap=fuse_session_process_buf
%C%_daemon_tests_LDADD = $(test_support) src/libdaemon.la $(CRITERION_LIBS) -lm

# The library and the tool.
%C%_client_tests_SOURCES = $(criterion_sources) \
	%D%/fake-broker.c %D%/fake-broker.h \
	%D%/fake-device.c %D%/fake-device.h \
	%D%/test-cli.c \
	%D%/test-lib-accel.c \
	%D%/test-lib-broker.c \
	%D%/test-lib-control.c \
	%D%/test-lib-queue.c \
	%D%/test-lib-reconnect.c \
	%D%/test-lib-sizes.c \
	%D%/test-lib-strerror.c \
	%D%/test-lib-tickets.c \
	%D%/test-lib.c
%C%_client_tests_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/dmabuffs \
	-I$(top_srcdir)/tools
%C%_client_tests_CFLAGS = $(AM_CFLAGS) $(UUID_CFLAGS) $(CRITERION_CFLAGS)
# Functions that fake-device.c replaces.
%C%_client_tests_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ioctl,--wrap=openat64
# The private library comes first: functions of the shared one are not wrapped.
%C%_client_tests_LDADD = $(test_support) lib/dmabuffs/libdmabuffs-private.la tools/libcli.la \
	$(CRITERION_LIBS)
