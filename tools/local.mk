# SPDX-License-Identifier: MIT
bin_PROGRAMS += %D%/dmabuffs
%C%_dmabuffs_SOURCES = %D%/main.c
%C%_dmabuffs_LDADD = %D%/libcli.la

# All but main(), for the unit tests too.
noinst_LTLIBRARIES += %D%/libcli.la
%C%_libcli_la_SOURCES = \
	%D%/cli.c %D%/cli.h \
	%D%/commands.c \
	%D%/devices.c \
	%D%/events.c %D%/events.h \
	%D%/export.c \
	%D%/import.c \
	%D%/limit.c %D%/limit.h \
	%D%/load.c %D%/load.h \
	%D%/ls.c \
	%D%/mount.c \
	%D%/progress.c %D%/progress.h \
	%D%/report.c %D%/report.h \
	%D%/revoke.c \
	%D%/rm.c \
	%D%/row_json.c \
	%D%/row.c %D%/row.h \
	%D%/stat.c \
	%D%/stats.c %D%/stats.h \
	%D%/table.c %D%/table.h \
	%D%/text.c %D%/text.h \
	%D%/upgrade.c \
	%D%/watch.c
%C%_libcli_la_CPPFLAGS = $(AM_CPPFLAGS) -DSBINDIR='"$(sbindir)"'
%C%_libcli_la_LIBADD = lib/dmabuffs/libdmabuffs.la lib/common/libcommon.la

bashcompletiondir = @bashcompletiondir@
dist_bashcompletion_DATA = contrib/completion/dmabuffs
