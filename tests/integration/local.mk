# SPDX-License-Identifier: MIT
# Integration tests: each program is a table of cases on private mounts (harness.h).
# The script run-suite runs them all, as root; see SUITES in tests/local.mk.
EXTRA_DIST += %D%/run-suite %D%/test-cli.sh %D%/test-timing.sh
CLEANFILES += results/integration.txt

check_LTLIBRARIES += %D%/libharness.la
%C%_libharness_la_SOURCES = \
	%D%/acl.c %D%/acl.h \
	%D%/books.c %D%/books.h \
	%D%/broker.c \
	%D%/cage.c \
	%D%/child.c %D%/child.h \
	%D%/fds.c \
	%D%/fuse-server.c %D%/fuse-server.h \
	%D%/harness.c %D%/harness.h \
	%D%/hostile.c %D%/hostile.h \
	%D%/latency.c %D%/latency.h \
	%D%/inject.c %D%/inject.h \
	%D%/instance.c %D%/instance.h \
	%D%/namespaces.c %D%/namespaces.h \
	%D%/neighbour.c %D%/neighbour.h \
	%D%/passed.c %D%/passed.h \
	%D%/raw-accel.c %D%/raw-accel.h %D%/raw-ring.c \
	%D%/raw.c %D%/raw.h \
	%D%/refusals.c %D%/refusals.h \
	%D%/successor.c %D%/successor.h
%C%_libharness_la_LIBADD = $(test_support)

# Attacks, which the case of one and the case of all at once share.
check_LTLIBRARIES += %D%/libattacks.la
%C%_libattacks_la_SOURCES = \
	%D%/attacks/attacks.h \
	%D%/attacks/broker.c \
	%D%/attacks/directory.c \
	%D%/attacks/engines.c \
	%D%/attacks/files.c \
	%D%/attacks/locks.c \
	%D%/attacks/loops.c \
	%D%/attacks/memory.c \
	%D%/attacks/names.c \
	%D%/attacks/queues.c
%C%_libattacks_la_LIBADD = %D%/libharness.la

# Shared by the accelerator cases; needs libdmabuffs.
check_LTLIBRARIES += %D%/libaccel-harness.la
%C%_libaccel_harness_la_SOURCES = \
	%D%/accel.c %D%/accel.h \
	%D%/syscalls.c %D%/syscalls.h
%C%_libaccel_harness_la_LIBADD = %D%/libharness.la
accel_harness = %D%/libaccel-harness.la lib/dmabuffs/libdmabuffs.la

# Shared by the IPC-handle cases, which link both libraries as programs do.
check_LTLIBRARIES += %D%/libhipipc-harness.la
%C%_libhipipc_harness_la_SOURCES = \
	%D%/hipipc.c %D%/hipipc-exporter.c %D%/hipipc.h \
	%D%/stops.c %D%/stops.h \
	%D%/witness.c %D%/witness.h
%C%_libhipipc_harness_la_LIBADD = %D%/libharness.la
hipipc_harness = %D%/libhipipc-harness.la lib/hipipc/libhipipc.la \
	lib/hipsoft/libhipsoft.la lib/dmabuffs/libdmabuffs.la

