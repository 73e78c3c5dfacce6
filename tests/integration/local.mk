# SPDX-License-Identifier: MIT
# Integration tests: each program is a table of cases on real private mounts (harness.h).
# One entry of TESTS, run-suite, runs them all, as root.
TESTS += %D%/run-suite
EXTRA_DIST += %D%/run-suite
CLEANFILES += results/integration.txt

check_LTLIBRARIES += %D%/libharness.la
%C%_libharness_la_SOURCES = \
	%D%/broker.c \
	%D%/cage.c \
	%D%/child.c %D%/child.h \
	%D%/fds.c \
	%D%/fuse-server.c %D%/fuse-server.h \
	%D%/harness.c %D%/harness.h \
	%D%/instance.c %D%/instance.h \
	%D%/namespaces.c %D%/namespaces.h \
	%D%/raw.c %D%/raw.h

