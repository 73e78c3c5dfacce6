/* SPDX-License-Identifier: MIT */
/* test-ledger.c - making, opening and using a ledger */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "faults.h"
#include "fixture.h"
#include "ledger-build.h"

static struct ledger *ledger;
static unsigned opened;

static void start(void)
{
	opened = count_fds();
	ledger = build_ledger();
}

static void stop(void)
{
	ledger_close(ledger);
	cr_assert(eq(uint, count_fds(), opened));
}

TestSuite(ledger, .init = start, .fini = stop);

/* ---- sizes ------------------------------------------------------------------------- */

static uint64_t memory_of(const struct ledger *of)
{
	struct stat st;

	cr_assert(zero(int, fstat(of->fd, &st)));
	return (uint64_t)st.st_blocks * 512;
}

Test(ledger, a_large_one_takes_no_memory)
{
	struct ledger_config config;
	struct ledger *large;

	ledger_config_for(262144, &config);
	cr_assert(zero(int, ledger_create(&config, &large)));
	cr_assert(le(u64, memory_of(large), 65536));
	for (int i = 0; i < 262144; i++)
		cr_assert(ne(u32, ledger_alloc(large, LEDGER_EXPORT, 1), LEDGER_NONE));
	cr_assert(
		le(u64, memory_of(large), 262144 * sizeof(struct ledger_export) + 65536));
	ledger_close(large);
}

Test(ledger, more_than_all_names_is_too_large)
{
	struct ledger_config config;

	ledger_config_for(UINT32_MAX, &config);
	for (size_t i = 0; i < LEDGER_KINDS; i++) {
		cr_assert(gt(u32, config.capacity[i], 0));
		cr_assert(le(u32, config.capacity[i], 1U << 30));
	}
}

Test(ledger, bad_capacities_are_refused)
{
	struct ledger_config config = {.n_queues = 2};
	struct ledger *none = NULL;

	for (size_t i = 0; i < LEDGER_KINDS; i++)
		config.capacity[i] = 1;
	config.capacity[LEDGER_OPEN] = 0;
	cr_assert(eq(int, ledger_create(&config, &none), -EINVAL));
	config.capacity[LEDGER_OPEN] = (1U << 30) + 1;
	cr_assert(eq(int, ledger_create(&config, &none), -EINVAL));
	config.capacity[LEDGER_OPEN] = 1;
	config.n_queues = 3;
	cr_assert(eq(int, ledger_create(&config, &none), -EINVAL));
	config.n_queues = 66;
	cr_assert(eq(int, ledger_create(&config, &none), -EINVAL));
	cr_assert(eq(ptr, none, NULL));
}

Test(ledger, a_limit_of_file_sizes_refuses_it)
{
	const struct rlimit limit = {65536, 65536};
	struct ledger_config config;
	struct ledger *none = NULL;

	signal(SIGXFSZ, SIG_IGN);
	ledger_config_for(1, &config);
	cr_assert(zero(int, setrlimit(RLIMIT_FSIZE, &limit)));
	cr_assert(eq(int, ledger_create(&config, &none), -EFBIG));
	cr_assert(eq(ptr, none, NULL));
}

/* ---- records ----------------------------------------------------------------------- */

Test(ledger, a_new_record_is_zero)
{
	static const uint8_t zero[sizeof(struct ledger_export)];
	uint32_t slot = ledger_alloc(ledger, LEDGER_EXPORT, 7);
	struct ledger_export *export = ledger_export(ledger, slot);

	cr_assert(eq(u32, ledger_state(export), LEDGER_BUILDING));
	cr_assert(ne(u32, export->record.generation, 0));
	cr_assert(eq(u64, export->record.unique, 7));
	memset(&export->end_unique, 0xff, sizeof(*export) - sizeof(export->record));
	export->label = export->note = export->parts = export->node.acl = 0;
	ledger_set_state(export, LEDGER_LIVE);
	ledger_free(ledger, LEDGER_EXPORT, slot);
	for (uint32_t i = 0; i < BUILD_RECORDS; i++)
		cr_assert(ne(u32, ledger_alloc(ledger, LEDGER_EXPORT, 9), LEDGER_NONE));
	cr_assert(zero(int, memcmp(&export->end_unique, zero,
				   sizeof(*export) - sizeof(export->record))));
}