integration_programs = \
	%D%/test-accel-asid \
	%D%/test-accel-bad-fds \
	%D%/test-accel-bad-ring \
	%D%/test-accel-buffers \
	%D%/test-accel-close \
	%D%/test-accel-context \
	%D%/test-accel-faults \
	%D%/test-accel-fork \
	%D%/test-accel-frees \
	%D%/test-accel-joint \
	%D%/test-accel-limits \
	%D%/test-accel-ownership \
	%D%/test-accel-queue \
	%D%/test-accel-rootless \
	%D%/test-accel-set \
	%D%/test-accel-share \
	%D%/test-accel-stall \
	%D%/test-accel-structs \
	%D%/test-accel-sva \
	%D%/test-accel-syscalls \
	%D%/test-accel-tickets \
	%D%/test-another \
	%D%/test-attributes \
	%D%/test-broker \
	%D%/test-bundle \
	%D%/test-cached \
	%D%/test-connections \
	%D%/test-control \
	%D%/test-directory \
	%D%/test-doors \
	%D%/test-drivers-refused \
	%D%/test-drivers \
	%D%/test-end \
	%D%/test-ended \
	%D%/test-entries \
	%D%/test-exchange \
	%D%/test-export-again \
	%D%/test-export-kinds \
	%D%/test-export \
	%D%/test-hipipc-alone \
	%D%/test-hipipc-available \
	%D%/test-hipipc-crowd \
	%D%/test-hipipc-events \
	%D%/test-hipipc-fork \
	%D%/test-hipipc-free \
	%D%/test-hipipc-gone \
	%D%/test-hipipc-handle \
	%D%/test-hipipc-hostile \
	%D%/test-hipipc-killed \
	%D%/test-hipipc-many \
	%D%/test-hipipc-memory \
	%D%/test-hipipc-names \
	%D%/test-hipipc-namespaces \
	%D%/test-hipipc-open \
	%D%/test-hipipc-pair \
	%D%/test-hipipc-permissions \
	%D%/test-hipipc-ported \
	%D%/test-hipipc-recorders \
	%D%/test-hipipc-runtime \
	%D%/test-hipipc-scribbled \
	%D%/test-hipipc-shared \
	%D%/test-hipipc-stress \
	%D%/test-hipipc-vendor \
	%D%/test-hostile-clients \
	%D%/test-hostile-files \
	%D%/test-hostile-helper \
	%D%/test-hostile-locks \
	%D%/test-hostile-memory \
	%D%/test-idmap \
	%D%/test-import \
	%D%/test-killed \
	%D%/test-library \
	%D%/test-lifetime \
	%D%/test-limits \
	%D%/test-mount \
	%D%/test-names \
	%D%/test-namespaces \
	%D%/test-nopassthrough \
	%D%/test-own-limits \
	%D%/test-permissions \
	%D%/test-person \
	%D%/test-privilege \
	%D%/test-refused \
	%D%/test-revoke \
	%D%/test-rights \
	%D%/test-seals \
	%D%/test-service-killed \
	%D%/test-start \
	%D%/test-start-failures \
	%D%/test-start-inherited \
	%D%/test-start-places \
	%D%/test-stress \
	%D%/test-takeover \
	%D%/test-takeover-continued \
	%D%/test-takeover-damaged \
	%D%/test-takeover-refused \
	%D%/test-takeover-stored \
	%D%/test-structs \
	%D%/test-withdraw-races \
	%D%/test-withdraw \
	%D%/test-xattrs
check_PROGRAMS += $(integration_programs)

%C%_test_accel_asid_LDADD = $(accel_harness)
%C%_test_accel_bad_fds_LDADD = %D%/libharness.la
%C%_test_accel_bad_ring_LDADD = %D%/libharness.la
%C%_test_accel_buffers_LDADD = $(accel_harness)
%C%_test_accel_close_LDADD = $(accel_harness)
%C%_test_accel_context_LDADD = $(accel_harness)
%C%_test_accel_faults_LDADD = $(accel_harness)
%C%_test_accel_fork_LDADD = $(accel_harness)
%C%_test_accel_frees_LDADD = %D%/libattacks.la
%C%_test_accel_joint_LDADD = $(accel_harness)
%C%_test_accel_joint_CPPFLAGS = $(AM_CPPFLAGS) \
	-DJOINT='"$(abs_top_builddir)/contrib/examples/joint"'
%C%_test_accel_limits_LDADD = $(accel_harness)
%C%_test_accel_ownership_LDADD = $(accel_harness)
%C%_test_accel_queue_LDADD = $(accel_harness)
%C%_test_accel_rootless_LDADD = $(accel_harness)
%C%_test_accel_set_LDADD = $(accel_harness)
%C%_test_accel_share_LDADD = $(accel_harness)
%C%_test_accel_stall_LDADD = %D%/libattacks.la
%C%_test_accel_structs_SOURCES = %D%/test-accel-structs.c \
	%D%/accel-structs.c %D%/accel-structs.h
