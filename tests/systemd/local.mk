# SPDX-License-Identifier: MIT
# The unit under a systemd that run-systemd boots, as one of the suites in tests/local.mk.
EXTRA_DIST += %D%/boot %D%/cases %D%/helpers %D%/run-systemd
CLEANFILES += results/systemd.txt

systemd_programs = %D%/client %D%/probe
check_PROGRAMS += $(systemd_programs)
%C%_client_SOURCES = %D%/client.c tests/vm/client.c tests/vm/client.h
%C%_client_LDADD = $(test_support)
%C%_probe_SOURCES = %D%/probe.c
