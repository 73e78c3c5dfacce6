/* SPDX-License-Identifier: MIT */
#include "restore-fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/wait.h"
#include "owner.h"
#include "util.h"

struct kept_memory *kept;
struct accel_registry *kept_registry;
struct accel_device *devices[3];
struct accel_context *contexts[KEPT_CONTEXTS];

static int files_socket[2], passed_socket[2];
/* In the test: the files of each record. */
static int kept_files[KEPT_RECORDS][ACCEL_RECORD_FILES];

/* ---- sockets ----------------------------------------------------------------------- */

static int send_files(int socket, uint32_t number, const int *fds, unsigned n)
{
	char control[CMSG_SPACE(ACCEL_RECORD_FILES * sizeof(int))] = {0};
	struct iovec data = {&number, sizeof(number)};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(head), fds, n * sizeof(int));
	return sendmsg(socket, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* How many; -1: there is no message. */
static int receive_files(int socket, uint32_t *ret_number,
			 int ret_fds[ACCEL_RECORD_FILES])
{
	char control[CMSG_SPACE(ACCEL_RECORD_FILES * sizeof(int))];
	struct iovec data = {ret_number, sizeof(*ret_number)};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head;
	unsigned n;

	if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	head = CMSG_FIRSTHDR(&message);
	n = (unsigned)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(ret_fds, CMSG_DATA(head), n * sizeof(int));
	return (int)n;
}

/* ---- the keeper -------------------------------------------------------------------- */

static struct kept *kept_of(struct accel_record *record)
{
	return container_of(record, struct kept, record);
}

static struct accel_record *keeper_make(void *data, enum accel_record_kind kind)
{
	for (uint32_t i = 0; i < KEPT_RECORDS; i++) {
		struct kept *entry = &kept->records[kept->next++ % KEPT_RECORDS];
		uint32_t unused = KEPT_FREE;

		if (!atomic_compare_exchange_strong(&entry->state, &unused,
						    KEPT_BUILDING))
			continue;
		entry->n_files = 0;
		entry->record = (struct accel_record){
			.number = (uint32_t)(entry - kept->records) + 1};
		return &entry->record;
	}
	return NULL;
}

static int keeper_put_files(void *data, struct accel_record *record, const int *fds,
			    unsigned n)
{
	kept_of(record)->n_files = n;
	return send_files(files_socket[0], record->number, fds, n);
}

static void keeper_commit(void *data, struct accel_record *record)
{
	kept_of(record)->state = KEPT_LIVE;
}

static void keeper_drop(void *data, struct accel_record *record)
{
	cr_assert(ne(u32, kept_of(record)->state, KEPT_FREE), "dropped twice");
	kept_of(record)->state = KEPT_FREE;
}

static const struct accel_keeper keeper = {
	.make = keeper_make,
	.put_files = keeper_put_files,
	.commit = keeper_commit,
	.drop = keeper_drop,
};

/* ---- both processes ---------------------------------------------------------------- */

static void make_registry(void)
{
	struct accel_device_params params = {.size = sizeof(params), .queues = 8};

	cr_assert(zero(int, accel_registry_create(NULL, NULL, &kept_registry)));
	accel_registry_keep(kept_registry, &keeper);
	strcpy(params.name, "soft");
	cr_assert(zero(int, accel_device_create(kept_registry, &accel_soft_backend,
						&params, &devices[0])));
	strcpy(params.name, "exclusive");
	params.exclusive = true;
	cr_assert(zero(int, accel_device_create(kept_registry, &accel_soft_backend,
						&params, &devices[KEPT_EXCLUSIVE])));
	strcpy(params.name, "slow");
	params.exclusive = false;
	params.latency_ns = 1000000000;
	cr_assert(zero(int, accel_device_create(kept_registry, &accel_soft_backend,
						&params, &devices[KEPT_LATENCY])));
}

static struct accel_owner make_owner(void)
{
	struct accel_owner owner = owner_counting;

	owner.user = KEPT_USER;
	return owner;
}

/* ---- the child --------------------------------------------------------------------- */

void kept_open(unsigned context, unsigned device)
{
	struct accel_owner owner = make_owner();

	if (contexts[context])
		return;
	cr_assert(zero(int, owner_open(&owner, devices[device], &contexts[context])));
	accel_context_set_cookie(contexts[context], context + 1);
}

void kept_pass(int fd)
{
	cr_assert(zero(int, send_files(passed_socket[0], 0, &fd, 1)));
}

static void run_child(void (*work)(void), int ready)
{
	make_registry();
	work();
	for (unsigned i = 0; i < ACCEL_RES_COUNT; i++)
		kept->charged[i] = owner_charged[i];
	cr_assert(eq(long, write(ready, "", 1), 1));
	for (;;)
		pause();
}

/* ---- the test ---------------------------------------------------------------------- */

int kept_take(void)
{
	uint32_t number;
	int fds[ACCEL_RECORD_FILES];

	cr_assert(eq(int, receive_files(passed_socket[1], &number, fds), 1));
	return fds[0];
}

static void open_socket(int ret_sockets[2])
{
	int bytes = 1 << 22;

	cr_assert(zero(
		int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_sockets)));
	setsockopt(ret_sockets[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

static void collect_files(void)
{
	int fds[ACCEL_RECORD_FILES], n;
	uint32_t number;

	memset(kept_files, -1, sizeof(kept_files));
	while ((n = receive_files(files_socket[1], &number, fds)) >= 0)
		for (int i = 0; i < n; i++) {
			int *file = &kept_files[number - 1][i];

			/* An older one's, whose number was given again. */
			if (*file >= 0)
				close(*file);
			*file = fds[i];
		}
}

void restore_kill_after(void (*work)(void))
{
	struct pollfd ready = {.events = POLLIN};
	int pipe_fds[2];
	pid_t child;

	kept = mmap(NULL, sizeof(*kept), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(ne(ptr, kept, MAP_FAILED));
	open_socket(files_socket);
	open_socket(passed_socket);
	cr_assert(zero(int, pipe2(pipe_fds, O_CLOEXEC)));
	child = fork();
	if (!child)
		run_child(work, pipe_fds[1]);
	cr_assert(gt(int, child, 0));
	close(pipe_fds[1]);
	ready.fd = pipe_fds[0];
	cr_assert(eq(int, poll(&ready, 1, WAIT_MS), 1));
	cr_assert(ready.revents & POLLIN, "the child failed");
	cr_assert(zero(int, kill(child, SIGKILL)));
	cr_assert(eq(int, waitpid(child, NULL, 0), child));
	close(pipe_fds[0]);
	collect_files();
}

static unsigned first_unused(void)
{
	unsigned i = 0;

	while (i < KEPT_CONTEXTS && contexts[i])
		i++;
	cr_assert(lt(uint, i, KEPT_CONTEXTS));
	return i;
}

static int restore_one(struct accel_restore *restore, struct kept *entry)
{
	const struct accel_owner owner = make_owner();
	struct accel_record *record = &entry->record;
	struct accel_context *context;
	unsigned index;
	int r;

	if (record->kind != ACCEL_RECORD_CONTEXT)
		return accel_restore_object(restore, record,
					    kept_files[entry - kept->records],
					    entry->n_files);
	r = accel_restore_context(restore, record, &owner, &context);
	if (r < 0)
		return r;
	owner_opened++;
	index = (unsigned)record->context.cookie - 1;
	/* A damaged cookie may be another's. */
	if (index >= KEPT_CONTEXTS || contexts[index])
		index = first_unused();
	contexts[index] = context;
	return r;
}

static bool is_restored(int r, struct kept *entry)
{
	if (r == 0) {
		/* Its files are the object's. */
		memset(kept_files[entry - kept->records], -1, sizeof(kept_files[0]));
		return true;
	}
	entry->state = KEPT_FREE;
	return r == -ESTALE;
}

unsigned restore_damaged(void)
{
	struct accel_restore *restore;
	unsigned errors = 0;

	make_registry();
	cr_assert(zero(int, accel_restore_begin(kept_registry, &restore)));
	for (unsigned i = 0; i < KEPT_RECORDS; i++)
		if (kept->records[i].state == KEPT_BUILDING)
			kept->records[i].state = KEPT_FREE;
	for (uint32_t kind = 0; kind <= ACCEL_RECORD_KINDS; kind++)
		for (unsigned i = 0; i < KEPT_RECORDS; i++) {
			struct kept *entry = &kept->records[i];
			uint32_t its = MIN(entry->record.kind, ACCEL_RECORD_KINDS);

			if (entry->state == KEPT_LIVE && its == kind)
				errors +=
					!is_restored(restore_one(restore, entry), entry);
		}
	accel_restore_end(restore);
	return errors;
}

unsigned restore_all(void)
{
	unsigned errors = restore_damaged();

	accel_registry_settle(kept_registry, WAIT_MS);
	for (unsigned i = 0; i < ACCEL_RES_COUNT; i++)
		cr_expect(eq(u64, owner_charged[i], kept->charged[i]), "resource %u", i);
	return errors;
}

struct accel_record *kept_find(enum accel_record_kind kind)
{
	for (unsigned i = 0; i < KEPT_RECORDS; i++)
		if (kept->records[i].state == KEPT_LIVE &&
		    kept->records[i].record.kind == (uint32_t)kind)
			return &kept->records[i].record;
	return NULL;
}

static bool is_unused(void *data)
{
	for (unsigned i = 0; i < KEPT_RECORDS; i++)
		if (kept->records[i].state != KEPT_FREE)
			return false;
	for (unsigned i = 0; i < ACCEL_RES_COUNT; i++)
		if (owner_charged[i])
			return false;
	return owner_released == owner_opened;
}

static void forget_files(void)
{
	for (unsigned i = 0; i < KEPT_RECORDS; i++)
		for (unsigned n = 0; n < ACCEL_RECORD_FILES; n++)
			if (kept_files[i][n] >= 0)
				close(kept_files[i][n]);
	memset(kept_files, -1, sizeof(kept_files));
}

void restore_finish(void)
{
	for (unsigned i = 0; i < KEPT_CONTEXTS; i++)
		accel_context_destroy(contexts[i]);
	memset(contexts, 0, sizeof(contexts));
	cr_expect(wait_until(is_unused, NULL), "a record or a charge stays");
	cr_assert(accel_registry_destroy(kept_registry));
	forget_files();
}

/* ---- the same once more ------------------------------------------------------------ */

static struct kept saved_records[KEPT_RECORDS];
static int saved_files[KEPT_RECORDS][ACCEL_RECORD_FILES];

void restore_save(void)
{
	memcpy(saved_records, kept->records, sizeof(saved_records));
	memcpy(saved_files, kept_files, sizeof(saved_files));
	memset(kept_files, -1, sizeof(kept_files));
}

void restore_rewind(void)
{
	memcpy(kept->records, saved_records, sizeof(saved_records));
	for (unsigned i = 0; i < KEPT_RECORDS; i++)
		for (unsigned n = 0; n < ACCEL_RECORD_FILES; n++)
			if (saved_files[i][n] >= 0)
				kept_files[i][n] =
					fcntl(saved_files[i][n], F_DUPFD_CLOEXEC, 0);
}
