# SPDX-License-Identifier: MIT
# Whether the time of a look-up tells which names exist. The whole of it takes long and is in
# no suite; tests/integration/test-timing.sh runs a little of it, and test-welch.c and the like
# in tests/unit/ test its parts.
check_PROGRAMS += %D%/timing
timing_statistics = \
	%D%/contrast.c %D%/contrast.h \
	%D%/crops.c %D%/crops.h \
	%D%/probes.c %D%/probes.h \
	%D%/welch.c %D%/welch.h

%C%_timing_SOURCES = $(timing_statistics) \
	%D%/layer.h \
	%D%/layer-control.c \
	%D%/layer-mount.c \
	%D%/layer-table.c \
	%D%/pair.c %D%/pair.h \
	%D%/ticks.h \
	%D%/timing.c
%C%_timing_CPPFLAGS = $(src_libdaemon_la_CPPFLAGS)
%C%_timing_CFLAGS = $(src_libdaemon_la_CFLAGS)
%C%_timing_LDADD = $(test_support) src/libdaemon.la -lm

# As root. TIMINGFLAGS may hold --samples=100000 --layer=stat --names=1000 --bits=64,120.
.PHONY: check-timing
check-timing:
	@$(MAKE) $(AM_MAKEFLAGS) src/dmabuffsd$(EXEEXT) %D%/timing$(EXEEXT) >&2
	@DMABUFFSD=$(abs_builddir)/src/dmabuffsd$(EXEEXT) %D%/timing$(EXEEXT) $(TIMINGFLAGS)

check-integration: %D%/timing
