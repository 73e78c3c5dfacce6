# SPDX-License-Identifier: MIT
# make check runs all suites on this build and leaves results/check.txt; each suite is a
# line here, and its programs are in its own local.mk.
SUITES = \
	"symbols:60:$(srcdir)/scripts/check-symbols" \
	"unit:600:$(srcdir)/tests/unit/run-unit" \
	"race:120:$(srcdir)/tests/accel/run-race" \
	"integration:1200:$(srcdir)/tests/integration/run-suite" \
	$(SOURCE_SUITES) $(COMPAT_SUITE) $(FUZZ_SUITE)

# They look at sources, bring their own sanitizers, or use programs that have none.
if !SANITIZED
SOURCE_SUITES = \
	"format:60:$(srcdir)/scripts/check-format" \
	"layers:60:$(srcdir)/scripts/check-layers"
COMPAT_SUITE = "compat:300:$(srcdir)/tests/hipipc/run-compat"
FUZZ_SUITE = "fuzz:240:$(srcdir)/tests/fuzz/run-fuzz"
endif

EXTRA_DIST += %D%/fresh %D%/lsan.supp %D%/reachable %D%/run-suites %D%/sanitizers.sh

check-local:
	@$(srcdir)/%D%/run-suites check $(SUITES)

# The same suites on a build with sanitizers, configured as this one.
ASAN_FLAGS = --enable-sanitizers=address,undefined
ASAN_OPTIONS = detect_leaks=1:abort_on_error=0:exitcode=99
UBSAN_OPTIONS = print_stacktrace=1:halt_on_error=1

.PHONY: check-asan
check-asan:
	@mkdir -p asan results
	@test -f asan/Makefile || (cd asan && $(abs_srcdir)/configure -q $(ASAN_FLAGS) \
		CC='$(CC)' PKG_CONFIG_PATH='$(PKG_CONFIG_PATH)' CFLAGS='-O1 -g')
	@rm -f results/check-asan.txt
	@status=0; ASAN_OPTIONS=$(ASAN_OPTIONS) UBSAN_OPTIONS=$(UBSAN_OPTIONS) \
		$(MAKE) -C asan check || status=$$?; \
		cp asan/results/check.txt results/check-asan.txt; exit $$status

clean-local:
	-rm -rf results fuzz tests/hipipc/fakes

distclean-local:
	-rm -rf asan vm
