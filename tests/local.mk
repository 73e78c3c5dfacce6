# SPDX-License-Identifier: MIT
# make check runs all suites on this build and writes results/check.txt. Each suite is a line
# here, NAME:SECONDS:COMMAND, and the programs that it needs are in the local.mk of its
# directory. COMMAND writes results/NAME.txt; only a hang reaches SECONDS.
SUITES = \
	"symbols:60:$(srcdir)/scripts/check-symbols" \
	"unit:1800:$(srcdir)/tests/unit/run-unit unit" \
	"accel:1800:$(srcdir)/tests/unit/run-unit accel" \
	"hipipc:1800:$(srcdir)/tests/unit/run-unit hipipc" \
	"race:300:$(srcdir)/tests/accel/run-race" \
	"integration:7200:$(srcdir)/tests/integration/run-suite" \
	$(CRASH_SUITE) \
	$(SOURCE_SUITES) $(INSTALL_SUITE) $(SYSTEMD_SUITE) $(COMPAT_SUITE) $(FUZZ_SUITE)

# These check sources, use their own sanitizers, or run programs without sanitizers.
if !SANITIZED
SOURCE_SUITES = \
	"format:300:$(srcdir)/scripts/check-format" \
	"layers:300:$(srcdir)/scripts/check-layers"
INSTALL_SUITE = "install:300:$(srcdir)/tests/install/run-install"
SYSTEMD_SUITE = "systemd:360:$(srcdir)/tests/systemd/run-systemd $(prefix)"
COMPAT_SUITE = "compat:600:$(srcdir)/tests/hipipc/run-compat"
FUZZ_SUITE = "fuzz:1200:$(srcdir)/tests/fuzz/run-fuzz"
# The bounded part of check-crash, which is in tests/crash/local.mk.
CRASH_SUITE = "crash:1200:$(srcdir)/tests/crash/run-crash $(crash_bounded)"
endif

# make check-NAME builds the programs of one suite, runs it, and writes results/check-NAME.txt.
# TESTS selects some of its tests:
#   check-unit, check-accel, check-hipipc   TESTS='--filter table/*', as Criterion takes it
#   check-integration                       TESTS='test-mount test-export:modes', all cases
#                                           of a program or one
#   check-race                              TESTS=5, in seconds
#   check-fuzz                              TESTS=fuzz-handle
#   check-systemd                           TESTS='stops restarts'
# A new suite needs a line in SUITES, its name in CHECKS, and its programs below.
CHECKS = symbols unit accel hipipc race integration format layers install systemd compat fuzz
.PHONY: $(CHECKS:%=check-%)
$(CHECKS:%=check-%):
	@TESTS='$(TESTS)' $(srcdir)/%D%/run-suites -o $(@:check-%=%) $@ $(SUITES)

check-symbols: all
check-unit: $(unit_programs)
check-accel: $(accel_programs)
check-hipipc: $(hipipc_programs)
check-race: $(race_programs)
check-integration: all $(integration_programs)
check-compat: all
check-install: all
check-systemd: all $(systemd_programs)

# All attacks at once beside two innocent users, for longer than make check does it; see
# tests/integration/test-bundle.c for the variables.
.PHONY: check-bundle
check-bundle: all tests/integration/test-bundle
	@BUNDLE_SECONDS="$${BUNDLE_SECONDS:-$(BUNDLE_SECONDS)}" TESTS=test-bundle \
		$(srcdir)/%D%/run-suites -o integration $@ $(SUITES)
BUNDLE_SECONDS = 300

EXTRA_DIST += %D%/install/run-install %D%/fresh %D%/lsan.supp %D%/repeat %D%/reachable %D%/run-suites %D%/sanitizers.sh

check-local:
	@$(srcdir)/%D%/run-suites check $(SUITES)

# The same suites on a build with sanitizers, configured as this one. Reports need names and
# lines of functions only, which -g1 has; the whole of -g takes a quarter longer to compile.
ASAN_FLAGS = --enable-sanitizers=address,undefined
ASAN_OPTIONS = detect_leaks=1:abort_on_error=0:exitcode=99
UBSAN_OPTIONS = print_stacktrace=1:halt_on_error=1

.PHONY: check-asan
check-asan:
	@mkdir -p asan results
	@test -f asan/Makefile || (cd asan && $(abs_srcdir)/configure -q $(ASAN_FLAGS) \
		CC='$(CC)' PKG_CONFIG_PATH='$(PKG_CONFIG_PATH)' CFLAGS='-O1 -g1')
	@rm -f results/check-asan.txt
	@status=0; ASAN_OPTIONS=$(ASAN_OPTIONS) UBSAN_OPTIONS=$(UBSAN_OPTIONS) \
		$(MAKE) -C asan check || status=$$?; \
		cp asan/results/check.txt results/check-asan.txt; exit $$status

clean-local:
	-rm -rf results fuzz tests/hipipc/fakes

distclean-local:
	-rm -rf asan vm
