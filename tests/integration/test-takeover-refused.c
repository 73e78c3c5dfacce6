/* SPDX-License-Identifier: MIT */
/*
 * test-takeover-refused.c - what is no successor, and does not disturb the service
 *
 * A second service or holder, descriptors that are missing, there twice or of another
 * kind, ledgers and banks of other builds or damaged, and names that promise other
 * descriptors. Each ends with status 1 and a line that says why.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness.h"
#include "passed.h"
#include "process/report.h"
#include "raw.h"
#include "store/ledger_format.h"

#define LOG      "log=info"
#define N_RANDOM 40

/* ---- two at once ------------------------------------------------------------------- */

/* All of them, while the service is alive: it is not disturbed. */
static void beside_a_service(struct instance *instance)
{
	struct passed passed;

	passed_copy(instance, &passed);
	passed_refuse(instance, &passed, LOG, "serves this mount");
	passed_refuse(instance, &passed, "rw", "options differ");
	passed_close(&passed);
}

/*
 * As systemd would start another one, if it had not noticed the first: it tries again,
 * for the first one may be ending.
 */
static void beside_a_holder(struct instance *instance)
{
	struct passed passed;

	passed_copy(instance, &passed);
	setenv("NOTIFY_SOCKET", "/nonexistent", 1);
	passed_refuse_with(instance, &passed, LOG, 3, "another holder has the mount");
	unsetenv("NOTIFY_SOCKET");
	passed_close(&passed);
}

/* One that says at once that the predecessor was killed. */
static void of_a_forged_holder(struct instance *instance)
{
	const struct report go = {.event = REPORT_GO};
	struct passed passed;
	int pair[2], life[2];

	passed_copy(instance, &passed);
	ASSERT_OK(SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)));
	ASSERT_OK(SYS(pipe2(life, O_CLOEXEC)));
	ASSERT_OK(SYS(send(pair[0], &go, sizeof(go), 0)));
	passed_add(&passed, pair[1], "holder");
	passed_add(&passed, life[1], "life");
	passed_refuse(instance, &passed, LOG, "serves this mount");
	passed_close(&passed);
	close(pair[0]);
	close(life[0]);
}

/* It ends before it says anything. */
static void of_a_holder_that_ends(struct instance *instance)
{
	struct passed passed;
	int pair[2];

	passed_copy(instance, &passed);
	ASSERT_OK(SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)));
	close(pair[0]);
	passed_add(&passed, pair[1], "holder");
	passed_refuse(instance, &passed, LOG, "cannot take over");
	passed_close(&passed);
}

/* ---- descriptors ------------------------------------------------------------------- */

static void missing(struct instance *instance)
{
	static const char *const names[] = {"fuse", "ledger", "bank-3", "bank-15",
					    "listener"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct passed passed;

		passed_copy(instance, &passed);
		passed_remove(&passed, names[i]);
		passed_refuse(instance, &passed, LOG, "cannot take over");
		passed_close(&passed);
	}
}

static void add_and_refuse(struct instance *instance, const char *of, const char *name,
			   const char *reason)
{
	struct passed passed;

	passed_copy(instance, &passed);
	passed_add(&passed, ASSERT_OK(SYS(dup(*passed_find(&passed, of)))), name);
	passed_refuse(instance, &passed, LOG, reason);
	passed_close(&passed);
}

static void doubled(struct instance *instance)
{
	add_and_refuse(instance, "fuse", "fuse", "is there twice");
	add_and_refuse(instance, "ledger", "ledger", "is there twice");
	add_and_refuse(instance, "listener", "listener", "is there twice");
	add_and_refuse(instance, "bank-2", "bank-2", "is there twice");
	add_and_refuse(instance, "bank-2", "bank-16", "17 of 16 queues");
	add_and_refuse(instance, "bank-2", "bank-18", "lacks one of a lower number");
}

static void swapped(struct instance *instance)
{
	struct passed passed;
	int *a, *b, fd;

	passed_copy(instance, &passed);
	a = passed_find(&passed, "bank-2");
	b = passed_find(&passed, "bank-5");
	fd = *a;
	*a = *b;
	*b = fd;
	passed_refuse(instance, &passed, LOG, "is not queue");
	passed_close(&passed);
}

