/* SPDX-License-Identifier: MIT */
/* test-library.c - libdmabuffs against a running service */
#include <dmabuffs.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "attacks/attacks.h"
#include "harness.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

#define BYTES    4096
#define THREADS  8
#define CHILDREN 4
#define ROUNDS   50

static struct dmabuffs *open_library(const struct instance *instance)
{
	struct dmabuffs *library;

	ASSERT_OK(dmabuffs_open(instance->dir, &library));
	return library;
}

static int create_memfd(size_t bytes, uint32_t value)
{
	int fd = new_memfd(bytes);

	if (bytes)
		ASSERT_EQ(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
	return fd;
}

/* The kernel grants it without a request to the service. open(2) would wait 45 s. */
static void lease_on_a_name(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	struct dmabuffs_info info;
	struct scene scene;
	struct child child;
	dmabuffs_uuid name;
	uint64_t start;
	int fd;

	scene_start(&scene, instance);
	child_start(&child, USER(1001), attack_lease_name, &scene);
	peer_wait(child.peer);
	memcpy(name.bytes, scene.board->leased.uuid, sizeof(name.bytes));
	start = now_ms();
	ASSERT_ERR(dmabuffs_import(library, &name, O_RDWR, &fd), EAGAIN);
	ASSERT_ERR(dmabuffs_import_buffer(library, &name, O_RDONLY, &fd), EAGAIN);
	ASSERT_ERR(dmabuffs_query(library, &name, &info, sizeof(info)), EAGAIN);
	ASSERT(now_ms() - start < PROMPT_MS);
	peer_signal(child.peer);
	peer_wait(child.peer);
	ASSERT_OK(dmabuffs_import(library, &name, O_RDWR, &fd));
	ASSERT_EQ(ASSERT_OK(SYS(fcntl(fd, F_GETFL))) & O_NONBLOCK, 0);
	close(fd);
	peer_signal(child.peer);
	child_wait(&child);
	scene_end(&scene);
	dmabuffs_close(library);
}

/* Of those that this process may have, none is left. Returns the limit before. */
static struct rlimit use_up_descriptors(void)
{
	struct rlimit before, limit;

	ASSERT_OK(SYS(getrlimit(RLIMIT_NOFILE, &before)));
	limit = before;
	limit.rlim_cur = (rlim_t)ASSERT_OK(SYS(dup(STDERR_FILENO)));
	close((int)limit.rlim_cur);
	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	return before;
}

/* The connection is kept, so only the descriptor in the reply finds no room. */
static void exchange_without_descriptors(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	int fd = create_memfd(BYTES, 1), opened, real = -1;
	struct rlimit before;
	dmabuffs_uuid name;

	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_import(library, &name, O_RDWR, &opened));
	ASSERT_OK(dmabuffs_exchange(library, opened, &real));
	close(real);
	before = use_up_descriptors();
	ASSERT_ERR(dmabuffs_exchange(library, opened, &real), EMFILE);
	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &before)));
	ASSERT_OK(dmabuffs_exchange(library, opened, &real));
	dmabuffs_close(library);
}

static void rules_of_export(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	struct dmabuffs_export_options options = {.size = sizeof(options), .mode = 0644};
	int fd = create_memfd(BYTES, 1), null = ASSERT_OK(SYS(open("/dev/null", O_RDWR)));
	char label[DMABUFFS_LABEL_SIZE + 1];
	dmabuffs_uuid name, again;

	ASSERT_ERR(dmabuffs_export(library, fd, &options, &name), EINVAL);
	options = (struct dmabuffs_export_options){.size = sizeof(options),
						   .flags = DMABUFFS_EXPORT_TICKET};
	ASSERT_ERR(dmabuffs_export(library, fd, &options, &name), EINVAL);
	options.flags = 1U << 20;
	ASSERT_ERR(dmabuffs_export(library, fd, &options, &name), EOPNOTSUPP);
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	options =
		(struct dmabuffs_export_options){.size = sizeof(options), .label = label};
	ASSERT_ERR(dmabuffs_export(library, fd, &options, &name), EINVAL);
	ASSERT_ERR(dmabuffs_export(library, -1, NULL, &name), EBADF);
	ASSERT_ERR(dmabuffs_export(library, null, NULL, &name), EBADFD);

	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_export(library, fd, NULL, &again));
	ASSERT(!memcmp(&name, &again, sizeof(name)));
	options = (struct dmabuffs_export_options){.size = sizeof(options),
						   .flags = DMABUFFS_EXPORT_MODE};
	ASSERT_ERR(dmabuffs_export(library, fd, &options, &again), EEXIST);
	close(null);
	close(fd);
	dmabuffs_close(library);
}

