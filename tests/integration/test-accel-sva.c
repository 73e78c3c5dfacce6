/* SPDX-License-Identifier: MIT */
/* test-accel-sva.c - process memory as an address space */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw-accel.h"
#include "raw.h"

/* ---- process memory ---------------------------------------------------------------- */

/* A seat with a queue, a region and the bound process; all attached. */
struct own {
	struct seat seat;
	struct dmabuffs_accel_queue *queue;
	struct region region;
	uint32_t asid;
};

static void own_start(struct own *own, const struct instance *instance)
{
	seat_open(&own->seat, instance, SOFT0);
	own->queue = make_queue(&own->seat);
	region_create(&own->seat, &own->region, PAGE);
	attach_region(&own->seat, own->queue, &own->region);
	own->asid = bind_self(&own->seat, 0);
	ASSERT_OK(attach(own->seat.context, dmabuffs_accel_queue_id(own->queue),
			 own->asid));
}

static void own_end(struct own *own)
{
	dmabuffs_accel_queue_close(own->queue);
	region_finish(&own->region);
	seat_close(&own->seat);
}

static uint8_t *map_private(size_t bytes, int protection)
{
	void *address = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(address != MAP_FAILED);
	return address;
}

static struct accel_command from_own(const struct own *own, const void *from, size_t n)
{
	return copy(own->region.asid, own->region.iova, own->asid, (uintptr_t)from, n);
}

static void own_memory(struct instance *instance)
{
	char *heap = strdup("on the heap, which is not shared");
	char stack[100] = "on the stack";
	size_t n = strlen(heap) + 1;
	struct own own;

	own_start(&own, instance);
	expect_done(own.queue, from_own(&own, heap, n));
	ASSERT(memcmp(own.region.bytes, heap, n) == 0);
	expect_done(own.queue,
		    copy(own.asid, (uintptr_t)stack, own.asid, (uintptr_t)heap, n));
	ASSERT(memcmp(stack, heap, n) == 0);
	free(heap);
	own_end(&own);
}

static void page_protections(struct instance *instance)
{
	uint8_t *pages = map_private(4 * PAGE, PROT_READ | PROT_WRITE);
	uintptr_t address = (uintptr_t)pages;
	struct own own;

	own_start(&own, instance);
	memset(pages, 7, 4 * PAGE);
	ASSERT_OK(SYS(mprotect(pages + PAGE, PAGE, PROT_READ)));
	ASSERT_OK(SYS(mprotect(pages + 2 * PAGE, PAGE, PROT_NONE)));
	/* A read-only page. */
	expect_done(own.queue, from_own(&own, pages + PAGE, PAGE));
	expect_fault(own.queue, fill(own.asid, address + PAGE, 8, 1),
		     ACCEL_FAULT_PERMISSION, address + PAGE);
	/* The part before the fault is written. */
	expect_fault(own.queue, fill(own.asid, address + PAGE - 8, 16, 2),
		     ACCEL_FAULT_PERMISSION, address + PAGE);
	ASSERT_EQ(pages[PAGE], 7);
	ASSERT_EQ(pages[PAGE - 1], 2);
	/* An inaccessible page. */
	expect_fault(own.queue, from_own(&own, pages + 2 * PAGE, 8),
		     ACCEL_FAULT_PERMISSION, address + 2 * PAGE);
	/* Code, constants and kernel addresses cannot be written. */
	expect_fault(own.queue, fill(own.asid, (uintptr_t)page_protections & -8UL, 8, 3),
		     ACCEL_FAULT_PERMISSION, (uintptr_t)page_protections & -8UL);
	expect_fault(own.queue, from_own(&own, (void *)-PAGE, 8), ACCEL_FAULT_UNMAPPED,
		     -PAGE);
	/* Protection changes take effect immediately. */
	ASSERT_OK(SYS(mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE)));
	expect_done(own.queue, fill(own.asid, address + PAGE, 8, 4));
	ASSERT_EQ(pages[PAGE], 4);
	munmap(pages + 3 * PAGE, PAGE);
	expect_fault(own.queue, fill(own.asid, address + 3 * PAGE, 8, 5),
		     ACCEL_FAULT_UNMAPPED, address + 3 * PAGE);
	expect_fault(own.queue, fill(own.asid, 0, 8, 5), ACCEL_FAULT_UNMAPPED, 0);
	own_end(&own);
}

