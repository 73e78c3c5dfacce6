# SPDX-License-Identifier: MIT
# The fuzzers need libFuzzer, which only clang has, so a separate rule compiles them and the
# code under test. run-fuzz builds and runs them, as one of the suites in tests/local.mk.
EXTRA_DIST += %D%/build-fuzzer %D%/run-fuzz %D%/fuzz-command.c %D%/fuzz-handle.c \
	%D%/fuzz-held.c %D%/fuzz-ioctl.c %D%/fuzz-ledger.c %D%/host.c %D%/host.h \
	%D%/reader.h %D%/shapes.c %D%/shapes.h
CLEANFILES += results/fuzz.txt %D%/fuzz-command %D%/fuzz-handle %D%/fuzz-ioctl \
	%D%/fuzz-held %D%/fuzz-ledger

FUZZ_CC = clang
FUZZ_FLAGS = $(AM_CPPFLAGS) -std=gnu11 -O1 -g -fno-omit-frame-pointer \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
fuzz_accel = $(FUZZ_CC) $(FUZZ_FLAGS) $(ISAL_CFLAGS)
fuzz_daemon = $(fuzz_accel) -I$(top_builddir) -DFUSE_USE_VERSION=317 $(FUSE_CFLAGS) $(UUID_CFLAGS) \
	$(LIBCAP_CFLAGS) $(SECCOMP_CFLAGS) $(SODIUM_CFLAGS)
fuzz_accel_libs = -pthread $(ISAL_LIBS)
fuzz_daemon_libs = $(fuzz_accel_libs) $(FUSE_LIBS) $(UUID_LIBS) $(LIBCAP_LIBS) \
	$(SECCOMP_LIBS) $(SODIUM_LIBS) -Wl,--wrap=fuse_req_userdata,--wrap=fuse_req_ctx \
	-Wl,--wrap=fuse_reply_err,--wrap=fuse_reply_ioctl,--wrap=fuse_reply_open \
	-Wl,--wrap=fuse_reply_buf,--wrap=fuse_reply_poll

fuzz_store_libs = -pthread $(UUID_LIBS) $(LIBCAP_LIBS)

.PHONY: fuzzers
fuzzers: %D%/fuzz-command %D%/fuzz-handle %D%/fuzz-held %D%/fuzz-ioctl %D%/fuzz-ledger

%D%/fuzz-command: %D%/build-fuzzer %D%/fuzz-command.c %D%/reader.h \
		$(lib_accel_libaccel_private_la_SOURCES) \
		$(lib_common_libcommon_la_SOURCES)
	$(AM_V_CCLD)$(srcdir)/%D%/build-fuzzer $@ '$(fuzz_accel)' '$(fuzz_accel_libs)' $^

# After the first one, whose objects they use.
%D%/fuzz-ioctl: %D%/fuzz-command %D%/build-fuzzer %D%/fuzz-ioctl.c %D%/reader.h \
		%D%/host.c %D%/host.h %D%/shapes.c %D%/shapes.h \
		$(lib_accel_libaccel_private_la_SOURCES) \
		$(lib_common_libcommon_la_SOURCES) $(src_libdaemon_la_SOURCES)
	$(AM_V_CCLD)$(srcdir)/%D%/build-fuzzer $@ '$(fuzz_daemon)' '$(fuzz_daemon_libs)' $^

fuzz_handle_sources = lib/hipipc/handle.c lib/hipipc/handle.h \
	lib/hipsoft/event_page.c lib/hipsoft/event_record.c \
	lib/hipsoft/event_page.h lib/hipsoft/event_page_private.h \
	$(lib_common_libcommon_la_SOURCES)

%D%/fuzz-handle: %D%/fuzz-command %D%/build-fuzzer %D%/fuzz-handle.c %D%/reader.h \
		$(fuzz_handle_sources)
	$(AM_V_CCLD)$(srcdir)/%D%/build-fuzzer $@ '$(fuzz_accel)' '$(fuzz_accel_libs)' $^

# After the one whose objects it shares, of which it needs a few: payers.c is about limits.
fuzz_ledger_sources = $(filter-out src/store/payers.%,$(src_store_sources)) \
	$(lib_common_libcommon_la_SOURCES) src/base/log.c src/base/log.h
%D%/fuzz-ledger: %D%/fuzz-ioctl %D%/build-fuzzer %D%/fuzz-ledger.c %D%/reader.h \
		$(fuzz_ledger_sources)
	$(AM_V_CCLD)$(srcdir)/%D%/build-fuzzer $@ '$(fuzz_daemon)' '$(fuzz_store_libs)' $^

%D%/fuzz-held: %D%/fuzz-ioctl %D%/build-fuzzer %D%/fuzz-held.c %D%/reader.h \
		src/base/log.c src/base/log.h src/process/held.c src/process/held.h
	$(AM_V_CCLD)$(srcdir)/%D%/build-fuzzer $@ '$(fuzz_daemon)' '-pthread' $^
