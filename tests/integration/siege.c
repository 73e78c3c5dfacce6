/* SPDX-License-Identifier: MIT */
/* siege.c - starts, kills and counts the attackers of all kinds */
#include "siege.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#define FIRST_UID    3001
#define LIFE_MS      3000 /* of an attacker, at most */
#define FAILURE_SIZE 200
#define PAUSE_MS     6000 /* until the next one, at most: a third of them run at a time */

/* Ends only after the hostile server does. */
#define POST_STAYS (1U << 0)
/* Gets a byte once it has begun. */
#define POST_GO (1U << 1)
/* As uid 0. */
#define POST_ROOT (1U << 2)
/* As the user of the post before. */
#define POST_SAME (1U << 3)

struct post_kind {
	const char *name;
	attack_fn *attack;
	unsigned int flags;
};

static const struct post_kind siege_kinds[] = {
	{"read_root", attack_read_root},
	{"read_devices", attack_read_devices},
	{"create_in_root", attack_create_in_root},
	{"create_in_devices", attack_create_in_devices},
	{"unlink_absent", attack_unlink_absent},
	{"write_name", attack_write_name, POST_STAYS},
	{"unlink_written", attack_unlink_written, POST_STAYS | POST_SAME},
	{"chown_root", attack_chown_root},
	{"chown_root as root", attack_chown_root, POST_ROOT},
	{"export_hostile", attack_export_hostile, POST_STAYS | POST_GO},
	{"send_hostile", attack_send_hostile, POST_STAYS | POST_GO},
	{"send_lingering", attack_send_lingering},
	{"send_own_files", attack_send_own_files},
	{"close_locked", attack_close_locked},
	{"export_held", attack_export_held, POST_STAYS},
	{"revoke_held", attack_revoke_held, POST_STAYS},
	{"write_held", attack_write_held, POST_STAYS},
	{"lease_memfd", attack_lease_memfd},
	{"lease_name", attack_lease_name},
	{"never_read", attack_never_read},
	{"pile_up", attack_pile_up},
	{"half_dead", attack_half_dead},
	{"empty_messages", attack_empty_messages},
	{"garbage_messages", attack_garbage_messages},
	{"ask_and_die", attack_ask_and_die},
	{"connect_many", attack_connect_many},
	{"come_and_go", attack_come_and_go},
	{"crowd", attack_crowd},
	{"garbage_ioctls", attack_garbage_ioctls},
	{"attributes", attack_attributes},
	{"sparse", attack_sparse},
	{"append", attack_append},
	{"names_end", attack_names_end},
	{"subuids", attack_subuids, POST_ROOT | POST_GO},
	{"export_loop", attack_export_loop},
	{"revoke_loop", attack_revoke_loop},
	{"root_loop", attack_root_loop},
	{"open_loop", attack_open_loop},
	{"exchange_loop", attack_exchange_loop},
	{"read_loop", attack_read_loop},
	{"ticket_loop", attack_ticket_loop},
	{"hang_reading", attack_hang_reading, POST_STAYS | POST_GO},
	{"hang_writing", attack_hang_writing, POST_STAYS | POST_GO},
	{"hang_and_keep", attack_hang_and_keep, POST_STAYS},
	{"bind_locked", attack_bind_locked, POST_STAYS},
	{"take_queues", attack_take_queues},
	{"take_queues again", attack_take_queues},
	{"remake_queues", attack_remake_queues},
	{"endless_copies", attack_endless_copies},
	{"endless_products", attack_endless_products},
	{"endless_events", attack_endless_events},
	{"endless_calls", attack_endless_calls},
	{"fault", attack_fault},
	{"abandon_fences", attack_abandon_fences},
};
_Static_assert(ARRAY_SIZE(siege_kinds) <= SIEGE_MAX, "SIEGE_MAX");

/* Without BUNDLE_ATTACKS, a list of names, all. */
static bool siege_wants(const struct post_kind *kind)
{
	const char *list = getenv("BUNDLE_ATTACKS"), *found = list;
	size_t length = strlen(kind->name);

	if (!list || !*list)
		return true;
	while ((found = strstr(found, kind->name))) {
		bool begins = found == list || found[-1] == ',';

		found += length;
		if (begins && (*found == ',' || !*found))
			return true;
	}
	return false;
}

struct siege_post {
	const struct post_kind *kind;
	uid_t uid;
	struct child child;
	bool runs, begun;
	uint64_t due_ms; /* to be killed, or else to be started */
	unsigned int n_started, n_begun, n_failed;
	char *failure; /* the last one; shared with the attacker */
};

/* ---- one attacker ------------------------------------------------------------------ */

static uint64_t siege_draw_ms(unsigned int most)
{
	return now_ms() + (unsigned int)random() % most;
}

struct siege_start {
	struct siege *siege;
	struct siege_post *post;
};

static void siege_attack(int peer, void *data)
{
	const struct siege_start *start = data;
	struct siege_post *post = start->post;

	test_forgive(post->failure, FAILURE_SIZE);
	post->kind->attack(peer, &start->siege->scene);
}