Test(ledger, a_kind_can_be_full)
{
	for (uint32_t i = 0; i < BUILD_RECORDS; i++)
		cr_assert(eq(u32, ledger_alloc(ledger, LEDGER_OPEN, i), i));
	cr_assert(eq(u32, ledger_alloc(ledger, LEDGER_OPEN, 0), LEDGER_NONE));
	ledger_free(ledger, LEDGER_OPEN, 17);
	cr_assert(eq(u32, ledger_alloc(ledger, LEDGER_OPEN, 0), 17));
}

Test(ledger, a_handle_is_of_one_use)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_OPEN, 0);
	uint64_t handle = ledger_handle(ledger, LEDGER_OPEN, slot);

	cr_assert(eq(u32, ledger_find(ledger, LEDGER_OPEN, handle), LEDGER_NONE),
		  "it is not committed");
	ledger_set_state(ledger_opened(ledger, slot), LEDGER_LIVE);
	cr_assert(eq(u32, ledger_find(ledger, LEDGER_OPEN, handle), slot));
	cr_assert(eq(u32, ledger_find(ledger, LEDGER_OPEN, 0), LEDGER_NONE));
	cr_assert(eq(u32, ledger_find(ledger, LEDGER_OPEN, handle + BUILD_RECORDS),
		     LEDGER_NONE));
	cr_assert(eq(u32, ledger_find(ledger, LEDGER_OPEN, UINT64_MAX), LEDGER_NONE));
	ledger_free(ledger, LEDGER_OPEN, slot);
	for (uint32_t i = 0; i < BUILD_RECORDS; i++)
		ledger_set_state(
			ledger_opened(ledger, ledger_alloc(ledger, LEDGER_OPEN, 0)),
			LEDGER_LIVE);
	cr_assert(eq(u32, ledger_find(ledger, LEDGER_OPEN, handle), LEDGER_NONE));
}

Test(ledger, generations_skip_zero)
{
	ledger->header->sections[LEDGER_OPEN].generation = UINT32_MAX;
	cr_assert(eq(u32,
		     ledger_opened(ledger, ledger_alloc(ledger, LEDGER_OPEN, 0))
			     ->record.generation,
		     1));
}

Test(ledger, a_loop_sees_committed_records)
{
	uint32_t root = build_root(ledger, 0), caller = build_caller(ledger), slot, n = 0;

	for (uint64_t i = 1; i <= 5; i++)
		build_export(ledger, i, root, caller);
	ledger_alloc(ledger, LEDGER_EXPORT, 6);
	ledger_free(ledger, LEDGER_EXPORT, 2);
	ledger_for_each(ledger, LEDGER_EXPORT, slot) {
		cr_assert(ne(u32, slot, 2));
		n++;
	}
	cr_assert(eq(u32, n, 4));
}

Test(ledger, ids_are_given_once)
{
	uint64_t first = ledger_next_id(ledger);

	cr_assert(gt(u64, first, 0));
	cr_assert(eq(u64, ledger_next_id(ledger), first + 1));
}

static void *churn(void *unused)
{
	for (int i = 0; i < 5000; i++) {
		uint32_t slot = ledger_alloc(ledger, LEDGER_OPEN, 1);

		if (slot == LEDGER_NONE)
			continue;
		ledger_set_state(ledger_opened(ledger, slot), LEDGER_LIVE);
		ledger_free(ledger, LEDGER_OPEN, slot);
	}
	return unused;
}

Test(ledger, threads_share_it)
{
	pthread_t threads[4];
	uint32_t slot;

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, churn, NULL)));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	slot = ledger_next(ledger, LEDGER_OPEN, 0);
	cr_assert(eq(u32, slot, LEDGER_NONE));
	cr_assert(eq(u32, ledger->header->sections[LEDGER_OPEN].generation, 20000));
}

/* ---- blobs ------------------------------------------------------------------------- */

