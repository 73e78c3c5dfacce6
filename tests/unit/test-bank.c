/* SPDX-License-Identifier: MIT */
/* test-bank.c - descriptors in the queues of sockets */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../support/fd-message.h"
#include "faults.h"
#include "fixture.h"
#include "stepped.h"
#include "store/bank.h"

#define SLOTS  8192U
#define QUEUES 4U

static struct bank *bank;
static unsigned opened;

/* What the callbacks got. */
static unsigned n_kept, n_dropped, n_wrong;
static struct bank_item last_dropped;

/* The file of a part has the size that its slot and part say. */
static off_t size_of(uint32_t slot, uint32_t part)
{
	return (off_t)(slot * 1000 + part + 1);
}

static void check_file(const struct bank_item *item, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 ||
	    (item->slot != BANK_NO_SLOT &&
	     st.st_size != size_of(item->slot, item->part)) ||
	    fcntl(fd, F_GETFD) != FD_CLOEXEC)
		n_wrong++;
	close(fd);
}

static void on_dropped(const struct bank_item *item, int fd, void *data)
{
	n_dropped++;
	last_dropped = *item;
	check_file(item, fd);
	n_wrong += data != &bank;
}

static void on_kept(const struct bank_item *item, int fd, void *data)
{
	n_kept++;
	check_file(item, fd);
	n_wrong += data != &bank;
}

static const struct bank_ops ops = {on_dropped, on_kept};

static void start(void)
{
	opened = count_fds();
	cr_assert(zero(int, bank_create(SLOTS, QUEUES, &ops, &bank, &bank)));
}

static void stop(void)
{
	bank_close(bank);
	cr_assert(zero(uint, n_wrong));
	cr_assert(eq(uint, count_fds(), opened), "descriptors are left");
}

TestSuite(bank, .init = start, .fini = stop);

/* As an export does, which then keeps no descriptor here. */
static int put_parts(uint32_t slot, uint32_t generation, unsigned n)
{
	static _Thread_local int fds[BANK_PARTS_MAX];
	int r;

	for (unsigned i = 0; i < n; i++)
		fds[i] = new_memfd((uint64_t)size_of(slot, i));
	r = bank_put(bank, slot, generation, fds, n);
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	return r;
}

static void put(uint32_t slot, uint32_t generation)
{
	cr_assert(ge(int, put_parts(slot, generation, 1), 0));
}

static void put_many(uint32_t first, uint32_t end)
{
	for (uint32_t slot = first; slot < end; slot++)
		put(slot, 1);
}

/* Opens what a killed service leaves: the queues, and no memory. */
static void reopen_bank(void)
{
	char why[BANK_WHY_SIZE] = "";
	int fds[QUEUES];

	for (unsigned i = 0; i < QUEUES; i++)
		fds[i] = dup(bank_fd(bank, i));
	bank_close(bank);
	cr_assert(zero(int, bank_open(fds, QUEUES, SLOTS, &ops, &bank, why, &bank)), "%s",
		  why);
	n_kept = n_dropped = 0;
}

static struct bank_report rebuild(void)
{
	struct bank_report report = {0};

	n_kept = 0;
	cr_assert(zero(int, bank_rebuild(bank, &report)));
	cr_assert(eq(uint, report.kept, n_kept));
	return report;
}

static void want_many(uint32_t first, uint32_t end)
{
	for (uint32_t slot = first; slot < end; slot++)
		cr_assert(zero(int, bank_want(bank, slot, 1, 1)));
}

/* ---- put and drop ------------------------------------------------------------------ */

Test(bank, gives_back_what_was_put)
{
	put_many(0, 300);
	reopen_bank();
	want_many(0, 300);
	rebuild();
	cr_assert(eq(uint, n_kept, 300));
	cr_assert(zero(uint, n_dropped));
	for (uint32_t slot = 0; slot < 300; slot++)
		cr_assert(zero(uint, bank_missing(bank, slot)));
}

Test(bank, keeps_it_over_many_lives)
{
	put_many(0, 300);
	for (int life = 0; life < 5; life++) {
		reopen_bank();
		want_many(0, 300);
		rebuild();
		cr_assert(eq(uint, n_kept, 300));
		cr_assert(zero(uint, n_dropped));
	}
}

