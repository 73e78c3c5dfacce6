/* SPDX-License-Identifier: MIT */
/* test-cli.c - the parts of the command line tool that need no mount */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "events.h"
#include "progress.h"
#include "stats.h"
#include "text.h"

#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"

/* ---- text -------------------------------------------------------------------------- */

static void expect_escaped(const char *in, size_t size, const char *wanted)
{
	char out[64];

	memset(out, '#', sizeof(out));
	text_escape(in, out, size);
	cr_assert(eq(str, out, (char *)wanted));
}

Test(text, escape)
{
	expect_escaped("plain text ~", 64, "plain text ~");
	expect_escaped("\033[31m\a\r\n\t", 64, "\\x1b[31m\\x07\\x0d\\x0a\\x09");
	expect_escaped("\x7f\x80\x9b\xff", 64, "\\x7f\\x80\\x9b\\xff");
	expect_escaped("a\\x41", 64, "a\\\\x41");
	expect_escaped("", 64, "");
}

Test(text, escape_cuts_between_characters)
{
	expect_escaped("abcdef", 4, "abc");
	expect_escaped("a\033b", 5, "a");
	expect_escaped("a\033b", 6, "a\\x1b");
	expect_escaped("abc", 1, "");
}

static void expect_json(const char *in, const char *wanted)
{
	char *text = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);

	text_json(stream, in);
	fclose(stream);
	cr_assert(eq(str, text, (char *)wanted));
	free(text);
}

Test(text, json)
{
	expect_json("", "\"\"");
	expect_json("plain / text", "\"plain / text\"");
	expect_json("\"\\", "\"\\\"\\\\\"");
	expect_json("\b\f\n\r\t\033\x7f",
		    "\"\\u0008\\u000c\\u000a\\u000d\\u0009\\u001b\\u007f\"");
	expect_json("\xc3\xa9\xe2\x82\xac", "\"\\u00e9\\u20ac\"");
	expect_json("\xf0\x9f\x98\x80", "\"\\ud83d\\ude00\"");
}