Test(ledger, blobs_of_all_sizes)
{
	static uint8_t data[LEDGER_BLOB_MAX], got[LEDGER_BLOB_MAX];
	static const size_t sizes[] = {1, 55, 56, 57, 112, 113, 4096, 10000};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t blob = 0;

		cr_assert(zero(int, ledger_put_blob(ledger, data, sizes[i], &blob)));
		cr_assert(ne(u32, blob, 0));
		cr_assert(eq(long, ledger_read_blob(ledger, blob, got, sizes[i]),
			     (long)sizes[i]));
		cr_assert(zero(int, memcmp(data, got, sizes[i])));
		cr_assert(eq(long, ledger_read_blob(ledger, blob, got, sizes[i] - 1),
			     -EBADMSG));
		ledger_free_blob(ledger, blob);
	}
}

Test(ledger, a_blob_that_does_not_fit_leaves_nothing)
{
	static uint8_t data[LEDGER_BLOB_MAX + 1];
	uint32_t blob = 0, n = 0;

	cr_assert(eq(int, ledger_put_blob(ledger, data, 0, &blob), -EINVAL));
	cr_assert(eq(int, ledger_put_blob(ledger, data, sizeof(data), &blob), -EINVAL));
	cr_assert(eq(int, ledger_put_blob(ledger, data, BUILD_CHUNKS * 56 + 1, &blob),
		     -ENOSPC));
	cr_assert(eq(u32, blob, 0));
	while (ledger_put_blob(ledger, data, 56, &blob) == 0)
		n++;
	cr_assert(eq(u32, n, BUILD_CHUNKS));
}

Test(ledger, a_damaged_blob_is_not_read)
{
	static uint8_t data[200], got[LEDGER_BLOB_MAX];
	struct ledger_chunk *chunk, sound;
	uint32_t blob;

	cr_assert(eq(long, ledger_read_blob(ledger, 0, got, 0), 0));
	cr_assert(eq(long, ledger_read_blob(ledger, BUILD_CHUNKS + 1, got, sizeof(got)),
		     -EBADMSG));
	cr_assert(zero(int, ledger_put_blob(ledger, data, sizeof(data), &blob)));
	chunk = ledger_at(ledger, LEDGER_CHUNK, blob - 1);
	sound = *chunk;
	chunk->next = 0;
	cr_assert(eq(long, ledger_read_blob(ledger, blob, got, sizeof(got)), -EBADMSG));
	chunk->next = blob;
	cr_assert(eq(long, ledger_read_blob(ledger, blob, got, sizeof(got)), -EBADMSG));
	chunk->next = UINT32_MAX;
	cr_assert(eq(long, ledger_read_blob(ledger, blob, got, sizeof(got)), -EBADMSG));
	*chunk = sound;
	chunk->size = 0;
	cr_assert(eq(long, ledger_read_blob(ledger, blob, got, sizeof(got)), -EBADMSG));
	chunk->size = 201;
	cr_assert(eq(long, ledger_read_blob(ledger, blob, got, sizeof(got)), -EBADMSG));
	*chunk = sound;
	cr_assert(eq(long, ledger_read_blob(ledger, blob, got, sizeof(got)), 200));
}

/* Blobs go with their record. */
Test(ledger, a_freed_record_frees_its_blobs)
{
	uint32_t root = build_root(ledger, 0), caller = build_caller(ledger);

	for (uint32_t i = 0; i < 10 * BUILD_CHUNKS; i++) {
		uint32_t slot = build_export(ledger, i, root, caller);

		cr_assert(ne(u32, ledger_export(ledger, slot)->label, 0));
		ledger_free(ledger, LEDGER_EXPORT, slot);
	}
}

/* ---- memory ------------------------------------------------------------------------ */

