/* SPDX-License-Identifier: MIT */
/* pair.c - two users that share buffers and compute, and notice every error */
#include "pair.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "accel.h"
#include "acl.h"
#include "durations.h"
#include "harness.h"
#include "raw.h"

#define ALICE        2001
#define BOB          2002
#define WORDS        (PAGE / sizeof(uint64_t))
#define DESK_ROUNDS  16 /* until both open new contexts and queues */
#define DESK_ENTRIES 16

/* What one of them does at present, for the other processes of the case. */
struct person {
	const char *name;
	atomic_uintptr_t doing; /* a string literal; 0: nothing that is timed */
	atomic_uint_fast64_t since_ns;
	struct durations times;
	char slowest[40];
};

struct pair_record {
	struct person alice, bob;
	atomic_uint_fast64_t rounds;
	atomic_bool stop;
};

/* What Alice asks of Bob. */
enum errand {
	ERRAND_REFUSED, /* the name is there, but not for Bob */
	ERRAND_USE,     /* it is; Bob keeps it open and mapped */
	ERRAND_GONE,    /* the name is removed, the memory is not */
	ERRAND_REVOKED, /* both are gone */
	ERRAND_END,
};

struct note {
	enum errand errand;
	uint64_t key; /* of the bytes */
	uint8_t uuid[16];
};

/* ---- timed operations -------------------------------------------------------------- */

static void person_begin(struct person *person, const char *what)
{
	person->since_ns = now_ns();
	person->doing = (uintptr_t)what;
}

static void person_end(struct person *person)
{
	uint64_t ns = now_ns() - person->since_ns;
	const char *what = (const char *)person->doing;

	person->doing = 0;
	if (ns > person->times.longest)
		strncpy(person->slowest, what, sizeof(person->slowest) - 1);
	durations_add(&person->times, ns);
	if (ns > PAIR_MAX_MS * UINT64_C(1000000))
		test_fail(__FILE__, __LINE__, "%s: %s took %d ms", person->name, what,
			  (int)(ns / 1000000));
}

/* The result of a call, which is timed. */
#define DO(person, call)                                                                 \
	({                                                                               \
		long long did_;                                                          \
		person_begin(person, #call);                                             \
		did_ = (long long)(call);                                                \
		person_end(person);                                                      \
		did_;                                                                    \
	})

/* ---- queues ------------------------------------------------------------------------ */

static void person_notify(struct desk *desk)
{
	struct accel_command command = nop();
	struct accel_event event;
	uint64_t index;

	command.flags = ACCEL_COMMAND_NOTIFY;
	ASSERT_OK(dmabuffs_accel_queue_submit(desk->queue, &command, 1, &index));
	ASSERT(wait_ready(desk->seat.context, POLLIN, WAIT_MS));
	ASSERT_EQ(SYS(read(desk->seat.context, &event, sizeof(event))), sizeof(event));
	ASSERT_EQ(event.type, ACCEL_EVENT_COMPLETED);
	ASSERT_EQ(event.object, dmabuffs_accel_queue_id(desk->queue));
	ASSERT_EQ(event.value, index);
}

/* Commands whose effects are checked, and an event; sometimes on a new context. */
static void person_compute(struct person *person, const struct instance *instance,
			   struct desk *desk, uint64_t round, uint32_t queue_flags)
{
	if (round % DESK_ROUNDS == 0) {
		if (round)
			DO(person, (desk_end(desk), 0));
		DO(person, (desk_start(desk, instance, queue_flags, DESK_ENTRIES), 0));
	}
	DO(person, (desk_check(desk, (uint8_t)(round * 3 + 1)), 0));
	DO(person, (person_notify(desk), 0));
}

/* ---- bytes ------------------------------------------------------------------------- */

static uint64_t word(uint64_t key, size_t i)
{
	return (key + i) * 6364136223846793005ULL + 1442695040888963407ULL;
}

static void write_words(uint64_t *words, uint64_t key)
{
	for (size_t i = 0; i < WORDS; i++)
		words[i] = word(key, i);
}

static void check_words(const struct person *person, const uint64_t *words, uint64_t key)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[i] != word(key, i))
			test_fail(__FILE__, __LINE__, "%s: word %d of a buffer is wrong",
				  person->name, (int)i);
}

/* ---- Bob --------------------------------------------------------------------------- */