%C%_test_accel_structs_LDADD = %D%/libharness.la
%C%_test_accel_sva_LDADD = $(accel_harness)
%C%_test_accel_syscalls_LDADD = $(accel_harness)
%C%_test_accel_tickets_LDADD = %D%/libharness.la
%C%_test_another_LDADD = %D%/libharness.la
%C%_test_attributes_LDADD = %D%/libharness.la
%C%_test_broker_LDADD = %D%/libharness.la
%C%_test_bundle_SOURCES = %D%/test-bundle.c \
	%D%/durations.c %D%/durations.h \
	%D%/pair.c %D%/pair.h \
	%D%/siege.c %D%/siege.h
%C%_test_bundle_LDADD = %D%/libattacks.la $(accel_harness)
%C%_test_cached_LDADD = %D%/libharness.la
%C%_test_connections_LDADD = %D%/libharness.la
%C%_test_control_LDADD = %D%/libharness.la
%C%_test_directory_LDADD = %D%/libharness.la
%C%_test_doors_LDADD = %D%/libattacks.la
%C%_test_drivers_refused_LDADD = %D%/libharness.la
%C%_test_drivers_LDADD = %D%/libharness.la
%C%_test_end_LDADD = %D%/libharness.la
%C%_test_ended_LDADD = %D%/libharness.la
%C%_test_entries_LDADD = %D%/libharness.la
%C%_test_exchange_LDADD = %D%/libharness.la
%C%_test_export_again_LDADD = %D%/libharness.la
%C%_test_export_kinds_LDADD = %D%/libharness.la
%C%_test_export_LDADD = %D%/libharness.la
%C%_test_hipipc_alone_LDADD = %D%/libharness.la lib/hipipc/libhipipc.la
%C%_test_hipipc_available_LDADD = $(hipipc_harness)
%C%_test_hipipc_crowd_LDADD = $(hipipc_harness)
%C%_test_hipipc_events_LDADD = $(hipipc_harness)
%C%_test_hipipc_fork_LDADD = $(hipipc_harness)
%C%_test_hipipc_free_LDADD = $(hipipc_harness)
%C%_test_hipipc_gone_LDADD = $(hipipc_harness)
%C%_test_hipipc_handle_LDADD = $(hipipc_harness)
%C%_test_hipipc_hostile_LDADD = $(hipipc_harness)
%C%_test_hipipc_killed_LDADD = $(hipipc_harness)
%C%_test_hipipc_many_LDADD = $(hipipc_harness)
%C%_test_hipipc_memory_LDADD = $(hipipc_harness)
%C%_test_hipipc_names_LDADD = $(hipipc_harness)
%C%_test_hipipc_namespaces_LDADD = $(hipipc_harness)
%C%_test_hipipc_open_LDADD = $(hipipc_harness)
%C%_test_hipipc_pair_LDADD = %D%/libharness.la
%C%_test_hipipc_pair_CPPFLAGS = $(AM_CPPFLAGS) \
	-DIPC_PARENT='"$(abs_top_builddir)/contrib/examples/ipc_parent"'
%C%_test_hipipc_permissions_LDADD = $(hipipc_harness)
%C%_test_hipipc_ported_LDADD = $(ported_objects) $(hipipc_harness)
EXTRA_%C%_test_hipipc_ported_DEPENDENCIES = $(ported_objects)
EXTRA_DIST += %D%/ported.cc %D%/ported-strict.cc
CLEANFILES += $(ported_objects)
ported_objects = %D%/ported.o %D%/ported-strict.o
# C++ with C's driver: it needs no C++ runtime library.
compile_ported = $(CC) -x c++ -fno-exceptions -fno-rtti -Wall -Wextra -Werror \
	-pthread $(CFLAGS) $(SANITIZE_CXX) -I$(top_srcdir)/include/hipsoft -I$(top_srcdir)/include
$(ported_objects): include/hipsoft.h include/hipsoft-types.h include/hipipc.h
%D%/ported.o: %D%/ported.cc
	$(AM_V_CC)$(compile_ported) -std=c++17 -c -o $@ $(srcdir)/%D%/ported.cc
