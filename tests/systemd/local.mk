# SPDX-License-Identifier: MIT
# The unit under a systemd that run-systemd boots, as one of the suites in tests/local.mk.
EXTRA_DIST += %D%/boot %D%/cases %D%/run-systemd
CLEANFILES += results/systemd.txt

systemd_programs = %D%/probe
check_PROGRAMS += $(systemd_programs)
%C%_probe_SOURCES = %D%/probe.c