Test(bank, an_export_can_have_many_buffers)
{
	struct rlimit limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = limit.rlim_max;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	cr_assert(ge(int, put_parts(5, 1, 253), 0));
	cr_assert(ge(int, put_parts(6, 1, 254), 0));
	cr_assert(ge(int, put_parts(7, 1, 700), 0));
	put(9, 1);
	reopen_bank();
	cr_assert(zero(int, bank_want(bank, 5, 1, 253)));
	cr_assert(zero(int, bank_want(bank, 6, 1, 254)));
	cr_assert(zero(int, bank_want(bank, 7, 1, 700)));
	cr_assert(zero(int, bank_want(bank, 9, 1, 1)));
	rebuild();
	cr_assert(eq(uint, n_kept, 253 + 254 + 700 + 1));
	for (uint32_t slot = 5; slot < 10; slot++)
		cr_assert(zero(uint, bank_missing(bank, slot)));
}

Test(bank, bad_arguments_are_refused)
{
	int fd = new_memfd(1);

	cr_assert(eq(int, bank_put(bank, SLOTS, 1, &fd, 1), -EINVAL));
	cr_assert(eq(int, bank_put(bank, 0, 0, &fd, 1), -EINVAL));
	cr_assert(eq(int, bank_put(bank, 0, 1, &fd, 0), -EINVAL));
	cr_assert(eq(int, bank_put(bank, 0, 1, &fd, BANK_PARTS_MAX + 1), -EINVAL));
	cr_assert(eq(int, bank_want(bank, SLOTS, 1, 1), -EINVAL));
	cr_assert(eq(int, bank_want(bank, 0, 0, 1), -EINVAL));
	cr_assert(not(bank_drop(bank, SLOTS, 1)));
	cr_assert(zero(uint, bank_missing(bank, SLOTS)));
	close(fd);
	cr_assert(eq(int, bank_put(bank, 0, 1, &fd, 1), -EBADF));
	cr_assert(zero(u64, bank_unwanted(bank)));
}

Test(bank, what_was_dropped_is_handed_out)
{
	put(0, 1);
	put(4, 1);
	bank_drop(bank, 4, 2);
	cr_assert(zero(u64, bank_unwanted(bank)), "another generation was dropped");
	bank_drop(bank, 4, 1);
	cr_assert(eq(u64, bank_unwanted(bank), 1));
	cr_assert(zero(int, bank_turn(bank, false)));
	cr_assert(zero(uint, n_dropped), "it is not due");
	cr_assert(zero(int, bank_turn(bank, true)));
	cr_assert(eq(uint, n_dropped, 1));
	cr_assert(eq(u32, last_dropped.slot, 4));
	cr_assert(zero(u64, bank_unwanted(bank)));
}

Test(bank, a_slot_is_used_again)
{
	put(4, 1);
	bank_drop(bank, 4, 1);
	put(4, 2);
	reopen_bank();
	cr_assert(zero(int, bank_want(bank, 4, 2, 1)));
	rebuild();
	cr_assert(eq(uint, n_kept, 1));
	cr_assert(eq(uint, n_dropped, 1));
	cr_assert(eq(u32, last_dropped.generation, 1));
}

/* A client that exports and ends without a pause. */
Test(bank, does_not_grow)
{
	unsigned turns = 0;

	put_many(0, 100);
	for (uint32_t i = 1; i < 5000; i++) {
		int due = put_parts(200, i, 1);

		cr_assert(ge(int, due, 0));
		if (bank_drop(bank, 200, i) || due) {
			cr_assert(zero(int, bank_turn(bank, false)));
			turns++;
		}
		cr_assert(le(u64, bank_unwanted(bank), 60));
	}
	cr_assert(gt(uint, turns, 0));
	cr_assert(lt(uint, turns, 200));
	cr_assert(eq(u64, n_dropped + bank_unwanted(bank), 4999));
	reopen_bank();
	want_many(0, 100);
	cr_assert(eq(uint, rebuild().kept, 100));
}

