/* SPDX-License-Identifier: MIT */
/* test-soft-faults-memory.c - commands that fault at an address: what is there, and how
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "context.h"
#include "faults-fixture.h"

/* ---- UNMAPPED ---------------------------------------------------------------------- */

Test(soft_faults, addresses_with_nothing_there)
{
	static const uint64_t nowhere[] = {
		0,
		8,
		BASE - 8,
		BEYOND,
		UINT64_C(1) << 48,
		UINT64_C(1) << 63,
		UINT64_MAX - 71,
	};

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		struct accel_command command = faults_good_command(ACCEL_OP_XOR);

		command.src = nowhere[i];
		faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, nowhere[i]);
		command = faults_good_command(ACCEL_OP_XOR);
		command.src2 = nowhere[i];
		faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, nowhere[i]);
		command = faults_good_command(ACCEL_OP_XOR);
		command.dst = nowhere[i];
		faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, nowhere[i]);
	}
}

Test(soft_faults, ranges_that_run_out_of_a_mapping)
{
	for (unsigned op = ACCEL_OP_COPY; op <= ACCEL_OP_MATMUL; op++) {
		struct accel_command command = faults_good_command(op);

		if (op == ACCEL_OP_FILL)
			continue;
		/* The bytes before it are equal. */
		command.src = BEYOND - 4;
		faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, BEYOND);
	}
	for (unsigned op = ACCEL_OP_COPY; op <= ACCEL_OP_MATMUL; op++) {
		struct accel_command command = faults_good_command(op);

		if (op == ACCEL_OP_COMPARE || op == ACCEL_OP_CRC32C)
			continue;
		if (op == ACCEL_OP_FILL)
			command.length = 64;
		command.dst = BEYOND - 16;
		/* The device writes at least a row of the product. */
		faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, BEYOND);
	}
}

Test(soft_faults, a_gap_in_the_middle)
{
	struct accel_command command = faults_good_command(ACCEL_OP_COPY);

	/* Two more pages, beyond a hole of one page. */
	faults_map(faults_asid, faults_buffer, 0, 2 * PAGE, RW, BEYOND + PAGE);
	memset(faults_view, 's', AREA);
	memset(faults_view + 7 * PAGE, 'd', PAGE);
	command.src = BASE;
	command.dst = BASE + 7 * PAGE + 100;
	command.length = 3 * PAGE;
	faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, BEYOND);
	for (size_t i = 7 * PAGE; i < AREA - 8; i++)
		cr_assert(eq(chr, faults_view[i], i < 7 * PAGE + 100 ? 'd' : 's'),
			  "byte %zu", i);
	cr_expect(eq(chr, faults_view[0], 's'), "wrote beyond the gap");
}

Test(soft_faults, ranges_that_wrap)
{
	struct accel_command command = faults_good_command(ACCEL_OP_XOR);

	command.src2 = UINT64_MAX - 62;
	faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, command.src2);
	command = faults_good_command(ACCEL_OP_COPY);
	command.length = UINT64_MAX;
	faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, command.src);
	command = soft_fill(faults_asid, BASE, 1);
	command.length = UINT64_MAX;
	faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, BASE);
	/* The largest length that does not wrap. */
	command.length = UINT64_MAX - BASE + 1;
	faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, BEYOND);
	command = faults_good_command(ACCEL_OP_MATMUL);
	command.src2 = UINT64_MAX - 31;
	faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, command.src2);
}

Test(soft_faults, a_mapping_that_is_gone)
{
	struct accel_command command = soft_fill(faults_asid, BEYOND, 3);

	faults_map(faults_asid, faults_buffer, 0, PAGE, RW, BEYOND);
	faults_expect_good(&command);
	cr_assert(eq(i64, soft_unmap(soft_context, faults_asid, BEYOND, PAGE),
		     (int64_t)PAGE));
	faults_expect(&command, ACCEL_FAULT_UNMAPPED, faults_asid, BEYOND);
}

/* ---- PERMISSION -------------------------------------------------------------------- */