static void no_mapping_in_it(struct instance *instance)
{
	struct accel_asid_unmap unmap_arg = {.iova = IOVA, .length = PAGE};
	struct own own;
	uint64_t iova;

	own_start(&own, instance);
	ASSERT(asid_info(own.seat.context, own.asid).flags & ACCEL_ASID_SVA);
	ASSERT_ERR(map_anywhere(own.seat.context, own.asid, own.region.buffer, PAGE,
				READ_WRITE, &iova),
		   EINVAL);
	unmap_arg.asid = own.asid;
	ASSERT_ERR(dmabuffs_accel_call(own.seat.context, DMABUFFS_ACCEL_IOC_ASID_UNMAP,
				       &unmap_arg),
		   EINVAL);
	own_end(&own);
}

static void numbers(struct instance *instance)
{
	struct accel_asid_create arg = {.flags = ACCEL_ASID_VISIBLE};
	struct own own;
	uint32_t visible;

	own_start(&own, instance);
	ASSERT_EQ(asid_info(own.seat.context, own.asid).number, 0);
	ASSERT_EQ(asid_info(own.seat.context, own.region.asid).number, 0);
	visible = bind_self(&own.seat, ACCEL_ASID_VISIBLE);
	ASSERT_OK(dmabuffs_accel_call(own.seat.context, DMABUFFS_ACCEL_IOC_ASID_CREATE,
				      &arg));
	ASSERT(asid_info(own.seat.context, visible).number > 0);
	ASSERT(asid_info(own.seat.context, arg.id).number > 0);
	ASSERT(asid_info(own.seat.context, arg.id).number !=
	       asid_info(own.seat.context, visible).number);
	arg.flags = 1U << 20;
	ASSERT_ERR(dmabuffs_accel_call(own.seat.context, DMABUFFS_ACCEL_IOC_ASID_CREATE,
				       &arg),
		   EOPNOTSUPP);
	own_end(&own);
}

/* Only /proc/self/mem and maps of the same process are accepted. */
static void strange_files(struct instance *instance)
{
	int mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
	int read_mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDONLY | O_CLOEXEC)));
	int maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));
	int init_maps = ASSERT_OK(SYS(open("/proc/1/maps", O_RDONLY | O_CLOEXEC)));
	int memfd = raw_memfd(PAGE);
	const int bad[][2] = {{memfd, maps}, {mem, memfd}, {read_mem, maps},
			      {maps, mem},   {mem, mem},   {mem, init_maps}};
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct dmabuffs_accel_sva arg = {.mem = bad[i][0], .maps = bad[i][1]};

		ASSERT_ERR(dmabuffs_accel_call(seat.context, DMABUFFS_ACCEL_IOC_ASID_SVA,
					       &arg),
			   EBADFD);
	}
	close(mem);
	close(read_mem);
	close(maps);
	close(init_maps);
	close(memfd);
	seat_close(&seat);
}

/* A process that binds its memory to an inherited context. */
struct lender {
	const struct instance *instance;
	const struct own *own;
	uint8_t *page;   /* private, at the same address in both processes */
	int lifetime[2]; /* keeps the executed program running until closed */
};

static void lend(int peer, const struct lender *lender)
{
	struct seat seat;
	uint32_t asid;

	seat_take(&seat, lender->instance, lender->own->seat.context);
	memset(lender->page, 0xb0, PAGE);
	asid = bind_self(&seat, 0);
	peer_put(peer, &asid, sizeof(asid));
	peer_wait(peer);
}