static void siege_start_post(struct siege *siege, struct siege_post *post)
{
	const bool root = post->kind->flags & POST_ROOT;

	siege->scene.seed = (unsigned int)random();
	child_start(&post->child, root ? NULL : USER(post->uid), siege_attack,
		    &(struct siege_start){siege, post});
	post->runs = true;
	post->begun = false;
	post->due_ms =
		post->kind->flags & POST_STAYS ? UINT64_MAX : siege_draw_ms(LIFE_MS);
	post->n_started++;
}

/* Its descriptors are closed: it has exited, or does so without a further wait. */
static void siege_reap(struct siege_post *post)
{
	int status;

	ASSERT_EQ(waitpid(post->child.pid, &status, 0), post->child.pid);
	close(post->child.peer);
	post->runs = false;
	post->due_ms = siege_draw_ms(PAUSE_MS);
	post->n_failed += WIFEXITED(status) && WEXITSTATUS(status) != 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		test_fail(__FILE__, __LINE__, "attack %s died: SIG%s", post->kind->name,
			  sigabbrev_np(WTERMSIG(status)));
}

static void siege_kill(const struct siege_post *post)
{
	ASSERT(post->child.pid > 1);
	ASSERT_OK(SYS(kill(post->child.pid, SIGKILL)));
}

/* A byte, or the end. */
static void siege_hear(struct siege_post *post)
{
	char byte;

	if (recv(post->child.peer, &byte, 1, MSG_DONTWAIT) <= 0)
		return siege_reap(post);
	if (!post->begun && post->kind->flags & POST_GO)
		send(post->child.peer, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	post->n_begun += !post->begun;
	post->begun = true;
}

static void siege_tend(struct siege *siege, struct siege_post *post, uint64_t now)
{
	if (now < post->due_ms)
		return;
	if (!post->runs)
		return siege_start_post(siege, post);
	siege_kill(post);
	post->due_ms = UINT64_MAX;
}

/* ---- all --------------------------------------------------------------------------- */

static void siege_make_posts(struct siege *siege)
{
	siege->failures = mmap(NULL, SIEGE_MAX * FAILURE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uid_t uid = FIRST_UID;

	ASSERT(siege->failures != MAP_FAILED);
	siege->posts = calloc(SIEGE_MAX, sizeof(*siege->posts));
	ASSERT(siege->posts);
	for (size_t i = 0; i < ARRAY_SIZE(siege_kinds); i++) {
		struct siege_post *post = &siege->posts[siege->n_posts];

		uid += !(siege_kinds[i].flags & POST_SAME);
		if (!siege_wants(&siege_kinds[i]))
			continue;
		post->kind = &siege_kinds[i];
		post->uid = uid;
		post->failure = siege->failures + i * FAILURE_SIZE;
		siege->n_posts++;
	}
	ASSERT(siege->n_posts);
}

void siege_start(struct siege *siege, const struct instance *instance, unsigned int seed)
{
	if (!siege->posts)
		siege_make_posts(siege);
	srandom(seed);
	scene_start(&siege->scene, instance);
	for (unsigned int i = 0; i < siege->n_posts; i++)
		siege->posts[i].due_ms = siege->posts[i].kind->flags & POST_STAYS
						 ? 0
						 : siege_draw_ms(PAUSE_MS);
}

void siege_step(struct siege *siege, int ms)
{
	struct pollfd fds[SIEGE_MAX];
	uint64_t now;

	for (unsigned int i = 0; i < siege->n_posts; i++) {
		fds[i].fd = siege->posts[i].runs ? siege->posts[i].child.peer : -1;
		fds[i].events = POLLIN;
		fds[i].revents = 0;
	}
	if (poll(fds, siege->n_posts, ms) < 0)
		ASSERT_EQ(errno, EINTR);
	now = now_ms();
	for (unsigned int i = 0; i < siege->n_posts; i++) {
		if (fds[i].revents)
			siege_hear(&siege->posts[i]);
		siege_tend(siege, &siege->posts[i], now);
	}
}

/* Those in the hostile page die once the server is gone. */
void siege_end(struct siege *siege)
{
	for (unsigned int i = 0; i < siege->n_posts; i++)
		if (siege->posts[i].runs)
			siege_kill(&siege->posts[i]);
	scene_kill_server(&siege->scene);
	for (unsigned int i = 0; i < siege->n_posts; i++) {
		if (!siege->posts[i].runs)
			continue;
		child_kill(&siege->posts[i].child, SIGKILL);
		siege->posts[i].runs = false;
	}
	scene_end(&siege->scene);
	ASSERT_OK(SYS(rmdir(siege->scene.dir)));
}

void siege_finish(struct siege *siege)
{
	unsigned int n_begun = 0;

	for (unsigned int i = 0; i < siege->n_posts; i++) {
		const struct siege_post *post = &siege->posts[i];

		n_begun += post->n_begun;
		if (post->n_failed)
			test_note("%s: %u of %u failed: %s", post->kind->name,
				  post->n_failed, post->n_started, post->failure);
		if (!post->n_begun && post->n_failed)
			test_fail(__FILE__, __LINE__, "attack %s never began: %s",
				  post->kind->name, post->failure);
	}
	test_note("%u attacks by %u attackers", n_begun, siege->n_posts);
	munmap(siege->failures, SIEGE_MAX * FAILURE_SIZE);
	free(siege->posts);
}