Test(soft_faults, accesses_that_are_not_allowed)
{
	struct accel_command command = faults_good_command(ACCEL_OP_XOR);

	faults_map(faults_asid, faults_buffer, 0, PAGE, ACCEL_MAP_READ, BEYOND);
	faults_map(faults_asid, faults_buffer, 0, PAGE, ACCEL_MAP_WRITE, BEYOND + PAGE);
	command.dst = BEYOND - 24;
	faults_expect(&command, ACCEL_FAULT_PERMISSION, faults_asid, BEYOND);
	command = soft_fill(faults_asid, BEYOND + 40, 9);
	faults_expect(&command, ACCEL_FAULT_PERMISSION, faults_asid, BEYOND + 40);
	command = faults_good_command(ACCEL_OP_XOR);
	command.src = BEYOND + PAGE - 8;
	faults_expect(&command, ACCEL_FAULT_PERMISSION, faults_asid, BEYOND + PAGE);
	command.src = BEYOND;
	command.src2 = BEYOND + PAGE + 3;
	faults_expect(&command, ACCEL_FAULT_PERMISSION, faults_asid, BEYOND + PAGE + 3);
	command.src2 = BEYOND;
	command.dst = BEYOND + PAGE;
	faults_expect_good(&command);
}

/* ---- ALIGNMENT --------------------------------------------------------------------- */