struct bob {
	struct person *person;
	const struct instance *instance;
	int connection, opened;
	uint64_t *words; /* Alice writes the first page, Bob the second */
};

static void bob_exchange(struct bob *bob, const struct note *note)
{
	int fd = ASSERT_OK(DO(bob->person, raw_exchange(bob->connection, bob->opened)));
	uint64_t *words;

	ASSERT_OK(raw_map(fd, 2 * PAGE, PROT_READ, (void **)&words));
	check_words(bob->person, words, note->key);
	munmap(words, 2 * PAGE);
	close(fd);
	if (note->key % 4 == 0) {
		close(bob->connection);
		bob->connection = ASSERT_OK(DO(bob->person, raw_connect(bob->instance)));
	}
}

static void bob_use(struct bob *bob, const struct note *note)
{
	struct dmabuffs_info info;

	bob->opened =
		ASSERT_OK(DO(bob->person, raw_open(bob->instance, note->uuid, O_RDWR)));
	ASSERT_OK(raw_map(bob->opened, 2 * PAGE, PROT_READ | PROT_WRITE,
			  (void **)&bob->words));
	check_words(bob->person, bob->words, note->key);
	write_words(bob->words + WORDS, ~note->key);
	ASSERT_OK(DO(bob->person, raw_info(bob->opened, &info)));
	ASSERT_EQ(info.bytes, 2 * PAGE);
	ASSERT(info.importers >= 1 && memcmp(info.uuid, note->uuid, 16) == 0);
	bob_exchange(bob, note);
}

static void bob_lose(struct bob *bob, const struct note *note)
{
	ASSERT_ERR(DO(bob->person, raw_open(bob->instance, note->uuid, O_RDWR)), ENOENT);
	if (note->errand == ERRAND_GONE)
		check_words(bob->person, bob->words, note->key);
	else
		ASSERT(raises_sigbus((const uint8_t *)bob->words));
	munmap(bob->words, 2 * PAGE);
	close(bob->opened);
}

static void bob_run(struct bob *bob, const struct note *note)
{
	switch (note->errand) {
	case ERRAND_REFUSED:
		ASSERT_ERR(DO(bob->person, raw_open(bob->instance, note->uuid, O_RDONLY)),
			   EACCES);
		return;
	case ERRAND_USE:
		return bob_use(bob, note);
	default:
		return bob_lose(bob, note);
	}
}

struct start {
	struct pair *pair;
	int other; /* one end of what connects them */
};

static void be_bob(int peer, void *data)
{
	const struct start *start = data;
	struct bob bob = {.person = &start->pair->record->bob,
			  .instance = start->pair->instance};
	struct desk desk;
	struct note note;

	bob.connection = ASSERT_OK(raw_connect(bob.instance));
	for (uint64_t round = 0;; round++) {
		person_compute(bob.person, bob.instance, &desk, round, 0);
		do {
			peer_get(start->other, &note, sizeof(note));
			if (note.errand == ERRAND_END)
				return desk_end(&desk);
			bob_run(&bob, &note);
			peer_signal(start->other);
		} while (note.errand < ERRAND_GONE);
	}
}

/* ---- Alice ------------------------------------------------------------------------- */

struct alice {
	struct person *person;
	const struct instance *instance;
	int control, bob;
	struct note note;
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];
};

static void alice_send(struct alice *alice, enum errand errand)
{
	alice->note.errand = errand;
	peer_put(alice->bob, &alice->note, sizeof(alice->note));
	peer_wait(alice->bob);
}

static void alice_grant(struct alice *alice, uint64_t round)
{
	const struct acl acl = acl_for_user(BOB, 6, 7);

	if (round % 3 == 0)
		ASSERT_OK(DO(alice->person, SYS(setxattr(alice->path, ACL_XATTR, &acl,
							 sizeof(acl), 0))));
	else
		ASSERT_OK(DO(alice->person,
			     SYS(chmod(alice->path, round % 3 == 1 ? 0666 : 0660))));
}

/* Each way to take a buffer back meets each way to give it. */
static enum errand alice_take_back(struct alice *alice, uint64_t round)
{
	const uint8_t *uuid = alice->note.uuid;

	switch (round / 3 % 3) {
	case 0:
		ASSERT_OK(DO(alice->person, raw_revoke(alice->control, uuid)));
		return ERRAND_REVOKED;
	case 1:
		ASSERT_OK(DO(alice->person, raw_withdraw(alice->control, uuid)));
		return ERRAND_GONE;
	default:
		ASSERT_OK(DO(alice->person,
			     raw_remove(alice->instance, alice->control, uuid)));
		return ERRAND_GONE;
	}
}

