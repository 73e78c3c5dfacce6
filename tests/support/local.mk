# SPDX-License-Identifier: MIT
# What test programs of several directories use. It depends on no test framework.
check_LTLIBRARIES += %D%/libsupport.la
%C%_libsupport_la_SOURCES = \
	%D%/fd-message.c %D%/fd-message.h \
	%D%/fds.c %D%/fds.h \
	%D%/make-memfd.c %D%/make-memfd.h \
	%D%/place.c %D%/place.h \
	%D%/process.c %D%/process.h \
	%D%/report.c %D%/report.h \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/server.c %D%/server.h \
	%D%/wait.c %D%/wait.h
test_support = tests/support/libsupport.la

# Of each program with Criterion: what none would take from an archive.
criterion_sources = tests/support/quiet-fork.c tests/support/runner-leaks.c