Test(soft_faults, results_and_numbers_are_aligned)
{
	static const struct {
		uint16_t op;
		unsigned src, dst; /* alignment of operands and result */
	} rules[] = {
		{ACCEL_OP_COPY, 1, 1},   {ACCEL_OP_XOR, 1, 1},  {ACCEL_OP_COMPARE, 1, 8},
		{ACCEL_OP_CRC32C, 1, 4}, {ACCEL_OP_VADD, 4, 4}, {ACCEL_OP_MATMUL, 4, 4},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (unsigned off = 1; off <= 8; off++) {
			struct accel_command command = faults_good_command(rules[i].op);

			command.src += off;
			if (off % rules[i].src)
				faults_expect(&command, ACCEL_FAULT_ALIGNMENT,
					      faults_asid, command.src);
			else
				faults_expect_good(&command);
			command = faults_good_command(rules[i].op);
			command.dst += off;
			if (off % rules[i].dst)
				faults_expect(&command, ACCEL_FAULT_ALIGNMENT,
					      faults_asid, command.dst);
			else
				faults_expect_good(&command);
		}
}

/* ---- REVOKED and DEVICE ------------------------------------------------------------ */

Test(soft_faults, memory_that_was_truncated)
{
	struct accel_command command = faults_good_command(ACCEL_OP_COPY);

	command.src = BASE;
	command.dst = BASE + 5 * PAGE + 8;
	command.length = 2 * PAGE;
	faults_expect_good(&command);
	cr_assert(zero(int, ftruncate(faults_memfd, 6 * PAGE)));
	munmap(faults_view, AREA);
	faults_view = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* The fixture's own commands use the last page. */
	user_queue_submit(&faults_queue, &command);
	cr_assert(eq(int, user_queue_wait(&faults_queue), -EIO));
	cr_expect(eq(u32, faults_queue.producer.ring->fault.reason, ACCEL_FAULT_REVOKED));
	cr_expect(eq(u64, faults_queue.producer.ring->fault.address, BASE + 6 * PAGE));
	cr_expect(eq(u32, faults_queue.producer.ring->fault.asid, faults_asid));
	cr_assert(zero(int, soft_call(soft_context, accel_queue_reset, faults_queue.id)));
	command.src = BASE + 7 * PAGE + 5;
	command.dst = BASE;
	command.length = 8;
	cr_assert(eq(int, user_queue_run(&faults_queue, &command), -EIO));
	cr_expect(eq(u32, faults_queue.producer.ring->fault.reason, ACCEL_FAULT_REVOKED));
	cr_expect(
		eq(u64, faults_queue.producer.ring->fault.address, BASE + 7 * PAGE + 5));
	/* Pages come back when the file grows again. */
	cr_assert(zero(int, ftruncate(faults_memfd, AREA)));
	cr_assert(zero(int, soft_call(soft_context, accel_queue_reset, faults_queue.id)));
	faults_expect_good(&command);
}

Test(soft_faults, memory_that_was_revoked)
{
	uint32_t own = soft_buffer(soft_context, 2 * PAGE, 0);
	struct accel_command command = soft_fill(faults_asid, BEYOND + PAGE + 8, 3);

	faults_map(faults_asid, own, 0, 2 * PAGE, RW, BEYOND);
	faults_expect_good(&command);
	cr_assert(zero(int, soft_call(soft_context, accel_buffer_revoke, own)));
	faults_expect(&command, ACCEL_FAULT_REVOKED, faults_asid, BEYOND + PAGE + 8);
	command = faults_good_command(ACCEL_OP_MATMUL);
	command.src2 = BEYOND;
	faults_expect(&command, ACCEL_FAULT_REVOKED, faults_asid, BEYOND);
}

Test(soft_faults, a_hole_reads_as_zero)
{
	struct accel_command command = faults_good_command(ACCEL_OP_COPY);

	memset(faults_view, 'x', AREA);
	cr_assert(zero(int,
		       fallocate(faults_memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 2 * PAGE, PAGE)));
	faults_expect_good(&command);
	cr_expect(zero(int, faults_view[0]));
}

/* Replaces a page of the test's mapping of the buffer by one that cannot be read. */
static void break_page(size_t page)
{
	struct accel_base *base =
		accel_context_get(soft_context, ACCEL_TYPE_BUFFER, faults_buffer);
	char *memory = ((struct accel_buffer *)base)->memory;
	int empty = new_memfd(0);

	cr_assert(ne(ptr,
		     mmap(memory + page * PAGE, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, empty, 0),
		     MAP_FAILED));
	close(empty);
	accel_base_unref(base);
}

Test(soft_faults, memory_that_the_device_cannot_have)
{
	struct accel_command command = soft_fill(faults_asid, BASE + 3 * PAGE + 16, 1);

	break_page(3);
	faults_expect(&command, ACCEL_FAULT_DEVICE, faults_asid, BASE + 3 * PAGE + 16);
	command = faults_good_command(ACCEL_OP_COMPARE);
	command.src2 = BASE + 3 * PAGE - 32;
	command.length = 100;
	faults_expect(&command, ACCEL_FAULT_DEVICE, faults_asid, BASE + 3 * PAGE);
}

static atomic_bool stop;

/* Truncates the last pages and restores them, repeatedly. */
static void *truncate_often(void *arg)
{
	while (!stop) {
		if (ftruncate(faults_memfd, 3 * PAGE) < 0 ||
		    ftruncate(faults_memfd, AREA) < 0)
			return (void *)1;
	}
	return NULL;
}

Test(soft_faults, memory_that_is_truncated_while_it_is_copied)
{
	struct accel_command command = faults_good_command(ACCEL_OP_COPY);
	unsigned revoked = 0;
	pthread_t thread;
	void *failed;

	command.src = BASE;
	command.dst = BASE + 4 * PAGE;
	command.length = 4 * PAGE;
	cr_assert(zero(int, pthread_create(&thread, NULL, truncate_often, NULL)));
	for (unsigned i = 0; i < 30000 && revoked < 200; i++) {
		const struct accel_fault *fault;
		int r = user_queue_run(&faults_queue, &command);

		if (r == 0)
			continue;
		cr_assert(eq(int, r, -EIO));
		fault = &faults_queue.producer.ring->fault;
		/* The page can be back by the time the reason is determined. */
		if (fault->reason != ACCEL_FAULT_DEVICE)
			cr_assert(eq(u32, fault->reason, ACCEL_FAULT_REVOKED));
		cr_assert(ge(u64, fault->address, BASE + 3 * PAGE));
		cr_assert(lt(u64, fault->address, BEYOND));
		revoked += fault->reason == ACCEL_FAULT_REVOKED;
		faults_renew_queue();
	}
	stop = true;
	pthread_join(thread, &failed);
	cr_expect(zero(ptr, failed));
	cr_expect(gt(uint, revoked, 0), "no command was hit");
}

/* ---- SVA --------------------------------------------------------------------------- */

/* Binds the calling process. */
static uint32_t bind_self(void)
{
	struct accel_asid_create arg = {.size = sizeof(arg)};
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	int r = accel_asid_create_sva(soft_context, &arg, mem, maps);

	if (r == -EOPNOTSUPP)
		cr_skip("this kernel has no PROCMAP_QUERY");
	cr_assert(zero(int, r));
	cr_assert(zero(int, soft_attach(soft_context, faults_queue.id, arg.id)));
	return arg.id;
}

Test(soft_faults, protections_of_a_process)
{
	uint32_t sva = bind_self();
	struct accel_command command = faults_good_command(ACCEL_OP_COPY);
	char *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uintptr_t)memory;

	cr_assert(zero(int, mprotect(memory + PAGE, PAGE, PROT_READ)));
	cr_assert(zero(int, mprotect(memory + 2 * PAGE, PAGE, PROT_NONE)));
	cr_assert(zero(int, munmap(memory + 3 * PAGE, PAGE)));
	command.dst_asid = sva;
	command.dst = at + PAGE - 16;
	faults_expect(&command, ACCEL_FAULT_PERMISSION, sva, at + PAGE);
	cr_expect(zero(int, memory[PAGE]));
	command = faults_good_command(ACCEL_OP_COPY);
	command.src_asid = sva;
	command.src = at + 2 * PAGE - 16;
	faults_expect(&command, ACCEL_FAULT_PERMISSION, sva, at + 2 * PAGE);
	command.src = at + 3 * PAGE + 1;
	faults_expect(&command, ACCEL_FAULT_UNMAPPED, sva, at + 3 * PAGE + 1);
	command.src = at + PAGE - 16;
	faults_expect_good(&command);
	munmap(memory, 3 * PAGE);
}