static void rules_of_import(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	int fd = create_memfd(BYTES, 7), empty = create_memfd(0, 0), opened;
	struct dmabuffs_mapping *untouched = (void *)&empty, *mapping = untouched;
	dmabuffs_uuid name, nothing, unknown = {{1}};

	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_export(library, empty, NULL, &nothing));
	ASSERT_ERR(dmabuffs_import(library, &name, O_RDONLY | O_NONBLOCK, &opened),
		   EINVAL);
	ASSERT_ERR(dmabuffs_import(library, &name, O_ACCMODE, &opened), EINVAL);
	ASSERT_ERR(dmabuffs_import_map(library, &name, O_WRONLY, &mapping), EINVAL);
	ASSERT_ERR(dmabuffs_import_map(library, &name, O_RDONLY | O_CLOEXEC, &mapping),
		   EINVAL);
	ASSERT_ERR(dmabuffs_import_map(library, &nothing, O_RDWR, &mapping), ENODATA);
	ASSERT_ERR(dmabuffs_import_map(library, &unknown, O_RDWR, &mapping), ENOENT);
	ASSERT(mapping == untouched);
	ASSERT_ERR(dmabuffs_exchange(library, fd, &opened), EBADFD);
	ASSERT_ERR(dmabuffs_exchange(library, dmabuffs_root_fd(library), &opened),
		   EBADFD);

	close(empty);
	close(fd);
	dmabuffs_close(library);
}

/* ---- memory ---------------------------------------------------------------------- */

static int count_names(const dmabuffs_uuid *name, void *data)
{
	++*(int *)data;
	return 0;
}

static uint32_t first_word(const struct dmabuffs_mapping *mapping)
{
	return *(const uint32_t *)dmabuffs_mapping_address(mapping);
}

static int seals_of(struct dmabuffs *library, uint32_t flags,
		    const struct dmabuffs_export_options *options,
		    dmabuffs_uuid *ret_uuid)
{
	struct stat status;
	int fd, seals;

	ASSERT_OK(dmabuffs_allocate(library, BYTES, flags, options, &fd, ret_uuid));
	ASSERT_EQ(ASSERT_OK(SYS(fcntl(fd, F_GETFD))), FD_CLOEXEC);
	ASSERT_EQ(ASSERT_OK(SYS(fcntl(fd, F_GETFL))) & O_ACCMODE, O_RDWR);
	ASSERT_OK(SYS(fstat(fd, &status)));
	ASSERT_EQ(status.st_size, BYTES);
	seals = ASSERT_OK(SYS(fcntl(fd, F_GET_SEALS)));
	close(fd);
	return seals & ~F_SEAL_EXEC;
}