Test(ledger, memory_is_given_back)
{
	struct ledger_config config;
	struct ledger *large;
	uint64_t before, full;
	uint32_t slot;

	ledger_config_for(20000, &config);
	cr_assert(zero(int, ledger_create(&config, &large)));
	before = memory_of(large);
	for (uint32_t i = 0; i < 20000; i++) {
		slot = ledger_alloc(large, LEDGER_EXPORT, 1);
		ledger_set_state(ledger_export(large, slot), LEDGER_LIVE);
	}
	full = memory_of(large);
	cr_assert(ge(u64, full, 20000 * sizeof(struct ledger_export)));
	ledger_trim(large);
	cr_assert(eq(u64, memory_of(large), full), "records in use");
	/* All but one in the middle and one at the end. */
	for (slot = 0; slot < 20000; slot++)
		if (slot != 10000 && slot != 19999)
			ledger_free(large, LEDGER_EXPORT, slot);
	ledger_trim(large);
	cr_assert(le(u64, memory_of(large), before + 512 * sizeof(struct ledger_export)));
	cr_assert(eq(u32, ledger_state(ledger_export(large, 10000)), LEDGER_LIVE));
	cr_assert(eq(u32, ledger_state(ledger_export(large, 19999)), LEDGER_LIVE));
	cr_assert(eq(u32, ledger_alloc(large, LEDGER_EXPORT, 1), 0));
	ledger_close(large);
}

Test(ledger, a_trim_is_due_when_it_is_worth_it)
{
	uint32_t n = LEDGER_TRIM_BYTES / sizeof(struct ledger_export);

	for (uint32_t i = 0; i < n; i++) {
		cr_assert(not(ledger_trim_is_due(ledger)));
		ledger_free(ledger, LEDGER_EXPORT,
			    ledger_alloc(ledger, LEDGER_EXPORT, 1));
	}
	cr_assert(ledger_trim_is_due(ledger));
	ledger_trim(ledger);
	cr_assert(not(ledger_trim_is_due(ledger)));
}

/* ---- what is opened ---------------------------------------------------------------- */

static char why[LEDGER_WHY_SIZE];

/* Opens @fd, which must fail with @error and a text with @text. */
static void refused(int fd, int error, const char *text)
{
	struct ledger *none = NULL;

	why[0] = '\0';
	cr_assert(eq(int, ledger_open(fd, why, &none), error), "%s", why);
	cr_assert(strstr(why, text) != NULL, "'%s' without '%s'", why, text);
	cr_assert(eq(ptr, none, NULL));
}

Test(ledger, is_opened_again)
{
	struct ledger *again;
	int fd = dup(ledger->fd);

	memcpy(ledger->header->options, "mode=0711", 10);
	cr_assert(zero(int, ledger_open(fd, why, &again)));
	cr_assert(zero(int, strcmp((char *)again->header->options, "mode=0711")));
	cr_assert(zero(u64, again->header->epoch), "only a takeover changes it");
	ledger_close(again);
	cr_assert(not(is_open(fd)));
}

Test(ledger, keeps_what_was_agreed_with_the_kernel)
{
	static const uint8_t longest[LEDGER_INIT_MAX + 1] = {[LEDGER_INIT_MAX - 1] = 1};
	const struct ledger_header *header = ledger->header;

	cr_assert(zero(int, ledger_save_init(ledger, "request", 7)));
	cr_assert(zero(int, ledger_save_reply(ledger, longest, LEDGER_INIT_MAX)));
	cr_assert(eq(int, ledger_save_init(ledger, longest, sizeof(longest)), -EMSGSIZE));
	cr_assert(
		eq(int, ledger_save_reply(ledger, longest, sizeof(longest)), -EMSGSIZE));
	cr_assert(eq(u32, header->init_size, 7));
	cr_assert(eq(u32, header->reply_size, LEDGER_INIT_MAX));
	cr_assert(zero(int, memcmp(header->init, "request", 7)));
	cr_assert(zero(int, memcmp(header->reply, longest, LEDGER_INIT_MAX)));
}

Test(ledger, other_files_are_refused)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), memfd = new_memfd(8192), reader;

	refused(-1, -EBADF, "no descriptor");
	refused(null, -EBADFD, "not a memfd");
	refused(memfd, -EBADFD, "not sealed");
	cr_assert(zero(int, fcntl(memfd, F_ADD_SEALS, F_SEAL_GROW)));
	refused(memfd, -EBADFD, "not sealed");
	cr_assert(zero(int, fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)));
	refused(memfd, -EBADMSG, "not a ledger");
	reader = reopen(memfd, O_RDONLY);
	refused(reader, -EBADFD, "not open for writing");
	cr_assert(zero(int, fcntl(memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)));
	refused(memfd, -EBADFD, "sealed against writing");
	close(reader);
	close(memfd);
	close(null);
	memfd = new_sealed_memfd(4095, F_SEAL_SHRINK | F_SEAL_GROW);
	refused(memfd, -EPROTO, "cut to 4095 bytes");
	close(memfd);
}