static void forge(struct instance *instance, const char *name, int fd, const char *reason)
{
	struct passed passed;

	passed_copy(instance, &passed);
	passed_replace(&passed, name, fd);
	passed_refuse(instance, &passed, LOG, reason);
	passed_close(&passed);
}

static void forged(struct instance *instance)
{
	int pair[2];

	ASSERT_OK(SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)));
	forge(instance, "listener", pair[0], "is not such a socket");
	forge(instance, "bank-0", pair[1], "ledger or bank");
	forge(instance, "bank-0", new_memfd(PAGE), "ledger or bank");
	forge(instance, "fuse", ASSERT_OK(SYS(open("/dev/null", O_RDWR | O_CLOEXEC))),
	      "is not /dev/fuse");
	forge(instance, "fuse", ASSERT_OK(SYS(open("/dev/fuse", O_RDWR | O_CLOEXEC))),
	      "of no mount");
	forge(instance, "ledger", new_memfd(PAGE), "ledger or bank");
	forge(instance, "ledger", ASSERT_OK(SYS(open("/dev/zero", O_RDWR | O_CLOEXEC))),
	      "ledger or bank");
}

/* The bank of another mount, whose queues belong together. */
static void of_another_mount(struct instance *instance)
{
	struct passed passed, others;
	struct instance other;
	char name[PASSED_NAME_MAX];

	instance_start(&other, LOG);
	passed_copy(instance, &passed);
	passed_copy(&other, &others);
	snprintf(name, sizeof(name), "bank-4");
	passed_replace(&passed, name, ASSERT_OK(SYS(dup(*passed_find(&others, name)))));
	passed_refuse(instance, &passed, LOG, "is not queue");
	passed_close(&passed);
	passed_close(&others);
	instance_stop(&other);
}

/* ---- the environment --------------------------------------------------------------- */

static void name_and_refuse(struct instance *instance, const char *name,
			    const char *reason)
{
	add_and_refuse(instance, "bank-2", name, reason);
}

