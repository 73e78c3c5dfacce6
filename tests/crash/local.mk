# SPDX-License-Identifier: MIT
# The service built again with its crash points, see lib/common/crash_point.h.
crash_programs = %D%/dmabuffsd
check_PROGRAMS += $(crash_programs)
%C%_dmabuffsd_SOURCES = %D%/crash_point.c %D%/control.h \
	$(src_dmabuffsd_SOURCES) $(src_libdaemon_la_SOURCES) \
	$(lib_accel_libaccel_private_la_SOURCES) $(lib_common_libcommon_la_SOURCES)
%C%_dmabuffsd_CPPFLAGS = $(src_libdaemon_la_CPPFLAGS) -I$(top_srcdir)/lib/accel \
	-DCRASH_POINTS
%C%_dmabuffsd_CFLAGS = $(src_libdaemon_la_CFLAGS) $(ISAL_CFLAGS)
%C%_dmabuffsd_LDADD = $(FUSE_LIBS) $(UUID_LIBS) $(LIBCAP_LIBS) $(SECCOMP_LIBS) \
	$(SODIUM_LIBS) $(ISAL_LIBS)