static void allocate(struct instance *instance)
{
	const struct dmabuffs_export_options readonly = {
		.size = sizeof(readonly), .flags = DMABUFFS_EXPORT_READONLY};
	struct dmabuffs *library = open_library(instance);
	struct dmabuffs_mapping *mapping;
	dmabuffs_uuid name, pinned;
	int opened;

	ASSERT_EQ(seals_of(library, 0, NULL, &name), F_SEAL_GROW | F_SEAL_SEAL);
	ASSERT_EQ(seals_of(library, DMABUFFS_ALLOCATE_PINNED, NULL, &pinned),
		  F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	ASSERT_OK(dmabuffs_import_map(library, &pinned, O_RDWR, &mapping));
	ASSERT_EQ(first_word(mapping), 0);
	ASSERT_ERR(dmabuffs_revoke(library, &pinned), EBUSY);
	ASSERT_OK(dmabuffs_revoke(library, &name));
	*(uint32_t *)dmabuffs_mapping_address(mapping) = 1;
	dmabuffs_mapping_destroy(mapping);

	ASSERT_EQ(seals_of(library, 0, &readonly, &name), F_SEAL_GROW);
	ASSERT_ERR(dmabuffs_import(library, &name, O_RDWR, &opened), EPERM);
	dmabuffs_close(library);
}

/* Each failure leaves the outputs untouched and leaks nothing. */
static void allocate_in_vain(struct instance *instance)
{
	const struct dmabuffs_export_options wrong = {
		.size = sizeof(wrong), .flags = DMABUFFS_EXPORT_MODE, .mode = 01000};
	struct dmabuffs *library = open_library(instance);
	const dmabuffs_uuid before = {{3}};
	dmabuffs_uuid name = before;
	int fd = -7, n = count_process_fds(getpid()), names = 0;

	ASSERT_ERR(dmabuffs_allocate(library, 0, 0, NULL, &fd, &name), EINVAL);
	ASSERT_ERR(dmabuffs_allocate(library, UINT64_MAX, 0, NULL, &fd, &name), EINVAL);
	ASSERT_ERR(dmabuffs_allocate(library, BYTES, 2, NULL, &fd, &name), EOPNOTSUPP);
	ASSERT_ERR(dmabuffs_allocate(library, BYTES, 0, &wrong, &fd, &name), EINVAL);
	ASSERT_ERR(dmabuffs_allocate(library, 4 * BYTES, 0, NULL, &fd, &name), ENOSPC);
	ASSERT_EQ(fd, -7);
	ASSERT(!memcmp(&name, &before, sizeof(name)));
	ASSERT_EQ(count_process_fds(getpid()), n);
	ASSERT_OK(dmabuffs_list(library, count_names, &names));
	ASSERT_EQ(names, 0);
	dmabuffs_close(library);
}

static void map_reading(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	int fd = create_memfd(BYTES, 7);
	struct dmabuffs_mapping *mapping;
	uint32_t value = 8;
	dmabuffs_uuid name;

	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_import_map(library, &name, O_RDONLY, &mapping));
	dmabuffs_close(library); /* the mapping does not need it */
	ASSERT_EQ(dmabuffs_mapping_bytes(mapping), BYTES);
	ASSERT_EQ(dmabuffs_mapping_access(mapping), O_RDONLY);
	ASSERT_EQ(first_word(mapping), 7);
	ASSERT_EQ(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
	ASSERT_EQ(first_word(mapping), 8);
	ASSERT_ERR(SYS(mprotect(dmabuffs_mapping_address(mapping), BYTES,
				PROT_READ | PROT_WRITE)),
		   EACCES);
	dmabuffs_mapping_destroy(mapping);
	dmabuffs_mapping_destroy(NULL);
	close(fd);
}

/* The reported kind of the descriptor matches the calls it accepts. */
static void check_kind(const struct dmabuffs_mapping *mapping, enum dmabuffs_fd_kind kind)
{
	enum dmabuffs_fd_kind found;
	int fd = dmabuffs_mapping_fd(mapping, &found);
	struct dmabuffs_info info;

	ASSERT_EQ(found, kind);
	ASSERT_EQ(dmabuffs_mapping_fd(mapping, NULL), fd);
	ASSERT_EQ(ASSERT_OK(SYS(fcntl(fd, F_GETFD))), FD_CLOEXEC);
	if (kind == DMABUFFS_FD_NAME)
		ASSERT_OK(dmabuffs_query_fd(fd, &info, sizeof(info)));
	else
		ASSERT_ERR(dmabuffs_query_fd(fd, &info, sizeof(info)), ENOTTY);
}

static void map_kind(struct instance *instance, enum dmabuffs_fd_kind kind)
{
	struct dmabuffs *library = open_library(instance);
	int fd = create_memfd(BYTES, 7), mapped;
	struct dmabuffs_mapping *mapping;
	dmabuffs_uuid name;
	uint32_t value;

	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_import_map(library, &name, O_RDWR, &mapping));
	check_kind(mapping, kind);
	ASSERT_EQ(dmabuffs_mapping_access(mapping), O_RDWR);
	*(uint32_t *)dmabuffs_mapping_address(mapping) = 9;
	ASSERT_EQ(pread(fd, &value, sizeof(value), 0), sizeof(value));
	ASSERT_EQ(value, 9);

	mapped = dmabuffs_mapping_fd(mapping, NULL);
	dmabuffs_mapping_destroy(mapping);
	ASSERT_ERR(SYS(fcntl(mapped, F_GETFD)), EBADF);
	close(fd);
	dmabuffs_close(library);
}