static void forged_names(struct instance *instance)
{
	static const char *const names[] = {"other",   "",        "Fuse",    "fuse ",
					    "bank-",   "bank--1", "bank-2x", "bank-99",
					    "bank-64", "bank",    "ledger2"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		name_and_refuse(instance, names[i], "is unknown");
	name_and_refuse(instance, "holder", "is not such a socket");
	name_and_refuse(instance, "life", "is not a pipe");
}

static void announce(struct instance *instance, const struct passed *forged,
		     const char *reason)
{
	struct passed passed;

	passed_copy(instance, &passed);
	passed.number = forged->number;
	passed.list = forged->list;
	passed.pid = forged->pid;
	passed_refuse(instance, &passed, LOG, reason);
	passed_close(&passed);
}

static void forged_numbers(struct instance *instance)
{
	announce(instance, &(struct passed){.number = "20"}, "is unknown");
	announce(instance, &(struct passed){.number = "18"}, "is not passed");
	announce(instance, &(struct passed){.number = "1000"}, "too many");
	announce(instance, &(struct passed){.number = "2147483647"}, "too many");
	announce(instance, &(struct passed){.list = ""}, "is unknown");
	announce(instance, &(struct passed){.number = "1", .list = "ledger"},
		 "cannot take over");
	announce(instance, &(struct passed){.number = "20", .list = "fuse:fuse"},
		 "is there twice");
}

/* Nothing is passed then: it is a first service, and there is one. */
static void passed_to_nobody(struct instance *instance)
{
	static const char mounted[] = "an instance is mounted there";

	announce(instance, &(struct passed){.number = "0"}, mounted);
	announce(instance, &(struct passed){.number = "-1"}, mounted);
	announce(instance, &(struct passed){.number = "many"}, mounted);
	announce(instance, &(struct passed){.pid = "1"}, mounted);
	announce(instance, &(struct passed){.pid = ""}, mounted);
}

/* ---- ledgers ----------------------------------------------------------------------- */

/* Of the same size, with the same header, and no records. */
struct copy {
	int fd;
	off_t size;
	struct ledger_header header;
};

static void copy_ledger(const struct instance *instance, struct copy *ret_copy)
{
	struct passed passed;
	struct stat st;
	int ledger;

	passed_copy(instance, &passed);
	ledger = *passed_find(&passed, "ledger");
	ASSERT_OK(SYS(fstat(ledger, &st)));
	ret_copy->size = st.st_size;
	ASSERT_EQ(SYS(pread(ledger, &ret_copy->header, sizeof(ret_copy->header), 0)),
		  sizeof(ret_copy->header));
	passed_close(&passed);
	ret_copy->fd =
		ASSERT_OK(SYS(memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
}

static void write_copy(const struct copy *copy, int seals)
{
	ASSERT_OK(SYS(ftruncate(copy->fd, copy->size)));
	ASSERT_OK(SYS(pwrite(copy->fd, &copy->header, sizeof(copy->header), 0)));
	ASSERT_OK(SYS(fcntl(copy->fd, F_ADD_SEALS, seals)));
}

static void refuse_copy(struct instance *instance, const struct copy *copy,
			const char *reason)
{
	write_copy(copy, F_SEAL_SHRINK | F_SEAL_GROW);
	forge(instance, "ledger", copy->fd, reason);
}

/* What it must be like for the others to be refused because of their difference. */
static void equal_ledger(struct instance *instance)
{
	struct copy copy;

	copy_ledger(instance, &copy);
	refuse_copy(instance, &copy, "serves this mount");
}

#define REFUSE_CHANGED(instance, reason, field, value)                                   \
	({                                                                               \
		struct copy copy_;                                                       \
		copy_ledger(instance, &copy_);                                           \
		copy_.header.field = (value);                                            \
		refuse_copy(instance, &copy_, reason);                                   \
	})

static void another_version(struct instance *instance)
{
	REFUSE_CHANGED(instance, "not a ledger", magic, LEDGER_MAGIC ^ 1);
	REFUSE_CHANGED(instance, "version 2, not 1", version, LEDGER_VERSION + 1);
	REFUSE_CHANGED(instance, "version 0, not 1", version, 0);
	REFUSE_CHANGED(instance, "header of", header_size,
		       sizeof(struct ledger_header) + 8);
	REFUSE_CHANGED(instance, "16 of 14 queues", n_queues, 14);
}

static void wrong_sizes(struct instance *instance)
{
	struct copy copy;

	copy_ledger(instance, &copy);
	close(copy.fd);
	REFUSE_CHANGED(instance, "have 264 bytes", sections[LEDGER_EXPORT].record_size,
		       264);
	REFUSE_CHANGED(instance, "have 0 bytes", sections[LEDGER_USER].record_size, 0);
	REFUSE_CHANGED(instance, "capacities out of range",
		       sections[LEDGER_OPEN].capacity, UINT32_MAX);
	REFUSE_CHANGED(instance, "bytes instead of", sections[LEDGER_OPEN].capacity, 1);
	REFUSE_CHANGED(instance, "capacities out of range", n_queues, 66);
	REFUSE_CHANGED(instance, "bytes instead of", size,
		       copy.header.size + (UINT64_C(1) << 32));
	REFUSE_CHANGED(instance, "bytes instead of", past, 0);
	REFUSE_CHANGED(instance, "records of kind", sections[LEDGER_EXPORT].offset,
		       UINT64_MAX - 100);
	REFUSE_CHANGED(instance, "in use", sections[LEDGER_EXPORT].high,
		       copy.header.sections[LEDGER_EXPORT].capacity + 1);
	REFUSE_CHANGED(instance, "FUSE_INIT of", init_size, LEDGER_INIT_MAX + 1);
	REFUSE_CHANGED(instance, "FUSE_INIT of", reply_size, UINT32_MAX);
}

static void endless_options(struct instance *instance)
{
	struct copy copy;

	copy_ledger(instance, &copy);
	memset(copy.header.options, 'x', sizeof(copy.header.options));
	refuse_copy(instance, &copy, "options without an end");
}

static void cut(struct instance *instance)
{
	static const off_t sizes[] = {0, 1, sizeof(struct ledger_header),
				      LEDGER_HEADER_ROOM - 1};
	struct copy copy;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		copy_ledger(instance, &copy);
		copy.size = sizes[i];
		ASSERT_OK(SYS(ftruncate(copy.fd, copy.size)));
		ASSERT_OK(SYS(fcntl(copy.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)));
		forge(instance, "ledger", copy.fd, "cut to");
	}
	copy_ledger(instance, &copy);
	copy.size = LEDGER_HEADER_ROOM;
	refuse_copy(instance, &copy, "bytes instead of");
	copy_ledger(instance, &copy);
	copy.size -= PAGE;
	refuse_copy(instance, &copy, "bytes instead of");
}

/* An access to a mapping of one that is cut later would raise SIGBUS. */
static void not_sealed(struct instance *instance)
{
	struct copy copy;

	copy_ledger(instance, &copy);
	write_copy(&copy, F_SEAL_GROW);
	forge(instance, "ledger", copy.fd, "not sealed against resizing");
	copy_ledger(instance, &copy);
	write_copy(&copy, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	forge(instance, "ledger", copy.fd, "sealed against writing");
	copy_ledger(instance, &copy);
	write_copy(&copy, F_SEAL_SHRINK | F_SEAL_GROW);
	forge(instance, "ledger", reopen(copy.fd, O_RDONLY), "not open for writing");
	close(copy.fd);
}

/* Not in who serves: only that keeps a copy with sound words from the mount. */
static void damage_words(struct ledger_header *header, size_t bytes)
{
	uint32_t *words = (uint32_t *)header;
	const size_t n = bytes / sizeof(*words);

	for (int i = 0; i < 20; i++)
		words[(size_t)rand() % n] = (uint32_t)rand() >> rand() % 32;
}

static void random_words(struct instance *instance)
{
	for (unsigned i = 0; i < N_RANDOM; i++) {
		struct copy copy;

		srand(i);
		copy_ledger(instance, &copy);
		damage_words(&copy.header, i % 2 ? offsetof(struct ledger_header, nodes)
						 : offsetof(struct ledger_header, owner));
		/* Else no other check is reached. */
		if (i % 4)
			copy.header.magic = LEDGER_MAGIC;
		if (i % 4 > 1)
			copy.header.version = LEDGER_VERSION;
		copy.header.header_size = sizeof(copy.header);
		refuse_copy(instance, &copy, "cannot take over");
	}
}

static void not_a_process(struct instance *instance)
{
	struct passed passed;

	passed_copy(instance, &passed);
	passed_add(&passed, ASSERT_OK(SYS(open("/dev/null", O_RDWR | O_CLOEXEC))),
		   "service");
	passed_refuse(instance, &passed, LOG, "is not a process's");
	passed_close(&passed);
}

const struct test_case test_cases[] = {
	{"beside_a_service", beside_a_service, LOG},
	{"beside_a_holder", beside_a_holder, LOG},
	{"of_a_forged_holder", of_a_forged_holder, LOG},
	{"of_a_holder_that_ends", of_a_holder_that_ends, LOG},
	{"missing", missing, LOG},
	{"doubled", doubled, LOG},
	{"swapped", swapped, LOG},
	{"forged", forged, LOG},
	{"not_a_process", not_a_process, LOG},
	{"of_another_mount", of_another_mount, LOG},
	{"forged_names", forged_names, LOG},
	{"forged_numbers", forged_numbers, LOG},
	{"passed_to_nobody", passed_to_nobody, LOG},
	{"equal_ledger", equal_ledger, LOG},
	{"another_version", another_version, LOG},
	{"wrong_sizes", wrong_sizes, LOG},
	{"endless_options", endless_options, LOG},
	{"cut", cut, LOG},
	{"not_sealed", not_sealed, LOG},
	{"random_words", random_words, LOG},
	{0},
};
