/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "fixture.h"

struct limits fixture_limits;
struct table fixture_table;
uint64_t fixture_root;

static void fixture_dropped(const struct bank_item *item, int fd, void *data)
{
	leaving_dropped(&fixture_table.leaving, item, fd);
}

const struct state *fixture_state(void)
{
	static const struct bank_ops ops = {.dropped = fixture_dropped};
	static struct state state;

	if (!state.ledger)
		cr_assert(zero(int, state_create(1024, &ops, NULL, &state)));
	return &state;
}

struct ledger *fixture_ledger(void)
{
	return fixture_state()->ledger;
}

void fixture_init(void)
{
	struct limits_config config;
	struct node root_node;

	cr_assert(zero(int, buffer_setup()));
	limits_config_default(&config);
	limits_init(&fixture_limits, &config);
	node_init(&root_node, S_IFDIR | 01777, 0, 0);
	cr_assert(zero(int, table_init(&fixture_table, &fixture_limits, fixture_state(),
				       &root_node)));
	cr_assert(zero(int, table_open_root(&fixture_table, &(struct payer){UID_A},
					    &fixture_root)));
}

void fixture_finish(void)
{
	table_close_root(&fixture_table, fixture_root, ignore_ended, NULL);
	for (int resource = 0; resource < RES_COUNT; resource++)
		cr_assert(eq(u64, limits_used(&fixture_limits, resource), 0),
			  "resource %d stays charged", resource);
	cr_assert(eq(sz, fixture_limits.users.n_nodes, 0));
	table_finish(&fixture_table);
	limits_finish(&fixture_limits);
}

uint64_t fixture_charged(void)
{
	uint64_t sum = 0;

	for (int resource = 0; resource < RES_COUNT; resource++)
		sum += limits_used(&fixture_limits, resource);
	return sum;
}

void new_buffer(struct buffer *buffer, size_t size)
{
	cr_assert(zero(int, buffer_init(buffer, new_memfd(size), false, NULL)));
}

struct export *fixture_create(uint64_t root, int memfd, const struct export_spec *spec)
{
	struct caller *caller = calloc(1, sizeof(*caller));
	struct export *export = NULL;
	struct buffer buffer;
	struct export_request request = {
		.root_id = root,
		.uid = spec->uid,
		.gid = spec->uid,
		.flags = spec->flags,
		.label = spec->label ? spec->label : "",
		.caller = caller,
		.buffer = &buffer,
	};

	caller->refs = 1;
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false,
					NULL)));
	cr_assert(zero(int, export_create(&fixture_table, &request, &export)));
	caller_unref(caller);
	return export;
}

struct export *fixture_add(uid_t uid, uint32_t flags)
{
	const struct export_spec spec = {.uid = uid, .flags = flags};
	struct export *export, *other = NULL;
	int memfd = new_memfd(4096);

	export = fixture_create(fixture_root, memfd, &spec);
	cr_assert(zero(int, table_add(&fixture_table, export, &other)));
	close(memfd);
	return export;
}

struct kept_fd keep_fd(int fd)
{
	struct kept_fd kept = fd_vault_keep(fd);

	if (kept.table)
		close(fd);
	return kept;
}

bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

int run_in_child(int (*act)(void *data), void *data)
{
	pid_t pid = fork();
	int status;

	cr_assert(ge(int, pid, 0));
	if (pid == 0)
		_exit(act(data));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void ignore_ended(struct export *export, void *data)
{
}