/* A put returns 1, too: many single messages become few. */
Test(bank, messages_are_put_together)
{
	uint32_t slot = 0, end;

	for (; slot < SLOTS && put_parts(slot, 1, 1) == 0; slot += QUEUES)
		;
	cr_assert(lt(u32, slot, SLOTS));
	cr_assert(zero(int, bank_turn(bank, false)));
	cr_assert(zero(uint, n_dropped));
	for (end = slot + QUEUES; end < slot + 50 * QUEUES; end += QUEUES)
		cr_assert(zero(int, put_parts(end, 1, 1)));
	reopen_bank();
	want_many(0, end);
	rebuild();
	cr_assert(eq(uint, n_kept, end / QUEUES));
}

/* Against an array of what there is. */
Test(bank, agrees_with_a_model)
{
	static uint32_t generation[500];
	uint32_t wanted = 0, next = 1;
	unsigned seed = 1;

	for (int i = 0; i < 20000; i++) {
		uint32_t slot = (uint32_t)rand_r(&seed) % ARRAY_SIZE(generation);

		if (generation[slot]) {
			bank_drop(bank, slot, generation[slot]);
			generation[slot] = 0;
			wanted--;
		} else {
			generation[slot] = next++;
			put(slot, generation[slot]);
			wanted++;
		}
		if (rand_r(&seed) % 100 == 0)
			cr_assert(zero(int, bank_turn(bank, rand_r(&seed) % 2)));
	}
	cr_assert(zero(int, bank_turn(bank, true)));
	reopen_bank();
	for (uint32_t slot = 0; slot < ARRAY_SIZE(generation); slot++)
		if (generation[slot])
			cr_assert(zero(int, bank_want(bank, slot, generation[slot], 1)));
	rebuild();
	cr_assert(eq(uint, n_kept, wanted));
	cr_assert(zero(uint, n_dropped));
}

static void *put_and_drop(void *data)
{
	uint32_t slot = *(const uint32_t *)data;

	for (uint32_t i = 1; i <= 1500; i++) {
		put(slot, i);
		put(slot + 16, i);
		bank_drop(bank, slot, i);
		bank_drop(bank, slot + 16, i);
		cr_assert(zero(int, bank_turn(bank, i % 8 == 0)));
	}
	return NULL;
}

Test(bank, threads_share_it)
{
	static uint32_t slots[] = {0, 1, 4, 8};
	pthread_t threads[ARRAY_SIZE(slots)];

	put_many(100, 200);
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		pthread_create(&threads[i], NULL, put_and_drop, &slots[i]);
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		pthread_join(threads[i], NULL);
	cr_assert(zero(int, bank_turn(bank, true)));
	cr_assert(zero(u64, bank_unwanted(bank)));
	reopen_bank();
	want_many(100, 200);
	rebuild();
	cr_assert(eq(uint, n_kept, 100));
	cr_assert(zero(uint, n_dropped));
}

/* ---- limits ------------------------------------------------------------------------ */

static void set_limit(unsigned n)
{
	struct rlimit limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = n;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
}

/* No descriptor more can be opened. */
static void set_full(void)
{
	int lowest = dup(0);

	close(lowest);
	set_limit((unsigned)lowest);
}

Test(bank, a_turn_without_room_for_descriptors_fails_whole)
{
	put_many(0, 200);
	bank_drop(bank, 0, 1);
	set_full();
	cr_assert(eq(int, bank_turn(bank, true), -EMFILE));
	set_limit(1000);
	cr_assert(eq(u64, bank_unwanted(bank), 1));
	cr_assert(zero(int, bank_turn(bank, true)));
	cr_assert(eq(uint, n_dropped, 1));
}

Test(bank, a_rebuild_without_room_can_be_repeated)
{
	struct bank_report report;

	put_many(0, 200);
	reopen_bank();
	want_many(0, 200);
	set_full();
	cr_assert(eq(int, bank_rebuild(bank, &report), -EMFILE));
	set_limit(1000);
	n_kept = 0;
	rebuild();
	cr_assert(eq(uint, n_kept, 200));
}