static void map_name(struct instance *instance)
{
	map_kind(instance, DMABUFFS_FD_NAME);
}

static void map_buffer(struct instance *instance)
{
	map_kind(instance, DMABUFFS_FD_BUFFER);
}

static int use_and_destroy(void *data)
{
	struct dmabuffs_mapping *mapping = data;

	++*(uint32_t *)dmabuffs_mapping_address(mapping);
	dmabuffs_mapping_destroy(mapping);
	return 0;
}

/* The child destroys its copy of the handle; revocation affects the parent's. */
static void map_and_fork(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	int fd = create_memfd(BYTES, 7);
	struct dmabuffs_mapping *mapping;
	dmabuffs_uuid name;

	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_import_map(library, &name, O_RDWR, &mapping));
	ASSERT_OK(child_call(NULL, use_and_destroy, mapping));
	ASSERT_EQ(first_word(mapping), 8);
	ASSERT(fcntl(dmabuffs_mapping_fd(mapping, NULL), F_GETFD) >= 0);

	ASSERT_OK(dmabuffs_revoke(library, &name));
	ASSERT(raises_sigbus(dmabuffs_mapping_address(mapping)));
	ASSERT_EQ(dmabuffs_mapping_bytes(mapping), BYTES);
	dmabuffs_mapping_destroy(mapping);
	close(fd);
	dmabuffs_close(library);
}

static int stop_at_once(const dmabuffs_uuid *name, void *data)
{
	return -EXDEV;
}

static void look_and_end(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	int fd = create_memfd(BYTES, 1), opened, real, n = 0;
	struct dmabuffs_info info;
	dmabuffs_uuid name;

	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_list(library, count_names, &n));
	ASSERT_EQ(n, 1);
	ASSERT_ERR(dmabuffs_list(library, stop_at_once, NULL), EXDEV);
	ASSERT_ERR(dmabuffs_query_fd(dmabuffs_root_fd(library), &info, sizeof(info)),
		   EBADF);
	ASSERT_ERR(dmabuffs_query_fd(fd, &info, sizeof(info)), ENOTTY);
	ASSERT_OK(dmabuffs_import(library, &name, O_RDWR, &opened));
	ASSERT_OK(dmabuffs_query_fd(opened, &info, sizeof(info)));
	ASSERT_EQ(info.bytes, BYTES);
	ASSERT(!memcmp(info.uuid, name.bytes, sizeof(info.uuid)));

	ASSERT_OK(dmabuffs_revoke(library, &name));
	ASSERT_ERR(dmabuffs_exchange(library, opened, &real), ESTALE);
	ASSERT_ERR(dmabuffs_revoke(library, &name), ENOENT);
	ASSERT_ERR(dmabuffs_unlink(library, &name), ENOENT);
	ASSERT_ERR(dmabuffs_query(library, &name, &info, sizeof(info)), ENOENT);
	close(opened);
	close(fd);
	dmabuffs_close(library);
}

struct withdrawal {
	struct dmabuffs *library;
	dmabuffs_uuid name;
};

static int withdraw_inherited(void *data)
{
	struct withdrawal *withdrawal = data;

	return dmabuffs_withdraw(withdrawal->library, &withdrawal->name);
}

static int withdraw_own(void *data)
{
	struct withdrawal *withdrawal = data;
	struct dmabuffs *library;

	ASSERT_OK(dmabuffs_open(NULL, &library));
	return dmabuffs_withdraw(library, &withdrawal->name);
}

