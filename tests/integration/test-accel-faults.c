/* SPDX-License-Identifier: MIT */
/* test-accel-faults.c - faulting commands, and the state of their queue afterwards */
#include <poll.h>
#include <string.h>

#include "accel.h"
#include "harness.h"
#include "raw.h"

static void fault_record(struct instance *instance, uint32_t flags)
{
	struct accel_command batch[5];
	struct accel_queue_info info;
	struct accel_event event;
	struct accel_fault fault;
	struct desk desk, other;
	uint64_t bad, index;

	desk_start(&desk, instance, flags, 16);
	desk_start(&other, instance, flags, 16);
	bad = desk.region.iova + 4 * PAGE;
	for (unsigned int i = 0; i < 5; i++)
		batch[i] = fill(desk.region.asid, desk.region.iova + i * 8, 8, 0x99);
	/* The first inaccessible byte follows two accessible ones. */
	batch[2].dst = bad - 2;
	expect_done(desk.queue, nop());
	ASSERT_ERR(dmabuffs_accel_queue_fault(desk.queue, &fault), ENODATA);
	ASSERT_OK(dmabuffs_accel_queue_submit(desk.queue, batch, 5, &index));
	ASSERT_EQ(index, 1);
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, index + 4, WAIT_NS), EIO);
	ASSERT_OK(dmabuffs_accel_queue_wait(desk.queue, index + 1, 0));
	ASSERT_ERR(dmabuffs_accel_queue_wait(desk.queue, index + 2, 0), EIO);
	ASSERT_OK(dmabuffs_accel_queue_fault(desk.queue, &fault));
	ASSERT_EQ(fault.index, 3);
	ASSERT_EQ(fault.address, bad);
	ASSERT_EQ(fault.reason, ACCEL_FAULT_UNMAPPED);
	ASSERT_EQ(fault.asid, desk.region.asid);
	ASSERT_EQ(fault.count, 1);
	info = queue_info(desk.seat.context, dmabuffs_accel_queue_id(desk.queue));
	ASSERT_EQ(info.state, ACCEL_QUEUE_FAULTED);
	ASSERT_EQ(info.completed, 3);
	ASSERT_EQ(memcmp(&info.fault, &fault, sizeof(fault)), 0);
	ASSERT(wait_ready(desk.seat.context, POLLIN, WAIT_MS));
	ASSERT_EQ(SYS(read(desk.seat.context, &event, sizeof(event))), sizeof(event));
	ASSERT_EQ(event.type, ACCEL_EVENT_FAULT);
	ASSERT_EQ(event.object, dmabuffs_accel_queue_id(desk.queue));
	ASSERT_EQ(event.value, 3);
	ASSERT_EQ(event.address, bad);
	ASSERT_EQ(event.reason, ACCEL_FAULT_UNMAPPED);
	ASSERT_EQ(event.asid, desk.region.asid);

	/* Earlier commands completed, later ones did not, and submission is refused. */
	ASSERT(is_filled(&desk.region, 0, 16, 0x99));
	ASSERT(is_filled(&desk.region, 16, 40, 0));
	ASSERT_ERR(dmabuffs_accel_queue_submit(desk.queue, batch, 1, &index), EIO);
	/* Other queues are not affected. */
	desk_check(&other, 0x11);
	ASSERT_OK(dmabuffs_accel_queue_reset(desk.queue));
	ASSERT_ERR(dmabuffs_accel_queue_reset(desk.queue), EINVAL);
	ASSERT_ERR(dmabuffs_accel_queue_fault(desk.queue, &fault), ENODATA);
	desk_check(&desk, 0x22);
	desk_end(&desk);
	desk_end(&other);
}

static void fault_mediated(struct instance *instance)
{
	fault_record(instance, 0);
}

static void fault_user_mode(struct instance *instance)
{
	fault_record(instance, ACCEL_QUEUE_USER);
}