/* As another user, without privilege. */
static int in_flight_is_limited(void *unused)
{
	uint32_t slot = 0;
	int r = 0;

	set_limit(1000);
	if (setresuid(54321, 54321, 54321) < 0)
		return 1;
	bank_close(bank);
	if (bank_create(SLOTS, QUEUES, &ops, &bank, &bank) < 0)
		return 2;
	while (r >= 0 && slot < SLOTS) {
		r = put_parts(slot++, 1, 1);
		if (r == 1 && bank_turn(bank, false) < 0)
			return 3;
	}
	if (r != -ETOOMANYREFS)
		return 4;
	/* There is room to make room, also where the first one is wanted. */
	for (uint32_t i = 6; i < slot; i += 3)
		bank_drop(bank, i, 1);
	if (bank_turn(bank, true) < 0 || n_dropped < 100)
		return 5;
	if (put_parts(slot, 1, 1) < 0)
		return 6;
	return n_wrong ? 7 : 0;
}

Test(bank, without_privilege_few_can_be_in_flight)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert(zero(int, run_in_child(in_flight_is_limited, NULL)));
}

/* As it is without CAP_NET_ADMIN. */
Test(bank, a_small_queue_has_room_to_make_room)
{
	const int size = 100000;
	uint32_t slot = 0, n = 0;
	int r = 0;

	cr_assert(zero(int, setsockopt(bank_fd(bank, 1), SOL_SOCKET, SO_SNDBUF, &size,
				       sizeof(size))));
	reopen_bank();
	/* Never turned, although it is due. */
	for (; r >= 0; slot += QUEUES) {
		r = put_parts(slot, 1, 1);
		n += r >= 0;
	}
	cr_assert(eq(int, r, -ENOBUFS));
	cr_assert(gt(u32, n, 100));
	cr_assert(lt(u32, n, 400));
	cr_assert(zero(int, put_parts(1, 1, 1)), "another queue");
	cr_assert(zero(int, bank_turn(bank, false)));
	put(slot, 1);
	cr_assert(zero(uint, n_dropped));
	reopen_bank();
	want_many(0, slot - QUEUES);
	cr_assert(zero(int, bank_want(bank, slot, 1, 1)));
	cr_assert(eq(uint, rebuild().kept, n + 2));
}

Test(bank, memory_can_run_out)
{
	struct bank *none = NULL;
	struct bank_report report;

	for (unsigned nth = 1; nth <= 2; nth++) {
		faults_arm(nth);
		cr_assert(
			eq(int, bank_create(SLOTS, QUEUES, &ops, &bank, &none), -ENOMEM));
		faults_disarm();
	}
	put(0, 1);
	bank_drop(bank, 0, 1);
	faults_arm(1);
	cr_assert(eq(int, bank_turn(bank, true), -ENOMEM));
	faults_disarm();
	for (unsigned nth = 1; nth <= 2; nth++) {
		faults_arm(nth);
		cr_assert(eq(int, bank_rebuild(bank, &report), -ENOMEM));
		faults_disarm();
	}
	cr_assert(eq(ptr, none, NULL));
}

/* ---- what a predecessor left ------------------------------------------------------- */

static char why[BANK_WHY_SIZE];

static void refused(const int *fds, unsigned n, int error, const char *text)
{
	struct bank *none = NULL;

	why[0] = '\0';
	cr_assert(eq(int, bank_open(fds, n, SLOTS, &ops, NULL, why, &none), error), "%s",
		  why);
	cr_assert(strstr(why, text) != NULL, "'%s' without '%s'", why, text);
	cr_assert(eq(ptr, none, NULL));
}