Test(text, json_replaces_what_is_no_utf8)
{
	expect_json("\x80", "\"\\ufffd\"");
	expect_json("\xc3", "\"\\ufffd\"");
	expect_json("\xc3(", "\"\\ufffd(\"");
	expect_json("\xe2\x82", "\"\\ufffd\\ufffd\"");
	expect_json("\xc0\x80", "\"\\ufffd\\ufffd\"");            /* overlong */
	expect_json("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""); /* surrogate */
	expect_json("\xf4\x90\x80\x80",
		    "\"\\ufffd\\ufffd\\ufffd\\ufffd\""); /* too large */
	expect_json("\xff", "\"\\ufffd\"");
}

static void expect_bytes(uint64_t bytes, const char *wanted)
{
	char out[TEXT_BYTES_SIZE];

	text_bytes(bytes, out);
	cr_assert(eq(str, out, (char *)wanted));
}

Test(text, bytes)
{
	expect_bytes(0, "0 B");
	expect_bytes(1023, "1023 B");
	expect_bytes(1024, "1.0 KiB");
	expect_bytes(1536, "1.5 KiB");
	expect_bytes((1 << 20) - 1, "1.0 MiB");
	expect_bytes(64 << 20, "64.0 MiB");
	expect_bytes(UINT64_C(1) << 40, "1.0 TiB");
	expect_bytes(UINT64_MAX, "16.0 EiB");
}

Test(text, mode)
{
	uint32_t mode = 7;

	cr_assert(zero(int, text_parse_mode("0640", &mode)));
	cr_assert(eq(u32, mode, 0640));
	cr_assert(zero(int, text_parse_mode("0", &mode)));
	cr_assert(eq(u32, mode, 0));
	for (const char *const *wrong =
		     (const char *const[]){"", "1000", "8", "-1", "0x1ff", "644 ", "u+r",
					   "+644", "777777777777777777", NULL};
	     *wrong; wrong++)
		cr_assert(eq(int, text_parse_mode(*wrong, &mode), -EINVAL), "%s", *wrong);
	cr_assert(eq(u32, mode, 0));
}

Test(text, seconds)
{
	uint32_t ms = 7;

	cr_assert(zero(int, text_parse_seconds("0.5", 100, 5000, &ms)));
	cr_assert(eq(u32, ms, 500));
	cr_assert(zero(int, text_parse_seconds("5", 100, 5000, &ms)));
	cr_assert(eq(u32, ms, 5000));
	for (const char *const *wrong =
		     (const char *const[]){"", ".", "0", "6", "-1", "1e3", "inf", "nan",
					   " 1", "1s", "1.2.3", NULL};
	     *wrong; wrong++)
		cr_assert(eq(int, text_parse_seconds(*wrong, 100, 5000, &ms), -EINVAL),
			  "%s", *wrong);
	cr_assert(eq(u32, ms, 5000));
}

/* ---- progress ---------------------------------------------------------------------- */

static void expect_line(unsigned int columns, uint64_t done, uint64_t total, uint64_t ms,
			const char *wanted)
{
	char out[200];

	progress_format(out, sizeof(out), columns, done, total, ms);
	cr_assert(eq(str, out, (char *)wanted));
	cr_assert(le(sz, strlen(out), columns));
}

Test(progress, line)
{
	const uint64_t mib = 1 << 20;

	expect_line(80, 50 * mib, 100 * mib, 1000,
		    "[###############................]  50 %  "
		    "50.0 MiB of 100.0 MiB  50.0 MiB/s  0:01");
	expect_line(50, 50 * mib, 100 * mib, 1000,
		    " 50 %  50.0 MiB of 100.0 MiB  50.0 MiB/s  0:01");
	expect_line(20, 50 * mib, 100 * mib, 1000, " 50 %  50.0 MiB of 1");
	expect_line(80, 30 * mib, 0, 2000, "30.0 MiB  15.0 MiB/s");
}

Test(progress, no_division_by_zero_and_never_above_all)
{
	expect_line(60, 0, 1024, 0,
		    "[.......................]   0 %  0 B of 1.0 KiB  0 B/s  0:00");
	expect_line(200, 4096, 1024, 1000,
		    "[########################################] 100 %  "
		    "1.0 KiB of 1.0 KiB  4.0 KiB/s  0:00");
}

/* ---- events ------------------------------------------------------------------------ */

static void note_gone(const dmabuffs_uuid *uuid, void *data)
{
	*(char *)strchr(data, '\0') = '-';
	*(char *)strchr(data, '\0') = (char)('a' + uuid->bytes[0]);
}

static void note_came(const dmabuffs_uuid *uuid, void *data)
{
	*(char *)strchr(data, '\0') = '+';
	*(char *)strchr(data, '\0') = (char)('a' + uuid->bytes[0]);
}

static void expect_events(dmabuffs_uuid *before, size_t n_before, dmabuffs_uuid *after,
			  size_t n_after, const char *wanted)
{
	struct events old = {before, n_before, 0}, now = {after, n_after, 0};
	char log[64] = "";

	events_compare(&old, &now, note_gone, note_came, log);
	cr_assert(eq(str, log, (char *)wanted));
}

Test(events, compare)
{
	dmabuffs_uuid abc[] = {{{0}}, {{1}}, {{2}}}, bde[] = {{{1}}, {{3}}, {{4}}};

	expect_events(abc, 3, bde, 3, "-a-c+d+e");
	expect_events(abc, 0, abc, 3, "+a+b+c");
	expect_events(abc, 3, abc, 0, "-a-b-c");
	expect_events(abc, 3, abc, 3, "");
	expect_events(NULL, 0, NULL, 0, "");
}

/* ---- arguments --------------------------------------------------------------------- */

/* Runs the tool on a line, split at single spaces; returns the exit code. */
static int run(const char *line)
{
	char copy[300], *words[20] = {NULL}, *next = copy;
	int count = 0;

	snprintf(copy, sizeof(copy), "dmabuffs %s", line);
	while (next && *next)
		words[count++] = strsep(&next, " ");
	return cli_main(count, words);
}

static void redirect(void)
{
	cr_redirect_stdout();
	cr_redirect_stderr();
}

Test(arguments, help_and_version, .init = redirect)
{
	cr_assert(eq(int, run("--help"), CODE_OK));
	cr_assert(eq(int, run("-h"), CODE_OK));
	cr_assert(eq(int, run("--version"), CODE_OK));
	for (const struct command *command = commands; command->name; command++) {
		char line[40];

		snprintf(line, sizeof(line), "%s --help", command->name);
		cr_assert(eq(int, run(line), CODE_OK), "%s", line);
	}
}

Test(arguments, mistakes, .init = redirect)
{
	static const char *const lines[] = {
		"",
		"nonsense",
		"--nonsense",
		"-m",
		"export",
		"export a b",
		"export --mode",
		"export --mode 1000 -",
		"export --mode rw -",
		"export --label caf\xc3\xa9 -",
		"export --label a\033b -",
		"export --label "
		"0123456789012345678901234567890123456789012345678901234567890123 -",
		"import",
		"import --exec cat",
		"import " UUID " --exec",
		"import " UUID " " UUID,
		"import 0F8FAD5B-D9CB-469F-A165-70867728950E",
		"ls extra",
		"ls --nonsense",
		"stat",
		"stat " UUID " " UUID,
		"stat x",
		"rm",
		"rm " UUID " x",
		"revoke",
		"revoke --force " UUID,
		"watch extra",
		"watch --interval 0",
		"watch --interval x",
		"stats extra",
		"devices soft0 soft1",
		"devices --nonsense",
		"upgrade a b",
		"upgrade --nonsense",
		"mount a b",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		cr_assert(eq(int, run(lines[i]), CODE_USAGE), "%s", lines[i]);
}

/* ---- stats ------------------------------------------------------------------------- */

static const struct stats some_stats = {
	.path = "/a \"mount\"",
	.names = {3, 10},
	.bytes = {4096, 8192},
	.own.user = {{1, 5}, {1 << 20, 4 << 20}, {2, 0}, {0, 7}},
};

static void expect_stats(int own_error, bool json, const char *wanted)
{
	struct stats stats = some_stats;

	stats.own_error = own_error;
	stats_print(&stats, json);
	fflush(stdout);
	cr_assert_stdout_eq_str(wanted);
}

Test(stats, as_text, .init = redirect)
{
	expect_stats(0, false,
		     "Instance:         /a \"mount\"\n"
		     "Exports:          3 of 10 (30 %)\n"
		     "Bytes:            4.0 KiB of 8.0 KiB (50 %)\n"
		     "Your exports:     1 of 5 (20 %)\n"
		     "Your bytes:       1.0 MiB of 4.0 MiB (25 %)\n"
		     "Your roots:       2 of 0 (0 %)\n"
		     "Your connections: 0 of 7 (0 %)\n");
}

Test(stats, as_json, .init = redirect)
{
	expect_stats(
		0, true,
		"{\"mount\":\"/a \\\"mount\\\"\",\"exports\":3,\"max_exports\":10,"
		"\"bytes\":4096,\"max_bytes\":8192,\"user\":{\"exports\":1,"
		"\"max_exports\":5,\"bytes\":1048576,\"max_bytes\":4194304,\"roots\":2,"
		"\"max_roots\":0,\"connections\":0,\"max_connections\":7}}\n");
}

Test(stats, of_an_older_service, .init = redirect)
{
	expect_stats(
		-ENOTTY, false,
		"Instance:         /a \"mount\"\n"
		"Exports:          3 of 10 (30 %)\n"
		"Bytes:            4.0 KiB of 8.0 KiB (50 %)\n"
		"Your limits:      not known: the service is of a version that does not "
		"report limits\n");
}

Test(stats, of_an_older_service_as_json, .init = redirect)
{
	expect_stats(-ENOTTY, true,
		     "{\"mount\":\"/a \\\"mount\\\"\",\"exports\":3,\"max_exports\":10,"
		     "\"bytes\":4096,\"max_bytes\":8192,\"user\":null,\"user_error\":"
		     "\"the service is of a version that does not report limits\"}\n");
}

/* ---- instances --------------------------------------------------------------------- */

Test(arguments, no_instance_there, .init = redirect)
{
	static const char *const verbs[] = {
		"export /dev/null", "import " UUID,  "ls",      "stat " UUID,
		"rm " UUID,         "revoke " UUID,  "watch",   "stats",
		"devices",          "devices soft0", "upgrade",
	};
	char line[100];

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		snprintf(line, sizeof(line), "-m / %s", verbs[i]);
		cr_assert(eq(int, run(line), CODE_NO_INSTANCE), "%s", line);
		snprintf(line, sizeof(line), "%s -m /nonexistent", verbs[i]);
		cr_assert(eq(int, run(line), CODE_NO_INSTANCE), "%s", line);
	}
}

Test(arguments, a_message_never_moves_the_cursor, .init = redirect)
{
	cr_assert(eq(int, run("rm \033[2J"), CODE_USAGE));
	fflush(stderr);
	cr_assert_stderr_eq_str(
		"dmabuffs: rm: \\x1b[2J: not a UUID: 36 characters, lower case\n"
		"Try: dmabuffs rm --help\n");
}