static void fault_reasons(struct instance *instance)
{
	struct accel_command command;
	struct desk desk;
	uint32_t asid;
	uint64_t iova, only_read;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	asid = desk.region.asid;
	iova = desk.region.iova;
	ASSERT_OK(map_anywhere(desk.seat.context, asid, desk.region.buffer, PAGE,
			       ACCEL_MAP_READ, &only_read));
	expect_fault(desk.queue, fill(asid, iova, 0, 1), ACCEL_FAULT_COMMAND, 0);
	command = nop();
	command.op = ACCEL_OP_COUNT;
	expect_fault(desk.queue, command, ACCEL_FAULT_COMMAND, 0);
	command = nop();
	command.flags = 1U << 15;
	expect_fault(desk.queue, command, ACCEL_FAULT_COMMAND, 0);
	command = nop();
	command.dst = iova;
	expect_fault(desk.queue, command, ACCEL_FAULT_COMMAND, 0);
	expect_fault(desk.queue, fill(9999, iova, 8, 1), ACCEL_FAULT_ASID, iova);
	expect_fault(desk.queue, copy(asid, iova, 0, iova + PAGE, 8), ACCEL_FAULT_ASID,
		     iova + PAGE);
	expect_fault(desk.queue, copy(asid, iova, asid, 8, 8), ACCEL_FAULT_UNMAPPED, 8);
	expect_fault(desk.queue, fill(asid, -8UL, 16, 1), ACCEL_FAULT_UNMAPPED, -8UL);
	expect_fault(desk.queue, fill(asid, only_read, 8, 1), ACCEL_FAULT_PERMISSION,
		     only_read);
	expect_done(desk.queue, copy(asid, iova, asid, only_read + 8, 8));
	command = copy(asid, iova, asid, iova + PAGE + 1, 16);
	command.op = ACCEL_OP_VADD;
	command.src2_asid = asid;
	command.src2 = iova + 2 * PAGE;
	expect_fault(desk.queue, command, ACCEL_FAULT_ALIGNMENT, iova + PAGE + 1);
	ASSERT(is_filled(&desk.region, 0, 4 * PAGE, 0));
	desk_end(&desk);
}

/* The queue's engine has stopped. */
static bool is_dead(void *data)
{
	int r = run_command(data, nop());

	ASSERT(r == -EIO || r == -ENODEV);
	return r == -ENODEV;
}

/* A queue that faults too often is isolated; its owner can still create another. */
static void isolated(struct instance *instance)
{
	struct accel_queue_info info;
	struct desk desk;
	uint32_t id;
	int n = 0;

	desk_start(&desk, instance, ACCEL_QUEUE_USER, 16);
	id = dmabuffs_accel_queue_id(desk.queue);
	do {
		ASSERT(n++ < 1000);
		ASSERT_ERR(run_command(desk.queue, fill(9999, 0, 8, 1)), EIO);
		info = queue_info(desk.seat.context, id);
		ASSERT_EQ(info.fault.count, n);
	} while (dmabuffs_accel_queue_reset(desk.queue) == 0);
	ASSERT(n > 1);
	ASSERT_EQ(info.state, ACCEL_QUEUE_ISOLATED);
	ASSERT_ERR(dmabuffs_accel_queue_reset(desk.queue), EIO);
	ASSERT_ERR(run_command(desk.queue, nop()), EIO);
	ASSERT_OK(object_call(desk.seat.context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY, id));
	ASSERT(wait_until(is_dead, desk.queue));
	dmabuffs_accel_queue_close(desk.queue);
	desk.queue = make_queue(&desk.seat);
	attach_region(&desk.seat, desk.queue, &desk.region);
	desk_check(&desk, 0x33);
	desk_end(&desk);
}

const struct test_case test_cases[] = {
	{"fault_mediated", fault_mediated},
	{"fault_user_mode", fault_user_mode},
	{"fault_reasons", fault_reasons},
	{"fault_isolated", isolated},
	{0},
};