static void alice_share(struct alice *alice, uint64_t round)
{
	int fd = new_memfd(2 * PAGE);
	uint64_t *words;

	alice->note.key++;
	ASSERT_OK(raw_map(fd, 2 * PAGE, PROT_READ | PROT_WRITE, (void **)&words));
	write_words(words, alice->note.key);
	ASSERT_OK(
		DO(alice->person, raw_export_fd(alice->control, fd, DMABUFFS_EXPORT_MODE,
						0600, alice->note.uuid)));
	raw_path(alice->instance, alice->note.uuid, alice->path);
	alice_send(alice, ERRAND_REFUSED);
	alice_grant(alice, round);
	alice_send(alice, ERRAND_USE);
	check_words(alice->person, words + WORDS, ~alice->note.key);
	alice_send(alice, alice_take_back(alice, round));
	ASSERT_EQ(DO(alice->person, raw_count(alice->instance)), 0);
	munmap(words, 2 * PAGE);
	close(fd);
}

static void be_alice(int peer, void *data)
{
	const struct start *start = data;
	struct pair_record *record = start->pair->record;
	struct alice alice = {.person = &record->alice,
			      .instance = start->pair->instance,
			      .bob = start->other,
			      .note.key = start->pair->seed};
	struct desk desk;

	alice.control = ASSERT_OK(raw_root(alice.instance));
	while (!record->stop) {
		person_compute(alice.person, alice.instance, &desk, record->rounds,
			       ACCEL_QUEUE_USER);
		alice_share(&alice, record->rounds);
		if (record->rounds++ == 0)
			peer_signal(peer);
	}
	alice.note.errand = ERRAND_END;
	peer_put(alice.bob, &alice.note, sizeof(alice.note));
	desk_end(&desk);
	close(alice.control);
}

/* ---- both -------------------------------------------------------------------------- */

void pair_start(struct pair *pair, const struct instance *instance, unsigned int seed)
{
	const struct identity bob = {
		.uid = BOB, .gid = BOB, .groups = {ALICE}, .n_groups = 1};
	int ends[2];

	*pair = (struct pair){.instance = instance, .seed = seed};
	pair->record = mmap(NULL, sizeof(*pair->record), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(pair->record != MAP_FAILED);
	pair->record->alice.name = "alice";
	pair->record->bob.name = "bob";
	ASSERT_OK(SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)));
	child_start(&pair->bob, &bob, be_bob, &(struct start){pair, ends[1]});
	child_start(&pair->alice, USER(ALICE), be_alice, &(struct start){pair, ends[0]});
	close(ends[0]);
	close(ends[1]);
	peer_wait(pair->alice.peer);
}

static void pair_check_person(const struct person *person, const struct child *child)
{
	const char *doing = (const char *)person->doing;
	uint64_t since_ns = person->since_ns, now = now_ns();

	if (doing && now > since_ns + 2 * PAIR_MAX_MS * UINT64_C(1000000))
		test_fail(__FILE__, __LINE__, "%s waits in %s", person->name, doing);
	if (wait_ready(child->peer, POLLIN, 0))
		test_fail(__FILE__, __LINE__, "%s has exited", person->name);
}

void pair_check(const struct pair *pair)
{
	pair_check_person(&pair->record->alice, &pair->alice);
	pair_check_person(&pair->record->bob, &pair->bob);
}

static void pair_print(const struct person *person)
{
	test_note("%s: %llu operations, p50 %llu us, p99 %llu us, longest %llu us: %s",
		  person->name, (unsigned long long)person->times.n,
		  (unsigned long long)durations_percentile(&person->times, 50) / 1000,
		  (unsigned long long)durations_percentile(&person->times, 99) / 1000,
		  (unsigned long long)person->times.longest / 1000, person->slowest);
}

void pair_end(struct pair *pair)
{
	pair->record->stop = true;
	child_wait(&pair->alice);
	child_wait(&pair->bob);
	test_note("%llu buffers shared", (unsigned long long)pair->record->rounds);
	pair_print(&pair->record->alice);
	pair_print(&pair->record->bob);
	munmap(pair->record, sizeof(*pair->record));
}