/* Withdraws two names of a buffer, which needs the library handle that made them. */
static void withdraw(struct instance *instance)
{
	const struct dmabuffs_export_options another = {.size = sizeof(another),
							.flags = DMABUFFS_EXPORT_ANOTHER};
	struct withdrawal withdrawal = {.library = open_library(instance)};
	struct dmabuffs *library = withdrawal.library, *second = open_library(instance);
	int fd = create_memfd(BYTES, 3), opened;
	dmabuffs_uuid name;

	ASSERT_OK(SYS(setenv("DMABUFFS_MOUNT", instance->dir, 1)));
	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_export(library, fd, &another, &withdrawal.name));
	ASSERT(memcmp(&name, &withdrawal.name, sizeof(name)));
	ASSERT_ERR(dmabuffs_withdraw(second, &name), EPERM);
	ASSERT_ERR(child_call(NULL, withdraw_own, &withdrawal), EPERM);
	ASSERT_OK(dmabuffs_withdraw(library, &name));
	ASSERT_ERR(dmabuffs_withdraw(library, &name), ENOENT);
	ASSERT_ERR(dmabuffs_import(library, &name, O_RDONLY, &opened), ENOENT);
	ASSERT_OK(dmabuffs_import(second, &withdrawal.name, O_RDONLY, &opened));
	close(opened);
	ASSERT_OK(child_call(USER(1001), withdraw_inherited, &withdrawal));
	ASSERT_ERR(dmabuffs_import(second, &withdrawal.name, O_RDONLY, &opened), ENOENT);
	close(fd);
	dmabuffs_close(second);
	dmabuffs_close(library);
}

static void not_an_instance(struct instance *instance)
{
	struct dmabuffs *library;

	ASSERT_ERR(dmabuffs_open("/proc", &library), ENOTTY);
	ASSERT_ERR(dmabuffs_open("/nowhere", &library), ENOENT);
	ASSERT_OK(SYS(setenv("DMABUFFS_MOUNT", instance->dir, 1)));
	ASSERT_OK(dmabuffs_open(NULL, &library));
	dmabuffs_close(library);
	dmabuffs_close(NULL);
}

/* ---- threads and fork -------------------------------------------------------------- */

/* The content identifies the buffer: a swapped reply would show another one. */
static void share_one(struct dmabuffs *library, uint32_t value)
{
	int fd = create_memfd(BYTES, value), real;
	dmabuffs_uuid name;
	uint32_t got;

	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_import_buffer(library, &name, O_RDONLY, &real));
	ASSERT_EQ(pread(real, &got, sizeof(got), 0), sizeof(got));
	ASSERT_EQ(got, value);
	ASSERT_EQ(SYS(fcntl(real, F_GETFL)) & O_ACCMODE, O_RDONLY);
	ASSERT_EQ(SYS(fcntl(real, F_GETFD)), FD_CLOEXEC);
	ASSERT_OK(dmabuffs_unlink(library, &name));
	close(real);
	close(fd);
}

static void *share_many(void *data)
{
	for (uint32_t i = 0; i < ROUNDS; i++)
		share_one(data, (uint32_t)gettid() * ROUNDS + i);
	return NULL;
}

static void run_threads(struct dmabuffs *library)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, share_many, library), 0);
	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
}

static void use_inherited(int peer, void *data)
{
	run_threads(data);
	dmabuffs_close(data);
}

/* Threads of a process and of its children use one library handle concurrently. */
static void threads_and_children(struct instance *instance)
{
	struct dmabuffs *library = open_library(instance);
	struct child children[CHILDREN];
	int before;

	share_one(library, 1); /* leaves an open connection for the children to inherit */
	before = count_process_fds(getpid());
	for (int i = 0; i < CHILDREN; i++)
		child_start(&children[i], NULL, use_inherited, library);
	run_threads(library);
	for (int i = 0; i < CHILDREN; i++)
		child_wait_ms(&children[i], 20000);
	ASSERT_EQ(count_process_fds(getpid()), before);
	dmabuffs_close(library);
}