Test(bank, other_descriptors_are_refused)
{
	int fds[QUEUES], pair[2], memfd = new_memfd(1);
	struct bank *other;

	for (unsigned i = 0; i < QUEUES; i++)
		fds[i] = bank_fd(bank, i);
	refused(fds, 0, -EINVAL, "0 queues");
	refused(fds, 3, -EINVAL, "3 queues");
	refused(fds, BANK_QUEUES_MAX + 2, -EINVAL, "66 queues");
	fds[0] = -1;
	refused(fds, QUEUES, -EBADFD, "descriptor 0 is no bank");
	fds[0] = memfd;
	refused(fds, QUEUES, -EBADFD, "descriptor 0 is no bank");
	fds[0] = bank_fd(bank, 0);
	fds[3] = memfd;
	refused(fds, QUEUES, -EBADFD, "descriptor 3 is no bank");
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)));
	fds[3] = pair[0];
	refused(fds, QUEUES, -EPROTO, "descriptor 3 is not queue 3");
	fds[3] = bank_fd(bank, 1);
	refused(fds, QUEUES, -EPROTO, "descriptor 3 is not queue 3");
	cr_assert(zero(int, bank_create(SLOTS, QUEUES, &ops, NULL, &other)));
	fds[3] = bank_fd(other, 3);
	refused(fds, QUEUES, -EPROTO, "descriptor 3 is not queue 3");
	bank_close(other);
	close(pair[0]);
	close(pair[1]);
	close(memfd);
}

/* A predecessor that still runs can be in the middle of a turn. */
Test(bank, is_not_disturbed_by_one_that_is_opened)
{
	const int somewhere = 100;
	int fds[QUEUES], place = 0;
	socklen_t size = sizeof(place);
	struct bank *second = NULL;

	put_many(0, SLOTS);
	for (unsigned i = 0; i < QUEUES; i++)
		fds[i] = fcntl(bank_fd(bank, i), F_DUPFD_CLOEXEC, 0);
	cr_assert(zero(int, setsockopt(fds[0], SOL_SOCKET, SO_PEEK_OFF, &somewhere,
				       sizeof(somewhere))));
	cr_assert(zero(int, bank_open(fds, QUEUES, SLOTS, &ops, NULL, why, &second)));
	bank_close(second);
	cr_assert(zero(int, getsockopt(bank_fd(bank, 0), SOL_SOCKET, SO_PEEK_OFF, &place,
				       &size)));
	cr_assert(eq(int, place, somewhere));
	/* What it left is put right by the one that takes over. */
	reopen_bank();
	want_many(0, SLOTS);
	cr_assert(eq(u32, rebuild().kept, SLOTS));
}

Test(bank, missing_and_unwanted_ones_are_found)
{
	struct bank_report report;

	put_many(0, 10);
	reopen_bank();
	want_many(1, 12);
	cr_assert(zero(int, bank_want(bank, 5, 1, 3)));
	cr_assert(zero(int, bank_want(bank, 6, 2, 1)));
	report = rebuild();
	cr_assert(eq(uint, n_kept, 8));
	cr_assert(eq(u32, report.unwanted, 2));
	cr_assert(eq(uint, n_dropped, 2));
	cr_assert(zero(u32, report.doubled));
	for (uint32_t slot = 0; slot < 12; slot++)
		cr_assert(eq(uint, bank_missing(bank, slot),
			     slot == 5 ? 2 : slot == 6 || slot == 10 || slot == 11),
			  "slot %u", slot);
}

/* Sends a message of any content into the queue of slot 0. */
static void send_message(const void *data, size_t size, unsigned n_fds)
{
	int memfd = new_memfd(1), fds[8];

	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = memfd;
	cr_assert(eq(int, send_fds(bank_fd(bank, 1), data, size, fds, n_fds), (int)size));
	close(memfd);
}

#define MESSAGE(n) (offsetof(struct bank_message, items) + (n) * sizeof(struct bank_item))

static const struct bank_message sound = {
	.magic = BANK_MESSAGE_MAGIC, .n_items = 1, .items = {{0, 1, 0}}};

Test(bank, doubled_ones_are_found)
{
	struct bank_report report;

	put(0, 1);
	send_message(&sound, MESSAGE(1), 1);
	send_message(&sound, MESSAGE(1), 1);
	reopen_bank();
	want_many(0, 1);
	report = rebuild();
	cr_assert(eq(u32, report.kept, 1));
	cr_assert(eq(u32, report.doubled, 2));
	cr_assert(eq(uint, n_dropped, 2));
	report = rebuild();
	cr_assert(zero(u32, report.doubled));
}

