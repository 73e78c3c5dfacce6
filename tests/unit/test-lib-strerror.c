/* SPDX-License-Identifier: MIT */
/* test-lib-strerror.c - texts for errors */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <dmabuffs.h>

#define LAST DMABUFFS_OPERATION_LIMITS

static char *text(int error, enum dmabuffs_operation operation)
{
	return (char *)dmabuffs_strerror(error, operation);
}

Test(strerror, depends_on_the_operation)
{
	cr_assert(eq(str, text(-EXDEV, DMABUFFS_OPERATION_IMPORT),
		     (char *)"the mount requires a namespace shared with the exporter "
			     "(ns=)"));
	cr_assert(eq(str, text(-EXDEV, DMABUFFS_OPERATION_ACCEL_CALL),
		     (char *)"the address space belongs to another accelerator"));
	cr_assert(eq(str, text(-EBADFD, DMABUFFS_OPERATION_EXCHANGE),
		     (char *)"not an opened name of this mount"));
	cr_assert(eq(str, text(-ENOTTY, DMABUFFS_OPERATION_OPEN),
		     (char *)"no dmabuffs instance is mounted there"));
	cr_assert(eq(str, text(-EEXIST, DMABUFFS_OPERATION_EXPORT),
		     (char *)"already exported by another user or with other flags, "
			     "mode or label"));
}

/* An operation also returns the errors of its first steps. */
Test(strerror, covers_the_steps_of_an_operation)
{
	static const struct {
		enum dmabuffs_operation step, whole;
	} pairs[] = {
		{DMABUFFS_OPERATION_IMPORT, DMABUFFS_OPERATION_EXCHANGE},
		{DMABUFFS_OPERATION_IMPORT, DMABUFFS_OPERATION_MAP},
		{DMABUFFS_OPERATION_EXCHANGE, DMABUFFS_OPERATION_MAP},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		for (int error = 1; error < 134; error++) {
			const char *step = text(error, pairs[i].step);

			if (step == text(error, DMABUFFS_OPERATION_NONE))
				continue;
			cr_assert(
				ne(ptr, strstr(text(error, pairs[i].whole), step), NULL),
				"%s in operation %d: %s", strerrorname_np(error),
				pairs[i].whole, text(error, pairs[i].whole));
		}
}

/* An error of a command on a context has several causes; the text names each. */
Test(strerror, names_each_meaning_of_a_command)
{
	static const struct {
		int error;
		const char *meanings[2];
	} errors[] = {
		{EBUSY, {"in use", "have not returned"}},
		{EAGAIN, {"room", "lease"}},
		{ENODEV, {"destroyed", "revoked"}},
		{EEXIST, {"exists", "label"}},
		{ETIMEDOUT, {"completed", "reply"}},
		{EDQUOT, {"user", "quota of the set"}},
		{ENOSPC, {"limit", "range"}},
		{EOPNOTSUPP, {"device", "flag"}},
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		for (size_t n = 0; n < 2; n++)
			cr_assert(ne(ptr,
				     strstr(text(errors[i].error,
						 DMABUFFS_OPERATION_ACCEL_CALL),
					    errors[i].meanings[n]),
				     NULL),
				  "%s: %s", strerrorname_np(errors[i].error),
				  errors[i].meanings[n]);
}

Test(strerror, takes_either_sign)
{
	for (int operation = 0; operation <= LAST; operation++)
		for (int error = 1; error < 134; error++)
			cr_assert(
				eq(ptr, text(error, operation), text(-error, operation)));
}

/* Texts follow "cannot X: ". */
static bool is_phrase(const char *is)
{
	size_t length = is ? strlen(is) : 0;

	return length >= 3 && length <= 90 && is[length - 1] != '.' && !strchr(is, '\n');
}

Test(strerror, says_something_short_for_every_error)
{
	for (int operation = 0; operation <= LAST; operation++)
		for (int error = -4096; error <= 4096; error++)
			if (!is_phrase(text(error, operation)))
				cr_fatal("error %d of operation %d", error, operation);
}

Test(strerror, without_a_meaning_of_its_own_is_that_of_the_system)
{
	cr_assert(eq(str, text(-EMFILE, DMABUFFS_OPERATION_EXPORT), strerror(EMFILE)));
	cr_assert(eq(str, text(-EXDEV, DMABUFFS_OPERATION_NONE), strerror(EXDEV)));
	cr_assert(eq(str, text(0, DMABUFFS_OPERATION_OPEN), strerror(0)));
}

Test(strerror, what_is_no_error_or_no_operation)
{
	static const int errors[] = {INT_MIN, INT_MAX, -INT_MAX, 4095, -100000};

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		cr_assert(eq(str, text(errors[i], DMABUFFS_OPERATION_IMPORT),
			     (char *)"unknown error"));
	cr_assert(eq(ptr, text(-EXDEV, (enum dmabuffs_operation)(LAST + 1)),
		     text(-EXDEV, DMABUFFS_OPERATION_NONE)));
	cr_assert(eq(ptr, text(-EXDEV, (enum dmabuffs_operation) - 1),
		     text(-EXDEV, DMABUFFS_OPERATION_NONE)));
}