%D%/ported-strict.o: %D%/ported-strict.cc
	$(AM_V_CC)$(compile_ported) -std=c++11 -pedantic -Wold-style-cast -Wshadow \
		-c -o $@ $(srcdir)/%D%/ported-strict.cc
%C%_test_hipipc_recorders_LDADD = $(hipipc_harness)
%C%_test_hipipc_runtime_LDADD = $(hipipc_harness)
%C%_test_hipipc_scribbled_LDADD = $(hipipc_harness)
%C%_test_hipipc_shared_LDADD = $(hipipc_harness)
%C%_test_hipipc_stress_LDADD = $(hipipc_harness)
%C%_test_hipipc_vendor_LDADD = %D%/libharness.la lib/hipipc/libhipipc.la
%C%_test_hipipc_vendor_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/hipipc \
	-DFAKES='"$(FAKES)/libs"'
EXTRA_%C%_test_hipipc_vendor_DEPENDENCIES = tests/hipipc/fakes/stamp
%C%_test_hostile_clients_LDADD = %D%/libattacks.la
%C%_test_hostile_files_LDADD = %D%/libattacks.la
%C%_test_hostile_helper_LDADD = %D%/libharness.la
%C%_test_hostile_locks_LDADD = %D%/libattacks.la
%C%_test_hostile_memory_LDADD = %D%/libattacks.la
%C%_test_idmap_LDADD = $(accel_harness)
%C%_test_import_LDADD = %D%/libharness.la
%C%_test_killed_LDADD = %D%/libattacks.la
%C%_test_library_LDADD = %D%/libattacks.la lib/dmabuffs/libdmabuffs.la
%C%_test_lifetime_LDADD = %D%/libharness.la
%C%_test_limits_LDADD = %D%/libharness.la
%C%_test_mount_LDADD = %D%/libharness.la
%C%_test_names_LDADD = %D%/libharness.la
%C%_test_namespaces_LDADD = %D%/libharness.la
%C%_test_nopassthrough_LDADD = %D%/libharness.la
%C%_test_own_limits_LDADD = %D%/libharness.la
%C%_test_person_LDADD = %D%/libharness.la
%C%_test_permissions_LDADD = %D%/libharness.la
%C%_test_privilege_LDADD = %D%/libharness.la
%C%_test_refused_LDADD = %D%/libharness.la lib/dmabuffs/libdmabuffs.la
%C%_test_revoke_LDADD = %D%/libharness.la
%C%_test_rights_LDADD = %D%/libaccel-harness.la
%C%_test_seals_LDADD = %D%/libharness.la
%C%_test_service_killed_LDADD = %D%/libattacks.la
%C%_test_start_LDADD = %D%/libharness.la
%C%_test_start_failures_LDADD = %D%/libharness.la $(LIBCAP_LIBS)
%C%_test_start_failures_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCAP_CFLAGS) \
	-DUNIT='"$(abs_top_builddir)/contrib/dmabuffs.service"'
%C%_test_start_inherited_LDADD = %D%/libharness.la
%C%_test_start_places_LDADD = %D%/libharness.la
%C%_test_stress_LDADD = %D%/libharness.la
%C%_test_takeover_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src
%C%_test_takeover_LDADD = %D%/libattacks.la
# They read and write what is kept.
%C%_test_takeover_continued_LDADD = %D%/libharness.la
%C%_test_takeover_damaged_LDADD = %D%/libharness.la
%C%_test_takeover_damaged_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src
%C%_test_takeover_stored_LDADD = %D%/libharness.la
%C%_test_takeover_stored_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src
%C%_test_takeover_refused_LDADD = %D%/libharness.la
%C%_test_takeover_refused_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src
%C%_test_structs_LDADD = %D%/libharness.la
%C%_test_withdraw_races_LDADD = %D%/libharness.la
%C%_test_withdraw_LDADD = %D%/libharness.la
%C%_test_xattrs_LDADD = %D%/libharness.la
