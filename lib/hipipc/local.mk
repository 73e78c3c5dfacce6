# SPDX-License-Identifier: MIT
# libhipipc. Not linked with a vendor's runtime: it finds the one that the process loaded.
noinst_LTLIBRARIES += %D%/libhipipc-private.la
%C%_libhipipc_private_la_SOURCES = \
	%D%/codes.c %D%/codes.h \
	%D%/cuda.c \
	%D%/cuda_export.c %D%/cuda_export.h \
	%D%/cuda_import.c %D%/cuda_abi.h %D%/cuda_driver.h \
	%D%/export.c %D%/export.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/handle.c %D%/handle.h \
	%D%/hip.c \
	%D%/hip_export.c \
	%D%/hip_import.c %D%/hip_abi.h %D%/hip_runtime.h %D%/hsa_abi.h \
	%D%/imports.c %D%/imports.h \
	%D%/openings.c %D%/openings.h \
	%D%/ipc.c %D%/ipc.h \
	%D%/loader.c %D%/loader.h \
	%D%/names.c %D%/names.h \
	%D%/options.c %D%/options.h \
	%D%/provider_cuda.c \
	%D%/provider_hip.c \
	%D%/providers.c %D%/providers.h \
	%D%/reason.c %D%/reason.h \
	%D%/session.c %D%/session.h
%C%_libhipipc_private_la_LIBADD = lib/common/libcommon.la lib/dmabuffs/libdmabuffs.la

lib_LTLIBRARIES += %D%/libhipipc.la
%C%_libhipipc_la_SOURCES =
%C%_libhipipc_la_LIBADD = %D%/libhipipc-private.la
# Never unloaded: it has fork handlers and thread-local data.
%C%_libhipipc_la_LDFLAGS = $(LIB_LDFLAGS) -version-info $(LIBRARY_VERSION) -Wl,-z,nodelete \
	-Wl,--version-script=$(top_srcdir)/%D%/libhipipc.map
EXTRA_%C%_libhipipc_la_DEPENDENCIES = $(top_srcdir)/%D%/libhipipc.map \
	$(top_srcdir)/configure.ac

pkgconfig_DATA += %D%/libhipipc.pc
EXTRA_DIST += %D%/libhipipc.map