/*
 * Binds a child that exits when its socket is closed, through its files, which it sends.
 */
static uint32_t bind_child(pid_t *ret_pid, int *ret_socket)
{
	struct accel_asid_create arg = {.size = sizeof(arg)};
	int sockets[2], mem, maps, r;
	char path[40], letter;

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)));
	*ret_pid = fork();
	if (*ret_pid == 0) {
		close(sockets[0]);
		alarm(60);
		_exit(read(sockets[1], &letter, 1) != 0);
	}
	close(sockets[1]);
	*ret_socket = sockets[0];
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)*ret_pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)*ret_pid);
	maps = open(path, O_RDONLY | O_CLOEXEC);
	r = accel_asid_create_sva(soft_context, &arg, mem, maps);
	if (r == -EOPNOTSUPP)
		cr_skip("this kernel has no PROCMAP_QUERY");
	cr_assert(zero(int, r));
	cr_assert(zero(int, soft_attach(soft_context, faults_queue.id, arg.id)));
	return arg.id;
}

Test(soft_faults, a_process_that_is_gone)
{
	struct accel_command command = faults_good_command(ACCEL_OP_COPY);
	char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t sva;
	int socket;
	pid_t pid;

	strcpy(memory, "of the child");
	sva = bind_child(&pid, &socket);
	strcpy(memory, "of the parent");
	command.src_asid = sva;
	command.src = (uintptr_t)memory;
	faults_expect_good(&command);
	cr_expect(eq(str, faults_view, (char *)"of the child"));
	close(socket);
	cr_assert(eq(int, waitpid(pid, NULL, 0), pid));
	faults_expect(&command, ACCEL_FAULT_SVA, sva, command.src);
	command = faults_good_command(ACCEL_OP_COPY);
	command.dst_asid = sva;
	command.dst = (uintptr_t)memory;
	faults_expect(&command, ACCEL_FAULT_SVA, sva, command.dst);
	munmap(memory, PAGE);
}
