/* SPDX-License-Identifier: MIT */
/* test-sva.c - the memory of a process that bound itself */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/fd-message.h"
#include "soft-fixture.h"
#include "sva.h"

TestSuite(sva);

/* ---- the test's own memory --------------------------------------------------------- */

static void open_self(int *ret_mem, int *ret_maps)
{
	*ret_mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	*ret_maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	cr_assert(ge(int, *ret_mem, 0));
	cr_assert(ge(int, *ret_maps, 0));
}

static int try_init(struct accel_sva *sva, int mem, int maps)
{
	int r = accel_sva_init(sva, mem, maps);

	if (r == -EOPNOTSUPP)
		cr_skip("this kernel has no PROCMAP_QUERY");
	return r;
}

static struct accel_sva bind_self(void)
{
	struct accel_sva sva;
	int mem, maps;

	open_self(&mem, &maps);
	cr_assert(zero(int, try_init(&sva, mem, maps)));
	return sva;
}

static char *map_pages(size_t n, int prot)
{
	char *memory = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert(ne(ptr, memory, MAP_FAILED));
	memset(memory, 'm', n * PAGE);
	cr_assert(zero(int, mprotect(memory, n * PAGE, prot)));
	return memory;
}

static void protect(char *memory, size_t page, int prot)
{
	cr_assert(zero(int, mprotect(memory + page * PAGE, PAGE, prot)));
}

/* Fails the test unless an access of @n bytes transfers @want_done and returns @want. */
static void expect_read(const struct accel_sva *sva, const char *at, size_t n, int want,
			size_t want_done)
{
	static char data[16 * 4096];
	size_t done = SIZE_MAX;

	memset(data, 0, sizeof(data));
	cr_expect(eq(int, accel_sva_read(sva, (uintptr_t)at, data, n, &done), want));
	cr_expect(eq(sz, done, want_done));
	for (size_t i = 0; i < n; i++)
		cr_assert(eq(chr, data[i], i < want_done ? 'm' : 0), "byte %zu", i);
}

static void expect_write(const struct accel_sva *sva, const char *at, size_t n, int want,
			 size_t want_done)
{
	static char data[16 * 4096];
	size_t done = SIZE_MAX;

	memset(data, 'w', sizeof(data));
	cr_expect(eq(int, accel_sva_write(sva, (uintptr_t)at, data, n, &done), want));
	cr_expect(eq(sz, done, want_done));
}

Test(sva, reads_and_writes)
{
	struct accel_sva sva = bind_self();
	char *memory = map_pages(4, PROT_READ | PROT_WRITE);

	expect_read(&sva, memory + 100, 3 * PAGE, 0, 3 * PAGE);
	expect_write(&sva, memory + PAGE - 3, PAGE + 6, 0, PAGE + 6);
	cr_expect(eq(chr, memory[PAGE - 4], 'm'));
	for (size_t i = PAGE - 3; i < 2 * PAGE + 3; i++)
		cr_assert(eq(chr, memory[i], 'w'));
	cr_expect(eq(chr, memory[2 * PAGE + 3], 'm'));
	accel_sva_finish(&sva);
}

Test(sva, respects_page_protections)
{
	struct accel_sva sva = bind_self();
	char *memory = map_pages(8, PROT_READ | PROT_WRITE);

	protect(memory, 1, PROT_READ);
	protect(memory, 3, PROT_NONE);
	protect(memory, 5, PROT_EXEC);
	/* Readable throughout, in three mappings. */
	expect_read(&sva, memory + 1, 3 * PAGE - 1, 0, 3 * PAGE - 1);
	expect_read(&sva, memory + 1, 4 * PAGE, -EACCES, 3 * PAGE - 1);
	expect_read(&sva, memory + 5 * PAGE, 1, -EACCES, 0);
	expect_write(&sva, memory + 1, PAGE, -EACCES, PAGE - 1);
	expect_write(&sva, memory + PAGE, 1, -EACCES, 0);
	expect_write(&sva, memory + 3 * PAGE, 1, -EACCES, 0);
	expect_write(&sva, memory + 5 * PAGE, 8, -EACCES, 0);
	expect_write(&sva, memory + 4 * PAGE, PAGE, 0, PAGE);
	for (size_t i = PAGE; i < 2 * PAGE; i++)
		cr_assert(eq(chr, memory[i], 'm'), "wrote to read-only memory");
	accel_sva_finish(&sva);
}

Test(sva, write_only_is_a_protection_too)
{
	struct accel_sva sva = bind_self();
	char *memory = map_pages(1, PROT_WRITE);

	expect_read(&sva, memory, 8, -EACCES, 0);
	expect_write(&sva, memory, 8, 0, 8);
	accel_sva_finish(&sva);
}

