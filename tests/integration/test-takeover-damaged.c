/* SPDX-License-Identifier: MIT */
/*
 * test-takeover-damaged.c - a successor whose ledger or bank is damaged
 *
 * What is damaged is lost, and logged; the rest is served. A ledger that fails its check
 * ends the mount as a service without successor does.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "../support/fd-message.h"
#include "child.h"
#include "harness.h"
#include "passed.h"
#include "raw.h"
#include "store/bank_message.h"
#include "store/ledger_format.h"
#include "successor.h"

#define LOG        "log=info"
#define N_NAMES    6
#define N_RANDOM   40
#define N_MESSAGES 200
#define N_QUEUES   16

struct names {
	struct shared shared[N_NAMES];
};

static void share_names(struct names *names, const struct instance *instance)
{
	for (int i = 0; i < N_NAMES; i++)
		share(&names->shared[i], instance, PAGE, 0, 0);
}

static void close_names(struct names *names)
{
	for (int i = 0; i < N_NAMES; i++) {
		close(names->shared[i].root);
		close(names->shared[i].fd);
	}
}

/* Of those that were lost the descriptors are left. */
static void unshare_names(struct names *names, const struct instance *instance)
{
	for (int i = 0; i < N_NAMES; i++) {
		const struct shared *shared = &names->shared[i];

		if (raw_exists(instance, shared->uuid) == 0)
			ASSERT_OK(raw_remove(instance, shared->root, shared->uuid));
	}
	close_names(names);
}

static int count_names(const struct names *names, const struct instance *instance)
{
	int n = 0;

	for (int i = 0; i < N_NAMES; i++)
		n += raw_exists(instance, names->shared[i].uuid) == 0;
	return n;
}

static void replace(struct instance *instance)
{
	kill_process(instance->service);
	expect_successor(instance);
}

/* Nothing of the names that are left is charged, or was not released. */
static void expect_nothing(const struct instance *instance)
{
	struct statvfs st;

	ASSERT_EQ(raw_count(instance), 0);
	ASSERT_OK(SYS(statvfs(instance->dir, &st)));
	ASSERT_EQ(st.f_files, st.f_ffree);
	ASSERT_EQ(st.f_blocks, st.f_bfree);
}

/* ---- the bank ---------------------------------------------------------------------- */

/* Takes and closes what is in the queue from which this end reads: how many. */
static int empty_queue(int queue)
{
	static struct bank_message message;
	int fds[MESSAGE_MAX_FDS], taken = 0;
	size_t n;

	ASSERT_OK(
		SYS(setsockopt(queue, SOL_SOCKET, SO_PEEK_OFF, &(int){-1}, sizeof(int))));
	while (wait_ready(queue, POLLIN, 0)) {
		ASSERT_OK(receive_fds(queue, &message, sizeof(message), fds,
				      MESSAGE_MAX_FDS, &n));
		for (size_t i = 0; i < n; i++)
			close(fds[i]);
		taken += (int)n;
	}
	return taken;
}

static int empty_queues(const struct instance *instance, unsigned n)
{
	char name[PASSED_NAME_MAX];
	struct passed passed;
	int taken = 0;

	passed_copy(instance, &passed);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "bank-%u", i);
		taken += empty_queue(*passed_find(&passed, name));
	}
	passed_close(&passed);
	return taken;
}

/* Names without buffers end; there is one queue for each slot. */
static void buffers_missing(struct instance *instance)
{
	struct names names;

	share_names(&names, instance);
	ASSERT_EQ(empty_queues(instance, 3), 3);
	replace(instance);
	ASSERT_EQ(count_names(&names, instance), N_NAMES - 3);
	ASSERT_EQ(raw_count(instance), N_NAMES - 3);
	ASSERT(instance_logged(instance, ": lost, exported by"));
	replace(instance);
	ASSERT_EQ(empty_queues(instance, N_QUEUES), N_NAMES - 3);
	replace(instance);
	ASSERT_EQ(count_names(&names, instance), 0);
	expect_nothing(instance);
	unshare_names(&names, instance);
	share_names(&names, instance);
	ASSERT_EQ(count_names(&names, instance), N_NAMES);
	unshare_names(&names, instance);
}

static size_t random_message(struct bank_message *message)
{
	uint32_t *words = (uint32_t *)message;

	message->magic = rand() % 4 ? BANK_MESSAGE_MAGIC : (uint32_t)rand();
	message->n_items = (uint32_t)rand() % 6;
	for (size_t i = 2; i < 4 + 3 * 6; i++)
		words[i] = rand() % 2 ? (uint32_t)rand() % 20 : (uint32_t)rand();
	return 1 + (size_t)rand() % (16 + 6 * sizeof(message->items[0]));
}

static void send_random(const struct instance *instance)
{
	char name[PASSED_NAME_MAX];
	struct bank_message message;
	struct passed passed;
	int fd = new_memfd(PAGE);

	passed_copy(instance, &passed);
	for (unsigned i = 0; i < N_MESSAGES; i++) {
		size_t size = random_message(&message);

		snprintf(name, sizeof(name), "bank-%u", i % N_QUEUES);
		ASSERT_OK(send_fd_copies(*passed_find(&passed, name), &message, size, fd,
					 (size_t)rand() % 5));
	}
	close(fd);
	passed_close(&passed);
}

