# SPDX-License-Identifier: MIT
# The unit tests of libhipsoft and libhipipc, run by tests/unit/run-unit, and the suite
# that compares libhipipc with vendors' headers.
if HAVE_CRITERION
hipipc_programs = %D%/hipsoft-tests %D%/hipipc-tests %D%/test-provider-cuda \
	%D%/test-provider-hip %D%/test-providers
check_PROGRAMS += $(hipipc_programs)
endif

%C%_hipsoft_tests_SOURCES = $(criterion_sources) \
	%D%/event-page-fixture.c %D%/event-page-fixture.h \
	%D%/stream-fixture.c %D%/stream-fixture.h \
	%D%/hipsoft-fixture.c %D%/hipsoft-fixture.h %D%/hipsoft-gate.h \
	%D%/test-event-page-tampering.c \
	%D%/test-event-page.c \
	%D%/test-hipsoft-context.c \
	%D%/test-hipsoft-copy.c \
	%D%/test-hipsoft-device.c \
	%D%/test-hipsoft-error.c \
	%D%/test-hipsoft-event-processes.c \
	%D%/test-hipsoft-event-threads.c \
	%D%/test-hipsoft-event.c \
	%D%/test-hipsoft-fork.c \
	%D%/test-hipsoft-memory.c \
	%D%/test-hipsoft-share.c \
	%D%/test-hipsoft-stream-failure.c \
	%D%/test-hipsoft-stream.c \
	%D%/test-hipsoft-wait.c
%C%_hipsoft_tests_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/hipsoft
%C%_hipsoft_tests_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
%C%_hipsoft_tests_LDADD = $(test_support) lib/hipsoft/libhipsoft-private.la $(CRITERION_LIBS)

%C%_hipipc_tests_SOURCES = $(criterion_sources) \
	%D%/fake-service.c %D%/fake-service.h \
	%D%/test-handle.c \
	%D%/test-names.c \
	%D%/test-openings.c
%C%_hipipc_tests_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/hipipc
%C%_hipipc_tests_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
# Calls that are wrapped by fake-service.c.
%C%_hipipc_tests_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=dmabuffs_open,--wrap=dmabuffs_close,--wrap=dmabuffs_export \
	-Wl,--wrap=dmabuffs_withdraw,--wrap=dmabuffs_import,--wrap=dmabuffs_exchange \
	-Wl,--wrap=dmabuffs_root_fd,--wrap=dmabuffs_ended,--wrap=dmabuffs_limits \
	-Wl,--wrap=dmabuffs_check
%C%_hipipc_tests_LDADD = $(test_support) lib/hipipc/libhipipc-private.la $(CRITERION_LIBS)

# Fakes of vendors' runtimes. Each provider is tested in its own program, with one of them
# loaded.
EXTRA_DIST += %D%/build-fakes
FAKES = $(abs_builddir)/%D%/fakes
fake_sources = \
	%D%/fake-cuda.c %D%/fake-hip.c %D%/fake-hsa.c %D%/fake-pool.c %D%/fake-pool.h \
	%D%/fake-soft.c %D%/fake.h
EXTRA_DIST += $(fake_sources)
%D%/fakes/stamp: %D%/build-fakes $(fake_sources)
	$(AM_V_CCLD)$(srcdir)/%D%/build-fakes %D%/fakes $(CC) $(AM_CPPFLAGS) -std=gnu11 \
		-I$(top_srcdir)/lib/hipipc $(CFLAGS) $(SANITIZE)
check_DATA = %D%/fakes/stamp

provider_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/lib/hipipc
provider_fixture = %D%/vendor-fixture.c %D%/vendor-fixture.h
provider_libs = $(test_support) lib/hipipc/libhipipc-private.la $(CRITERION_LIBS)

%C%_test_provider_cuda_SOURCES = $(criterion_sources) %D%/test-provider-cuda.c $(provider_fixture)
%C%_test_provider_cuda_CPPFLAGS = $(provider_cppflags)
%C%_test_provider_cuda_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
%C%_test_provider_cuda_LDFLAGS = $(AM_LDFLAGS) -Wl,-rpath,$(FAKES)/libs \
	-Wl,--no-as-needed,$(FAKES)/libs/libcuda.so.1
%C%_test_provider_cuda_LDADD = $(provider_libs)
EXTRA_%C%_test_provider_cuda_DEPENDENCIES = %D%/fakes/stamp

%C%_test_provider_hip_SOURCES = $(criterion_sources) %D%/test-provider-hip.c $(provider_fixture)
%C%_test_provider_hip_CPPFLAGS = $(provider_cppflags)
%C%_test_provider_hip_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
%C%_test_provider_hip_LDFLAGS = $(AM_LDFLAGS) -Wl,-rpath,$(FAKES)/libs \
	-Wl,--no-as-needed,$(FAKES)/libs/libamdhip64.so.6
%C%_test_provider_hip_LDADD = $(provider_libs)
EXTRA_%C%_test_provider_hip_DEPENDENCIES = %D%/fakes/stamp

%C%_test_providers_SOURCES = $(criterion_sources) %D%/test-providers.c
%C%_test_providers_CPPFLAGS = $(provider_cppflags) -DFAKES='"$(FAKES)"'
%C%_test_providers_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
%C%_test_providers_LDADD = $(provider_libs)
EXTRA_%C%_test_providers_DEPENDENCIES = %D%/fakes/stamp

EXTRA_DIST += %D%/run-compat %D%/compat.h %D%/compat-ours.c %D%/compat-vendor.c \
	%D%/compat-values.c %D%/compat-user.c %D%/compat-cuda.c
CLEANFILES += results/compat.txt

# The same of libhipsoft and libaccel; run by tests/accel/run-race.
race_programs += %D%/hipsoft-race
%C%_hipsoft_race_SOURCES = %D%/hipsoft-race.c
%C%_hipsoft_race_CFLAGS = $(AM_CFLAGS) $(TSAN)
%C%_hipsoft_race_LDFLAGS = $(AM_LDFLAGS) $(TSAN)
if SANITIZED
%C%_hipsoft_race_LDADD = lib/hipsoft/libhipsoft-private.la
else
%C%_hipsoft_race_SOURCES += $(lib_hipsoft_libhipsoft_private_la_SOURCES)
%C%_hipsoft_race_LDADD = $(race_accel)
endif