Test(ledger, a_cut_one_is_refused)
{
	int cut = new_memfd(ledger->size - 4096);

	cr_assert(eq(long, pwrite(cut, ledger->header, 4096, 0), 4096));
	cr_assert(zero(int, fcntl(cut, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)));
	refused(cut, -EBADMSG, "bytes instead of");
	close(cut);
}

static void refuses_word(size_t offset, uint32_t word, int error, const char *text)
{
	struct ledger_header sound = *ledger->header;

	memcpy((uint8_t *)ledger->header + offset, &word, sizeof(word));
	refused(ledger->fd, error, text);
	*ledger->header = sound;
}

#define FIELD(name) offsetof(struct ledger_header, name)

Test(ledger, a_damaged_header_is_refused)
{
	refuses_word(FIELD(magic), 0, -EBADMSG, "not a ledger");
	refuses_word(FIELD(version), LEDGER_VERSION + 1, -EPROTO, "version 2, not 1");
	refuses_word(FIELD(header_size), 100, -EPROTO, "header of 100 bytes");
	refuses_word(FIELD(size), 1, -EBADMSG, "bytes instead of");
	refuses_word(FIELD(past), 1, -EBADMSG, "bytes instead of");
	refuses_word(FIELD(received), 1, -EBADMSG, "bytes instead of");
	refuses_word(FIELD(kept), 1, -EBADMSG, "bytes instead of");
	refuses_word(FIELD(n_queues), 1, -EBADMSG, "out of range");
	refuses_word(FIELD(init_size), LEDGER_INIT_MAX + 1, -EBADMSG, "FUSE_INIT");
	refuses_word(FIELD(reply_size), UINT32_MAX, -EBADMSG, "FUSE_INIT");
	memset(ledger->header->options, 'x', LEDGER_OPTIONS_MAX);
	refused(ledger->fd, -EBADMSG, "options without an end");
}

Test(ledger, damaged_sections_are_refused)
{
	for (size_t i = 0; i < LEDGER_KINDS; i++) {
		size_t section = FIELD(sections) + i * sizeof(struct ledger_section);

		refuses_word(section + offsetof(struct ledger_section, record_size), 8,
			     -EPROTO, "have 8 bytes");
		refuses_word(section + offsetof(struct ledger_section, capacity), 0,
			     -EBADMSG, "out of range");
		refuses_word(section + offsetof(struct ledger_section, capacity),
			     UINT32_MAX, -EBADMSG, "out of range");
		refuses_word(section + offsetof(struct ledger_section, capacity), 5000,
			     -EBADMSG, "bytes instead of");
		refuses_word(section + offsetof(struct ledger_section, offset), 64,
			     -EBADMSG, "not at");
		refuses_word(section + offsetof(struct ledger_section, high),
			     BUILD_CHUNKS + 1, -EBADMSG, "in use");
	}
}

Test(ledger, memory_can_run_out)
{
	struct ledger *got = NULL;
	struct ledger_losses losses;
	unsigned nth;
	const char *failed;
	int fd = dup(ledger->fd);

	build_export(ledger, 1, build_root(ledger, 2), build_caller(ledger));
	for (nth = 1; !got; nth++) {
		faults_arm(nth);
		ledger_open(fd, why, &got);
		faults_disarm();
		cr_assert(is_open(fd));
	}
	cr_assert(gt(uint, nth, 4));
	for (nth = 1;; nth++) {
		int r;

		faults_arm(nth);
		r = ledger_take_over(got, &losses);
		failed = faults_disarm();
		if (!failed)
			break;
		cr_assert(eq(int, r, -ENOMEM), "%s", failed);
	}
	cr_assert(gt(uint, nth, 8));
	cr_assert(zero(u32, losses.lost[LEDGER_EXPORT]));
	cr_assert(eq(u32, ledger_next(got, LEDGER_EXPORT, 0), 0));
	ledger_close(got);
}