/* Messages that no service has sent, of any content: they are dropped. */
static void random_messages(struct instance *instance)
{
	struct names names;

	share_names(&names, instance);
	for (unsigned i = 0; i < N_RANDOM / 4; i++) {
		srand(i);
		send_random(instance);
		replace(instance);
		ASSERT_EQ(count_names(&names, instance), N_NAMES);
	}
	ASSERT(instance_logged(instance, "damaged messages"));
	unshare_names(&names, instance);
	expect_nothing(instance);
}

/* ---- the ledger -------------------------------------------------------------------- */

struct view {
	uint8_t *bytes;
	size_t size;
	struct ledger_header *header;
};

static void view_ledger(struct view *ret_view, const struct instance *instance)
{
	struct passed passed;
	struct stat st;
	void *memory;
	int ledger;

	passed_copy(instance, &passed);
	ledger = *passed_find(&passed, "ledger");
	ASSERT_OK(SYS(fstat(ledger, &st)));
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      ledger, 0);
	ASSERT(memory != MAP_FAILED);
	*ret_view = (struct view){memory, (size_t)st.st_size, memory};
	passed_close(&passed);
}

static void *record_at(const struct view *view, enum ledger_kind kind, uint32_t slot)
{
	const struct ledger_section *section = &view->header->sections[kind];

	ASSERT(slot < section->high);
	return view->bytes + section->offset + (size_t)slot * section->record_size;
}

static struct ledger_export *record_of(const struct view *view, const uint8_t uuid[16])
{
	for (uint32_t i = 0; i < view->header->sections[LEDGER_EXPORT].high; i++) {
		struct ledger_export *export = record_at(view, LEDGER_EXPORT, i);

		if (export->record.state == LEDGER_LIVE &&
		    !memcmp(export->uuid, uuid, 16))
			return export;
	}
	test_fail(__FILE__, __LINE__, "no record of the name");
}

static void damaged_records(struct instance *instance)
{
	struct names names;
	struct view view;

	share_names(&names, instance);
	view_ledger(&view, instance);
	record_of(&view, names.shared[0].uuid)->flags = UINT32_MAX;
	record_of(&view, names.shared[2].uuid)->part.kind = 99;
	record_of(&view, names.shared[4].uuid)->record.state = LEDGER_STATES;
	replace(instance);
	ASSERT_EQ(count_names(&names, instance), N_NAMES - 3);
	ASSERT_EQ(raw_count(instance), N_NAMES - 3);
	ASSERT(instance_logged(instance, "is lost: its flags are unknown"));
	ASSERT(instance_logged(instance, "is lost: its buffer is of no kind"));
	ASSERT(instance_logged(instance, "is lost: its state is unknown"));
	munmap(view.bytes, view.size);
	unshare_names(&names, instance);
	expect_nothing(instance);
}

/* Of the service that runs: it and its holder go on, with what it has in memory. */
static void damage_section(const struct view *view, enum ledger_kind kind)
{
	const struct ledger_section *section = &view->header->sections[kind];
	const uint32_t n = section->high * section->record_size / sizeof(uint32_t);
	uint32_t *words = (uint32_t *)(view->bytes + section->offset);

	for (uint32_t i = 0; n > 0 && i < 1 + n / 30; i++)
		words[(uint32_t)rand() % n] =
			rand() % 2 ? (uint32_t)rand() >> rand() % 31 : UINT32_MAX;
}

static int use_names(void *data)
{
	struct names names;

	share_names(&names, data);
	ASSERT_EQ(count_names(&names, data), N_NAMES);
	unshare_names(&names, data);
	return 0;
}

/* All that is demanded: another one serves, and ends when it is unmounted. */
static void random_words_once(unsigned seed)
{
	struct instance instance;
	struct names names;
	struct view view;

	srand(seed);
	instance_start(&instance, LOG);
	share_names(&names, &instance);
	view_ledger(&view, &instance);
	ASSERT_OK(SYS(kill(instance.service, SIGSTOP)));
	for (int kind = 0; kind < LEDGER_KINDS; kind++)
		if (rand() % 2)
			damage_section(&view, (enum ledger_kind)kind);
	replace(&instance);
	ASSERT_OK(raw_count(&instance));
	ASSERT_OK(child_call(USER(1001), use_names, &instance));
	replace(&instance);
	ASSERT_OK(child_call(USER(1001), use_names, &instance));
	munmap(view.bytes, view.size);
	unshare_names(&names, &instance);
	instance_stop(&instance);
}

static void random_words(struct instance *unused)
{
	for (unsigned i = 0; i < N_RANDOM; i++)
		random_words_once(i);
}

static bool is_dead_mount(void *data)
{
	const struct instance *instance = data;
	struct stat st;

	return SYS(stat(instance->dir, &st)) == -ENOTCONN;
}

/* An older or newer one that was killed, or a damaged header: it is tried a few times. */
static void another_version(struct instance *unused)
{
	struct instance instance;
	struct view view;

	instance_start(&instance, LOG);
	view_ledger(&view, &instance);
	view.header->version = LEDGER_VERSION + 1;
	munmap(view.bytes, view.size);
	kill_process(instance.service);
	ASSERT(wait_until(is_dead_mount, &instance));
	instance_expect_exit(&instance, 1);
	ASSERT(instance_logged(&instance, "version 2, not 1"));
	ASSERT_OK(SYS(umount2(instance.dir, MNT_DETACH)));
}

const struct test_case test_cases[] = {
	{"buffers_missing", buffers_missing, LOG},
	{"random_messages", random_messages, LOG},
	{"damaged_records", damaged_records, LOG},
	{"random_words", random_words, .seconds = 300, .flags = CASE_NO_INSTANCE},
	{"another_version", another_version, .flags = CASE_NO_INSTANCE},
	{0},
};