/* The service has no PID of this process, so the library exports through the broker. */
static void export_by_ticket(struct instance *unused)
{
	struct dmabuffs *library;
	struct instance inner;
	uint32_t value = 0;
	dmabuffs_uuid name;
	int fd, opened;

	instance_start_in_pid_namespace(&inner, NULL);
	library = open_library(&inner);
	fd = create_memfd(BYTES, 5);
	ASSERT_OK(dmabuffs_export(library, fd, NULL, &name));
	ASSERT_OK(dmabuffs_import(library, &name, O_RDONLY, &opened));
	ASSERT_EQ(pread(opened, &value, sizeof(value), 0), sizeof(value));
	ASSERT_EQ(value, 5);
	close(opened);
	close(fd);
	dmabuffs_close(library);
	instance_stop(&inner);
}

/* ---- the end of the service -------------------------------------------------------- */

static void check_from_child(struct dmabuffs *library, int expected)
{
	pid_t pid = (pid_t)ASSERT_OK(SYS(fork()));
	int status;

	if (pid == 0)
		_exit(dmabuffs_check(library) == expected ? 0 : 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
}

static void check_the_service(struct instance *unused)
{
	struct instance mortal;
	struct dmabuffs *first, *second;

	instance_start(&mortal, "nosupervisor");
	first = open_library(&mortal);
	second = open_library(&mortal);
	ASSERT_OK(dmabuffs_check(first));
	ASSERT_OK(SYS(kill(mortal.service, SIGSTOP)));
	ASSERT_OK(dmabuffs_check(first)); /* without a request */
	check_from_child(first, 0);
	ASSERT_OK(SYS(kill(mortal.service, SIGKILL)));
	ASSERT_EQ(waitpid(mortal.pid, NULL, 0), mortal.pid);
	check_from_child(first, -ENOTCONN);
	instance_start_again(&mortal, "nosupervisor");
	for (int i = 0; i < 2; i++) {
		ASSERT_ERR(dmabuffs_check(first), ENOTCONN);
		ASSERT_ERR(dmabuffs_check(second), ENOTCONN);
	}
	dmabuffs_close(first);
	dmabuffs_close(second);
	instance_stop(&mortal);
}

/* Without a .control that may be read it takes a request. */
static void check_as_importer(int peer, void *data)
{
	struct dmabuffs *library = open_library(data);

	ASSERT_OK(dmabuffs_check(library));
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_ERR(dmabuffs_check(library), ENOTCONN);
	dmabuffs_close(library);
}

static void importer_checks_the_service(struct instance *unused)
{
	struct instance mortal;
	struct child importer;

	instance_start(&mortal, "control-mode=600");
	child_start(&importer, USER(1001), check_as_importer, &mortal);
	peer_wait(importer.peer);
	ASSERT_OK(SYS(umount2(mortal.dir, MNT_DETACH)));
	instance_expect_exit(&mortal, 0);
	peer_signal(importer.peer);
	child_wait(&importer);
	rmdir(mortal.dir);
}

const struct test_case test_cases[] = {
	{"lease_on_a_name", lease_on_a_name},
	{"exchange_without_descriptors", exchange_without_descriptors},
	{"library_export", rules_of_export},
	{"library_import", rules_of_import},
	{"library_allocate", allocate},
	{"library_allocate_in_vain", allocate_in_vain, "max-bytes=8K"},
	{"library_map_reading", map_reading},
	{"library_map_name", map_name},
	{"library_map_buffer", map_buffer, "nopassthrough"},
	{"library_map_and_fork", map_and_fork},
	{"library_look_and_end", look_and_end},
	{"library_withdraw", withdraw},
	{"library_check", check_the_service, .flags = CASE_NO_INSTANCE},
	{"library_check_as_importer", importer_checks_the_service,
	 .flags = CASE_NO_INSTANCE},
	{"library_open", not_an_instance},
	{"library_threads_and_children", threads_and_children, .seconds = 60},
	{"library_threads_nopassthrough", threads_and_children, "nopassthrough", 60},
	{"library_ticket", export_by_ticket, .flags = CASE_NO_INSTANCE},
	{NULL},
};
