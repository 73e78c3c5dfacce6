# SPDX-License-Identifier: MIT
# Tests in a QEMU guest: real dma-bufs. Built by make check-vm only.
EXTRA_PROGRAMS += %D%/crash-dmabuf %D%/selftest %D%/test-accel %D%/test-accel-rules %D%/test-dmabuf

%C%_selftest_SOURCES = %D%/selftest.c %D%/producers.c %D%/producers.h %D%/tap.c %D%/tap.h
%C%_selftest_LDADD = $(test_support)

%C%_test_dmabuf_SOURCES = %D%/test-dmabuf.c %D%/buffer.c %D%/buffer.h %D%/client.c \
	%D%/client.h %D%/importer.c %D%/importer.h %D%/pattern.h %D%/producers.c \
	%D%/producers.h %D%/talk.c %D%/talk.h %D%/tap.c %D%/tap.h
%C%_test_dmabuf_LDADD = $(test_support)

accel_vm = %D%/buffer.c %D%/buffer.h %D%/client.c %D%/client.h %D%/job.c %D%/job.h \
	%D%/pattern.h %D%/producers.c %D%/producers.h %D%/tap.c %D%/tap.h
%C%_test_accel_SOURCES = %D%/test-accel.c $(accel_vm)
%C%_test_accel_LDADD = $(test_support) lib/dmabuffs/libdmabuffs.la
%C%_test_accel_rules_SOURCES = %D%/test-accel-rules.c $(accel_vm)
%C%_test_accel_rules_LDADD = $(test_support) lib/dmabuffs/libdmabuffs.la

%C%_crash_dmabuf_SOURCES = %D%/crash-dmabuf.c %D%/producers.c %D%/producers.h
%C%_crash_dmabuf_CPPFLAGS = $(tests_crash_libcrash_la_CPPFLAGS)
%C%_crash_dmabuf_LDADD = $(crash_libraries)

EXTRA_DIST += %D%/build-guest.sh %D%/fetch-kernel.sh %D%/init %D%/run-guest.sh \
	%D%/test-crash
CLEANFILES += %D%/crash-dmabuf$(EXEEXT) %D%/selftest$(EXEEXT) %D%/test-accel$(EXEEXT) \
	%D%/test-accel-rules$(EXEEXT) %D%/test-dmabuf$(EXEEXT)

# The kernel is fetched once into VM_DIR; several builds can share it. 6.1 is Debian 12's:
# without FUSE passthrough, FUSE_NOTIFY_RESEND, udmabuf and dma-buf heaps.
VM_KERNEL = 6.12
VM_DIR = $(abs_top_builddir)/vm
VM_TIMEOUT = 300
VM_EXECUTABLES = src/dmabuffsd$(EXEEXT) %D%/selftest$(EXEEXT) %D%/test-dmabuf$(EXEEXT) \
	%D%/test-accel$(EXEEXT) %D%/test-accel-rules$(EXEEXT) %D%/crash-dmabuf$(EXEEXT) \
	$(srcdir)/%D%/test-crash

# What check-vm fetches first, alone.
.PHONY: vm-kernel
vm-kernel:
	$(srcdir)/%D%/build-guest.sh $(VM_DIR) $(VM_KERNEL)

.PHONY: check-vm
check-vm: $(VM_EXECUTABLES)
	@mkdir -p results
	LD_LIBRARY_PATH=$(abs_top_builddir)/lib/dmabuffs/.libs:$$LD_LIBRARY_PATH \
		$(srcdir)/%D%/build-guest.sh $(VM_DIR) $(VM_KERNEL) $(VM_EXECUTABLES)
	$(srcdir)/%D%/run-guest.sh $(VM_DIR) $(VM_TIMEOUT) results/check-vm.txt