Test(sva, follows_changes_of_the_address_space)
{
	struct accel_sva sva = bind_self();
	char *memory = map_pages(4, PROT_READ | PROT_WRITE);

	cr_assert(zero(int, munmap(memory + 2 * PAGE, PAGE)));
	expect_read(&sva, memory + PAGE + 7, 2 * PAGE, -EFAULT, PAGE - 7);
	expect_write(&sva, memory + 2 * PAGE - 5, 6, -EFAULT, 5);
	expect_read(&sva, memory + 2 * PAGE + 7, 1, -EFAULT, 0);
	cr_assert(eq(ptr,
		     mmap(memory + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		     memory + 2 * PAGE));
	memset(memory, 'm', 4 * PAGE);
	expect_read(&sva, memory, 4 * PAGE, 0, 4 * PAGE);
	accel_sva_finish(&sva);
}

Test(sva, knows_no_address_at_the_ends)
{
	static const uint64_t places[] = {
		0,
		1,
		PAGE,
		UINT64_MAX - 15,
		UINT64_C(1) << 63,
		(UINT64_C(1) << 63) - 8,
		UINT64_C(0xffff800000000000),
	};
	struct accel_sva sva = bind_self();

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		expect_read(&sva, (char *)(uintptr_t)places[i], 16, -EFAULT, 0);
		expect_write(&sva, (char *)(uintptr_t)places[i], 16, -EFAULT, 0);
	}
	accel_sva_finish(&sva);
}

/* The mapping exists with the access, but its page does not. */
Test(sva, finds_a_truncated_file_unmapped)
{
	struct accel_sva sva = bind_self();
	int fd = new_memfd(2 * PAGE);
	char *memory;

	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(ne(ptr, memory, MAP_FAILED));
	memset(memory, 'm', 2 * PAGE);
	cr_assert(zero(int, ftruncate(fd, PAGE)));
	expect_read(&sva, memory + 8, 2 * PAGE - 8, -EFAULT, PAGE - 8);
	expect_write(&sva, memory + PAGE, 8, -EFAULT, 0);
	close(fd);
	accel_sva_finish(&sva);
}

/* ---- descriptors accepted for a process -------------------------------------------- */

static int open_or_fail(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	cr_assert(ge(int, fd, 0), "%s", path);
	return fd;
}

Test(sva, refuses_other_descriptors)
{
	struct accel_sva sva = {-1, -1};
	int memfd = memfd_create("x/1/mem", MFD_CLOEXEC);
	int mem, maps;
	const struct {
		int mem, maps;
	} bad[] = {
		{(open_self(&mem, &maps), maps), mem},
		{mem, mem},
		{maps, maps},
		{open_or_fail("/proc/self/mem", O_RDONLY), maps},
		{open_or_fail("/proc/self/mem", O_WRONLY), maps},
		{open_or_fail("/proc/self/mem", O_PATH), maps},
		{mem, open_or_fail("/proc/self/maps", O_PATH)},
		{mem, open_or_fail("/proc/self/smaps", O_RDONLY)},
		{mem, open_or_fail("/proc/thread-self/maps", O_RDONLY)},
		{mem, open_or_fail("/proc/meminfo", O_RDONLY)},
		{memfd, maps},
		{mem, -1},
		{-1, maps},
		{mem, 1000000},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect(eq(int, accel_sva_init(&sva, bad[i].mem, bad[i].maps), -EBADFD),
			  "pair %zu", i);
		cr_expect(eq(int, sva.mem, -1), "output written on failure");
	}
	cr_expect(zero(int, try_init(&sva, mem, maps)));
	accel_sva_finish(&sva);
	cr_expect(lt(int, fcntl(mem, F_GETFD), 0), "descriptors closed on failure");
	cr_expect(lt(int, fcntl(maps, F_GETFD), 0));
}

Test(sva, takes_a_thread_for_its_process)
{
	char *memory = map_pages(1, PROT_READ | PROT_WRITE);
	struct accel_sva sva;

	cr_assert(zero(int, try_init(&sva, open_or_fail("/proc/thread-self/mem", O_RDWR),
				     open_or_fail("/proc/thread-self/maps", O_RDONLY))));
	expect_read(&sva, memory, PAGE, 0, PAGE);
	accel_sva_finish(&sva);
}

/* A file with the same name is refused. */
Test(sva, refuses_a_file_of_that_name)
{
	char dir[] = "/tmp/sva-XXXXXX", path[64];
	struct accel_sva sva = {-1, -1};
	int mem, maps, r;

	cr_assert(ne(ptr, mkdtemp(dir), NULL));
	snprintf(path, sizeof(path), "%s/12", dir);
	cr_assert(zero(int, mkdir(path, 0700)));
	snprintf(path, sizeof(path), "%s/12/mem", dir);
	mem = open_or_fail(path, O_RDWR | O_CREAT);
	unlink(path);
	snprintf(path, sizeof(path), "%s/12/maps", dir);
	maps = open_or_fail(path, O_RDONLY | O_CREAT);
	unlink(path);
	snprintf(path, sizeof(path), "%s/12", dir);
	rmdir(path);
	rmdir(dir);
	r = accel_sva_init(&sva, mem, maps);
	cr_expect(lt(int, r, 0));
	cr_expect(eq(int, sva.mem, -1));
}