static void lend_only(int peer, void *data)
{
	const struct lender *lender = data;

	lend(peer, lender);
	/* Writes by the other processes. */
	ASSERT_EQ(lender->page[0], 0x33);
	ASSERT_EQ(lender->page[1], 0xb0);
}

static void lend_and_exec(int peer, void *data)
{
	const struct lender *lender = data;

	lend(peer, lender);
	ASSERT_OK(SYS(dup2(lender->lifetime[0], STDIN_FILENO)));
	execl("/bin/cat", "cat", NULL);
	_exit(127);
}

static uint32_t borrow(const struct own *own, struct child *child)
{
	uint32_t asid;

	peer_get(child->peer, &asid, sizeof(asid));
	ASSERT_OK(attach(own->seat.context, dmabuffs_accel_queue_id(own->queue), asid));
	return asid;
}

static void lend_to(struct instance *instance, const struct identity *who)
{
	struct own own;
	struct lender lender = {instance, &own,
				map_private(PAGE, PROT_READ | PROT_WRITE)};
	uintptr_t address = (uintptr_t)lender.page;
	struct child child;
	uint32_t asid;

	own_start(&own, instance);
	child_start(&child, who, lend_only, &lender);
	asid = borrow(&own, &child);
	expect_done(own.queue,
		    copy(own.region.asid, own.region.iova, asid, address, PAGE));
	ASSERT(is_filled(&own.region, 0, PAGE, 0xb0));
	expect_done(own.queue, fill(asid, address, 1, 0x33));
	/* This process has a different page at the same address. */
	ASSERT_EQ(lender.page[0], 0);
	peer_signal(child.peer);
	child_wait(&child);
	/* The memory is released when the process exits. */
	expect_fault(own.queue, fill(asid, address, 1, 0x44), ACCEL_FAULT_SVA, address);
	expect_done(own.queue, fill(own.asid, address, 1, 0x44));
	own_end(&own);
}

static void memory_of_another(struct instance *instance)
{
	lend_to(instance, NULL);
	lend_to(instance, USER(1001));
}

/* The memory of a process that knows nothing of the device. */
static void own_a_page(int peer, void *data)
{
	uint8_t *page = map_private(PAGE, PROT_READ | PROT_WRITE);

	memset(page, 0xc0, PAGE);
	peer_put(peer, &page, sizeof(page));
	peer_wait(peer);
	ASSERT_EQ(page[0], 0x55);
}

static int open_memory_of(pid_t pid, const char *name, int access)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return (int)SYS(open(path, access | O_CLOEXEC));
}

static int try_memory_of(void *data)
{
	return open_memory_of(*(pid_t *)data, "mem", O_RDWR);
}

/* The kernel decides who may open the files, and the holder of both can bind. */
static void memory_that_may_be_traced(struct instance *instance)
{
	struct child child;
	struct own own;
	uint32_t asid;
	void *page;
	int mem, maps;

	own_start(&own, instance);
	child_start(&child, USER(1001), own_a_page, NULL);
	peer_get(child.peer, &page, sizeof(page));
	ASSERT_ERR(child_call(USER(1002), try_memory_of, &child.pid), EACCES);
	mem = ASSERT_OK(open_memory_of(child.pid, "mem", O_RDWR));
	maps = ASSERT_OK(open_memory_of(child.pid, "maps", O_RDONLY));
	asid = (uint32_t)ASSERT_OK(raw_accel_sva(own.seat.context, mem, maps));
	ASSERT_OK(attach(own.seat.context, dmabuffs_accel_queue_id(own.queue), asid));
	expect_done(own.queue,
		    copy(own.region.asid, own.region.iova, asid, (uintptr_t)page, PAGE));
	ASSERT(is_filled(&own.region, 0, PAGE, 0xc0));
	expect_done(own.queue, fill(asid, (uintptr_t)page, 1, 0x55));
	peer_signal(child.peer);
	child_wait(&child);
	close(mem);
	close(maps);
	own_end(&own);
}

