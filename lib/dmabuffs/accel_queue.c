/* SPDX-License-Identifier: MIT */
/*
 * accel_queue.c - open and close a queue in this process
 *
 * The ring comes as a descriptor from the broker; only its mapping is kept. The kernel
 * leaves the mapping out at fork(2) and at every other copy of the address space
 * (MADV_DONTFORK), so a child cannot disturb what its parent submits.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <util.h>

#include "accel_queue.h"
#include "broker.h"
#include "same_process.h"

#define RING_BYTES_MAX                                                                   \
	(ACCEL_RING_ENTRIES + ACCEL_RING_MAX * sizeof(struct accel_command))

/*
 * Every holder of the context can get a descriptor of this memory. Only a seal prevents
 * them from truncating it, which would raise SIGBUS here.
 */
static int accel_queue_check_ring(int fd, size_t *ret_bytes)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return -EPROTO;
	if (status.st_size < ACCEL_RING_ENTRIES ||
	    (size_t)status.st_size > RING_BYTES_MAX)
		return -EPROTO;

	*ret_bytes = (size_t)status.st_size;
	return 0;
}

static int accel_queue_map_ring(struct dmabuffs_accel_queue *queue, int fd)
{
	size_t bytes = 0;
	void *ring;
	int r = accel_queue_check_ring(fd, &bytes);

	if (r < 0)
		return r;
	ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	queue->ring = ring;
	queue->bytes = bytes;
	if (madvise(ring, bytes, MADV_DONTFORK) < 0)
		return -errno;
	return ring_producer_init(&queue->producer, ring, bytes);
}

/* A ring smaller than the service said would be written past its end. */
static int accel_queue_check_kind(const struct dmabuffs_accel_queue *queue)
{
	bool user = queue->flags & ACCEL_QUEUE_USER;

	if (!user != !queue->producer.slots)
		return -EPROTO;
	return user && queue->producer.entries != queue->entries ? -EPROTO : 0;
}

static int accel_queue_fill(struct dmabuffs_accel_queue *queue, struct dmabuffs *instance)
{
	_cleanup_close_ int fd = -1;
	bool reliable = false;
	int r = accel_fetch(instance, queue->context, queue->id, O_RDWR, &fd);

	if (r < 0)
		return r;
	r = same_process_create(&queue->same_process, &reliable);
	if (r < 0)
		return r;
	queue->pid = reliable ? 0 : getpid();
	r = accel_queue_map_ring(queue, fd);
	return r < 0 ? r : accel_queue_check_kind(queue);
}

/* @known: what create or open have found out. */
static int accel_queue_make(struct dmabuffs *instance,
			    const struct dmabuffs_accel_queue *known,
			    struct dmabuffs_accel_queue **ret_queue)
{
	struct dmabuffs_accel_queue *queue = malloc(sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	*queue = *known;
	r = accel_queue_fill(queue, instance);
	if (r < 0) {
		dmabuffs_accel_queue_close(queue);
		return r;
	}

	*ret_queue = queue;
	return 0;
}

_public_ int dmabuffs_accel_queue_create(struct dmabuffs *instance, int context,
					 uint32_t flags, uint32_t entries, uint32_t set,
					 struct dmabuffs_accel_queue **ret_queue)
{
	struct accel_queue_create arg = {.flags = flags, .entries = entries, .set = set};
	int r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_CREATE, &arg);
	struct dmabuffs_accel_queue known = {
		.context = context,
		.id = arg.id,
		.flags = flags,
		.entries = entries,
	};

	if (r < 0)
		return r;
	r = accel_queue_make(instance, &known, ret_queue);
	if (r < 0) {
		struct accel_object gone = {.id = arg.id};

		(void)dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_DESTROY,
					  &gone);
	}
	return r;
}

_public_ int dmabuffs_accel_queue_open(struct dmabuffs *instance, int context,
				       uint32_t id,
				       struct dmabuffs_accel_queue **ret_queue)
{
	struct accel_queue_info arg = {.id = id};
	int r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_INFO, &arg);
	struct dmabuffs_accel_queue known = {
		.context = context,
		.id = id,
		.flags = arg.flags,
		.entries = arg.entries,
	};

	return r < 0 ? r : accel_queue_make(instance, &known, ret_queue);
}

/* Half-made ones too. In a child another mapping may have taken the place of the ring. */
_public_ void dmabuffs_accel_queue_close(struct dmabuffs_accel_queue *queue)
{
	if (!queue)
		return;
	if (queue->ring && queue_is_ours(queue))
		(void)munmap(queue->ring, queue->bytes);
	same_process_destroy(queue->same_process);
	free(queue);
}

_public_ uint32_t dmabuffs_accel_queue_id(const struct dmabuffs_accel_queue *queue)
{
	return queue->id;
}