/* ---- other processes --------------------------------------------------------------- */

/* A process that has bound itself, and executes one-letter commands. */
struct process {
	pid_t pid;
	int socket;
	struct accel_sva sva;
	char *memory; /* two pages there, at the same address here */
};

/*
 * 'x': becomes another program. 'f': makes a child with memory of its own, which writes
 * there, and waits for it. Exits when the socket is closed. All replies are one letter.
 */
static _Noreturn void be_process(int socket, char *memory)
{
	char letter;

	alarm(60);
	if (send_fds(socket, "", 1,
		     (int[]){open("/proc/self/mem", O_RDWR),
			     open("/proc/self/maps", O_RDONLY)},
		     2) != 1)
		_exit(2);
	while (read(socket, &letter, 1) == 1) {
		if (letter == 'x') {
			dup2(socket, 0);
			dup2(socket, 1);
			/* Echoes its input, this letter's reply included. */
			execl("/bin/cat", "cat", "-u", NULL);
			_exit(3);
		}
		if (letter == 'f' && fork() == 0) {
			memset(memory, 'c', 2 * PAGE);
			_exit(0);
		}
		wait(NULL);
		if (write(socket, &letter, 1) != 1)
			_exit(4);
	}
	_exit(0);
}

static void process_init(struct process *process)
{
	int sockets[2], fds[2];
	size_t n_fds = 0;

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)));
	process->memory = map_pages(2, PROT_READ | PROT_WRITE);
	process->pid = fork();
	cr_assert(ge(int, process->pid, 0));
	if (process->pid == 0) {
		close(sockets[0]);
		be_process(sockets[1], process->memory);
	}
	close(sockets[1]);
	process->socket = sockets[0];
	memset(process->memory, 'p', 2 * PAGE);
	cr_assert(
		eq(int, receive_fds(process->socket, &(char){0}, 1, fds, 2, &n_fds), 1));
	cr_assert(eq(sz, n_fds, 2));
	cr_assert(zero(int, try_init(&process->sva, fds[0], fds[1])));
}

/* Sends a command, and returns when it is done. */
static void tell(struct process *process, char letter)
{
	char answer = 0;

	cr_assert(eq(long, write(process->socket, &letter, 1), 1));
	if (letter == 'x') /* the new program replies */
		cr_assert(eq(long, write(process->socket, "y", 1), 1));
	cr_assert(eq(long, read(process->socket, &answer, 1), 1));
	cr_assert(eq(chr, answer, letter == 'x' ? 'y' : letter));
}

static void process_end(struct process *process)
{
	int status;

	close(process->socket);
	cr_assert(eq(int, waitpid(process->pid, &status, 0), process->pid));
	cr_assert(zero(int, status));
}

Test(sva, is_the_memory_of_the_other_process)
{
	struct process process;

	process_init(&process);
	expect_read(&process.sva, process.memory, 2 * PAGE, 0, 2 * PAGE);
	expect_write(&process.sva, process.memory, PAGE, 0, PAGE);
	cr_expect(eq(chr, process.memory[0], 'p'), "the child's memory was not separate");
	expect_read(&process.sva, process.memory + PAGE, PAGE, 0, PAGE);
	process_end(&process);
	accel_sva_finish(&process.sva);
}

Test(sva, does_not_see_what_a_child_writes)
{
	struct process process;

	process_init(&process);
	tell(&process, 'f');
	expect_read(&process.sva, process.memory, 2 * PAGE, 0, 2 * PAGE);
	process_end(&process);
	accel_sva_finish(&process.sva);
}

Test(sva, is_gone_with_the_process)
{
	struct process process;

	process_init(&process);
	process_end(&process);
	expect_read(&process.sva, process.memory, 8, -ESRCH, 0);
	expect_write(&process.sva, process.memory, 8, -ESRCH, 0);
	accel_sva_finish(&process.sva);
}

Test(sva, is_gone_after_exec)
{
	struct process process;

	process_init(&process);
	tell(&process, 'x');
	expect_read(&process.sva, process.memory, 8, -ESRCH, 0);
	expect_write(&process.sva, process.memory, 8, -ESRCH, 0);
	process_end(&process);
	accel_sva_finish(&process.sva);
}

Test(sva, cannot_bind_a_process_that_is_gone)
{
	struct accel_sva again = {-1, -1};
	struct process process;

	process_init(&process);
	cr_expect(eq(int,
		     accel_sva_init(&again, process.sva.mem,
				    open_or_fail("/proc/self/maps", O_RDONLY)),
		     -EBADFD),
		  "of two processes");
	tell(&process, 'x');
	cr_expect(eq(int, accel_sva_init(&again, process.sva.mem, process.sva.maps),
		     -ESRCH));
	process_end(&process);
	cr_expect(eq(int, accel_sva_init(&again, process.sva.mem, process.sva.maps),
		     -ESRCH));
	cr_expect(eq(int, again.mem, -1));
	accel_sva_finish(&process.sva);
}