static bool has_ended(int peer)
{
	char byte;

	return wait_ready(peer, POLLIN, WAIT_MS) && recv(peer, &byte, 1, 0) == 0;
}

static void dead_after_exec(struct instance *instance)
{
	struct own own;
	struct lender lender = {instance, &own,
				map_private(PAGE, PROT_READ | PROT_WRITE)};
	uintptr_t address = (uintptr_t)lender.page;
	struct child child;
	uint32_t asid;

	ASSERT_OK(SYS(pipe2(lender.lifetime, O_CLOEXEC)));
	own_start(&own, instance);
	child_start(&child, USER(1001), lend_and_exec, &lender);
	asid = borrow(&own, &child);
	expect_done(own.queue, fill(asid, address, 8, 1));
	peer_signal(child.peer);
	ASSERT(has_ended(child.peer)); /* by exec: the descriptor was close-on-exec */
	expect_fault(own.queue, fill(asid, address, 8, 2), ACCEL_FAULT_SVA, address);
	expect_fault(own.queue, copy(own.region.asid, own.region.iova, asid, address, 8),
		     ACCEL_FAULT_SVA, address);
	/* Both the process and the context still exist. */
	ASSERT_OK(SYS(kill(child.pid, 0)));
	expect_done(own.queue, from_own(&own, lender.page, 8));
	close(lender.lifetime[1]);
	child_wait(&child);
	own_end(&own);
}

static void write_copy(int peer, void *data)
{
	uint8_t *page = data;

	memset(page, 0xcc, PAGE);
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_EQ(page[0], 0xcc);
	ASSERT_EQ(page[PAGE - 1], 0xcc);
}

static void absent_in_a_child(struct instance *instance)
{
	uint8_t *page = map_private(PAGE, PROT_READ | PROT_WRITE);
	struct child child;
	struct own own;

	own_start(&own, instance);
	memset(page, 0xaa, PAGE);
	child_start(&child, NULL, write_copy, page);
	peer_wait(child.peer);
	expect_done(own.queue, from_own(&own, page, PAGE));
	ASSERT(is_filled(&own.region, 0, PAGE, 0xaa));
	expect_done(own.queue, fill(own.asid, (uintptr_t)page, PAGE, 0xdd));
	ASSERT_EQ(page[0], 0xdd);
	peer_signal(child.peer);
	child_wait(&child);
	own_end(&own);
}

/* The container's /proc has different PIDs. */
static void bind_inside(int peer, void *data)
{
	uint8_t *page = map_private(PAGE, PROT_READ | PROT_WRITE);
	struct own own;

	ASSERT_EQ(getpid(), 1);
	ASSERT_OK(SYS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)));
	ASSERT_OK(SYS(mount("proc", "/proc", "proc", 0, NULL)));
	own_start(&own, data);
	memset(page, 0x21, PAGE);
	expect_done(own.queue, from_own(&own, page, PAGE));
	ASSERT(is_filled(&own.region, 0, PAGE, 0x21));
	own_end(&own);
}

static void own_memory_in_container(struct instance *instance)
{
	const struct identity root = {.namespaces = CLONE_NEWPID | CLONE_NEWNS};
	struct child child;

	child_start(&child, &root, bind_inside, instance);
	child_wait(&child);
}

const struct test_case test_cases[] = {
	{"sva_own_memory", own_memory},
	{"sva_page_protections", page_protections},
	{"sva_no_mapping_in_it", no_mapping_in_it},
	{"sva_numbers", numbers},
	{"sva_strange_files", strange_files},
	{"sva_memory_of_another", memory_of_another},
	{"sva_memory_that_may_be_traced", memory_that_may_be_traced},
	{"sva_dead_after_exec", dead_after_exec},
	{"sva_absent_in_a_child", absent_in_a_child},
	{"sva_own_memory_in_container", own_memory_in_container},
	{0},
};