Test(bank, damaged_messages_are_dropped)
{
	struct bank_message magic = sound, more = sound, none = sound, mark = sound;
	static char large[sizeof(struct bank_message) + 100];
	struct bank_report report;

	magic.magic = 0;
	more.n_items = 2;
	none.n_items = UINT32_MAX;
	mark.n_items = 0;
	put(4, 1);
	send_message(&magic, MESSAGE(1), 1);
	send_message(&more, MESSAGE(2), 1);
	send_message(&more, MESSAGE(1), 1);
	send_message(&none, MESSAGE(1), 2);
	send_message(&sound, MESSAGE(1) - 1, 1);
	put(8, 1);
	send_message(&sound, 3, 0);
	send_message(large, sizeof(large), 8);
	send_message(large, sizeof(large), 0);
	cr_assert(zero(int, send(bank_fd(bank, 1), "", 0, 0)));
	send_message(&mark, MESSAGE(0), 0);
	put(12, 1);
	reopen_bank();
	want_many(0, 13);
	report = rebuild();
	cr_assert(eq(u32, report.kept, 3));
	cr_assert(eq(u32, report.damaged, 9));
	cr_assert(eq(uint, n_dropped, 14));
	report = rebuild();
	cr_assert(eq(u32, report.kept, 3));
	cr_assert(zero(u32, report.damaged));
}

Test(bank, items_of_another_queue_are_not_taken)
{
	struct bank_message other = sound;

	other.items[0].slot = 1;
	send_message(&other, MESSAGE(1), 1);
	other.items[0].slot = UINT32_MAX - 3;
	send_message(&other, MESSAGE(1), 1);
	other.items[0] = (struct bank_item){0, 1, 1};
	send_message(&other, MESSAGE(1), 1);
	reopen_bank();
	n_wrong = 0;
	want_many(0, 2);
	cr_assert(eq(u32, rebuild().unwanted, 3));
	/* Their files are not those of their slots. */
	n_wrong = 0;
}

/* ---- a kill ------------------------------------------------------------------------ */

/* Runs @act in a child that is killed at every place in turn, and each time rebuilds. */
static void kill_everywhere(void (*prepare)(void), void (*act)(void *),
			    void (*check)(void))
{
	unsigned nth = 0;
	int killed;

	do {
		stop();
		start();
		n_kept = n_dropped = 0;
		prepare();
		killed = stepped_kill(act, NULL, nth++);
		reopen_bank();
		check();
	} while (killed);
	cr_assert(gt(uint, nth, 5));
}

static void prepare_turn(void)
{
	put_many(0, 120);
	for (uint32_t slot = 0; slot < 120; slot += 3)
		bank_drop(bank, slot, 1);
}

static void do_turn(void *unused)
{
	bank_turn(bank, true);
}

static void check_turn(void)
{
	for (uint32_t slot = 0; slot < 120; slot++)
		if (slot % 3)
			bank_want(bank, slot, 1, 1);
	cr_assert(eq(uint, rebuild().kept, 80));
}

Test(bank, a_killed_turn_loses_nothing)
{
	kill_everywhere(prepare_turn, do_turn, check_turn);
}

static void prepare_rebuild(void)
{
	put_many(0, 120);
}

static void do_rebuild(void *unused)
{
	struct bank_report report;

	want_many(0, 120);
	bank_rebuild(bank, &report);
}

static void check_rebuild(void)
{
	want_many(0, 120);
	cr_assert(eq(uint, rebuild().kept, 120));
}

Test(bank, a_killed_rebuild_loses_nothing)
{
	kill_everywhere(prepare_rebuild, do_rebuild, check_rebuild);
}

static int shared[2]; /* a pipe: the child reports that its put returned */

static void prepare_put(void)
{
	put_many(0, 4);
	cr_assert(zero(int, pipe2(shared, O_CLOEXEC | O_NONBLOCK)));
}

static void do_put(void *unused)
{
	put(4, 1);
	if (write(shared[1], "x", 1) != 1)
		abort();
}

static void check_put(void)
{
	char byte;
	unsigned returned = read(shared[0], &byte, 1) == 1;

	close(shared[0]);
	close(shared[1]);
	want_many(0, 5);
	cr_assert(ge(uint, rebuild().kept, 4 + returned));
}

Test(bank, what_was_put_survives_a_kill)
{
	kill_everywhere(prepare_put, do_put, check_put);
}
