/* SPDX-License-Identifier: MIT */
/* test-hipipc-ported.c - a C++ program that was written for HIP (ported.cc) */
#include "child.h"
#include "harness.h"
#include "hipipc.h"
#include "raw.h"

/* Of ported.cc and ported-strict.cc: the line that failed, or 0. */
int ported_strict(void);
int ported_basics(void);
int ported_export(int peer);
int ported_import(int peer);

static void expect_no_line(int line)
{
	if (line)
		test_fail(__FILE__, __LINE__, "ported.cc:%d: %s", line,
			  hipipcLastReason());
}

static void basics(struct instance *instance)
{
	hip_begin(instance);
	expect_no_line(ported_strict());
	expect_no_line(ported_basics());
	expect_names(instance, 0);
}

static void export_it(int peer, void *data)
{
	hip_begin(data);
	expect_no_line(ported_export(peer));
}

static void import_it(int peer, void *data)
{
	hip_begin(data);
	expect_no_line(ported_import(peer));
}

static void two_processes(struct instance *instance)
{
	char handles[2 * 64], done;
	struct child exporter, importer;

	child_start(&exporter, NULL, export_it, instance);
	child_start(&importer, NULL, import_it, instance);
	peer_get(exporter.peer, handles, sizeof(handles));
	peer_put(importer.peer, handles, sizeof(handles));
	peer_get(importer.peer, &done, 1);
	peer_put(exporter.peer, &done, 1);
	child_wait(&importer);
	child_wait(&exporter);
	expect_names(instance, 0);
}

const struct test_case test_cases[] = {
	{"basics", basics},
	{"two_processes", two_processes},
	{"two_processes_without_passthrough", two_processes, "nopassthrough"},
	{0},
};
