/* SPDX-License-Identifier: MIT */
#include "process/pending.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "crash_point.h"
#include "locked.h"
#include "util.h"

/* In the number of a FUSE_INTERRUPT: the rest is that of the request it is about. */
#define PENDING_INTERRUPT 1U
/* So many records are looked at before another one is taken into use. */
#define PENDING_TRIES 16U
#define PENDING_NONE  UINT32_MAX
#define PENDING_PAGE  4096U

void pending_init(struct pending *pending, struct ledger *ledger, int device)
{
	*pending = (struct pending){
		.ledger = ledger,
		.device = device,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
}

void pending_finish(struct pending *pending)
{
	free(pending->again);
	pending->again = NULL;
	pending->n_again = pending->next_again = 0;
}

static bool pending_write(const struct pending *pending, uint64_t unique, int error)
{
	const struct fuse_out_header reply = {
		.len = sizeof(reply),
		.error = error,
		.unique = unique,
	};

	return write(pending->device, &reply, sizeof(reply)) == sizeof(reply);
}

/*
 * Asks the kernel. The reply to an interrupt of a request has no effect, but fails with
 * ENOENT if that was replied to.
 */
static bool pending_is_waited_for(const struct pending *pending, uint64_t unique)
{
	return unique && !(unique & PENDING_INTERRUPT) &&
	       pending_write(pending, unique | PENDING_INTERRUPT, 0);
}

/* It can have been executed in part. */
static void pending_refuse(const struct pending *pending,
			   const struct fuse_in_header *header, const char *why)
{
	log_warning("request %llu (opcode %u) of pid %u is refused: %s",
		    (unsigned long long)header->unique, header->opcode, header->pid, why);
	(void)pending_write(pending, header->unique, -EIO);
}

/* ---- what lengths in a request say ------------------------------------------------- */

/* Of what follows the @fixed bytes of a request's own header; a name has its NUL. */
static uint64_t pending_said(uint32_t opcode, const void *body, const char *rest)
{
	switch (opcode) {
	case FUSE_WRITE:
		return ((const struct fuse_write_in *)body)->size;
	case FUSE_IOCTL:
		return ((const struct fuse_ioctl_in *)body)->in_size;
	case FUSE_BATCH_FORGET:
		return ((const struct fuse_batch_forget_in *)body)->count *
		       (uint64_t)sizeof(struct fuse_forget_one);
	case FUSE_SETXATTR:
		return strlen(rest) + 1 +
		       (uint64_t)((const struct fuse_setxattr_in *)body)->size;
	}
	return 0;
}

static size_t pending_fixed(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_WRITE:
		return sizeof(struct fuse_write_in);
	case FUSE_IOCTL:
		return sizeof(struct fuse_ioctl_in);
	case FUSE_BATCH_FORGET:
		return sizeof(struct fuse_batch_forget_in);
	case FUSE_SETXATTR:
		/* Without the extension, which has to be asked for. */
		return FUSE_COMPAT_SETXATTR_IN_SIZE;
	}
	return 0;
}

/* There is a NUL behind it, and room for any fixed part. */
static bool pending_is_sound(const void *request, size_t size)
{
	const struct fuse_in_header *header = request;
	const uint8_t *body = (const void *)(header + 1);
	size_t fixed = pending_fixed(header->opcode);

	return header->len == size && size >= sizeof(*header) + fixed &&
	       pending_said(header->opcode, body, (const char *)body + fixed) <=
		       size - sizeof(*header) - fixed;
}

bool pending_copy(struct pending *pending, const void *receiver, size_t size,
		  void *buffer)
{
	memcpy(buffer, receiver, size);
	((uint8_t *)buffer)[size] = 0;
	if (pending_is_sound(buffer, size))
		return true;
	pending_refuse(pending, buffer, "its lengths are wrong");
	return false;
}

/* ---- records ----------------------------------------------------------------------- */

/* The number is the commit. */
static void pending_store(struct ledger_kept *kept, const void *request)
{
	const struct fuse_in_header *header = request;
	uint32_t size = LEDGER_LOAD(header->len);

	if (size < sizeof(*header) || size > sizeof(kept->request))
		size = sizeof(*header);
	atomic_store(&kept->unique, 0);
	memcpy(kept->request, request, size);
	atomic_store(&kept->unique, header->unique);
}

/* Of the next few, which may be in use. */
static uint32_t pending_find_free_locked(struct pending *pending, uint32_t tries)
{
	ASSERT_LOCKED(&pending->lock);
	for (uint32_t i = 0; i < MIN(tries, pending->high); i++) {
		uint32_t slot = pending->cursor++ % pending->high;

		if (!pending_is_waited_for(pending,
					   ledger_kept(pending->ledger, slot)->unique))
			return slot;
	}
	return PENDING_NONE;
}

static uint32_t pending_alloc_locked(struct pending *pending)
{
	uint32_t slot = pending_find_free_locked(pending, PENDING_TRIES);

	if (slot != PENDING_NONE)
		return slot;
	if (pending->high == LEDGER_KEPT)
		return pending_find_free_locked(pending, LEDGER_KEPT);
	pending->ledger->header->kept_high = ++pending->high;
	return pending->high - 1;
}

static void pending_keep_locked(struct pending *pending, const void *request)
{
	const struct fuse_in_header *header = request;
	uint32_t slot = pending_alloc_locked(pending);

	if (slot == PENDING_NONE)
		log_error("request %llu of pid %u hangs if the service is killed: %u "
			  "others are under way",
			  (unsigned long long)header->unique, header->pid, LEDGER_KEPT);
	else
		pending_store(ledger_kept(pending->ledger, slot), request);
}

void pending_keep(struct pending *pending, const void *request)
{
	const struct fuse_in_header *header = request;

	if (!pending_is_waited_for(pending, header->unique))
		return;
	pthread_mutex_lock(&pending->lock);
	pending_keep_locked(pending, request);
	pthread_mutex_unlock(&pending->lock);
	CRASH_POINT("pending-kept");
}

/* ---- a successor ------------------------------------------------------------------- */

static bool pending_is_kept(const struct pending *pending, uint64_t unique)
{
	for (uint32_t slot = 0; slot < pending->high; slot++)
		if (ledger_kept(pending->ledger, slot)->unique == unique)
			return true;
	return false;
}

/* From the memory of a thread, where others will be read. */
static void pending_move(struct pending *pending, struct fuse_in_header *header)
{
	if (pending_is_waited_for(pending, header->unique) &&
	    !pending_is_kept(pending, header->unique))
		pending_keep_locked(pending, header);
	CRASH_POINT("pending-moved");
	header->unique = 0;
}

/* Else the buffer of a thread would have the rest of another request. */
static bool pending_is_whole(const struct fuse_in_header *header)
{
	return header->len >= sizeof(*header) &&
	       header->len <= sizeof(((struct ledger_kept *)0)->request);
}

static void pending_find(struct pending *pending, uint32_t slot)
{
	const struct ledger_kept *kept = ledger_kept(pending->ledger, slot);
	struct fuse_in_header header;

	memcpy(&header, kept->request, sizeof(header));
	if (header.unique != kept->unique ||
	    !pending_is_waited_for(pending, header.unique))
		return;
	if (pending_is_whole(&header))
		pending->again[pending->n_again++] =
			(struct pending_again){header.unique, slot};
	else
		pending_refuse(pending, &header,
			       header.len < sizeof(header)
				       ? "its lengths are wrong"
				       : "it is too large to be executed again");
}

static int pending_compare(const void *a, const void *b)
{
	uint64_t one = ((const struct pending_again *)a)->unique;
	uint64_t other = ((const struct pending_again *)b)->unique;

	return (one > other) - (one < other);
}

int pending_collect(struct pending *pending)
{
	SCOPED_LOCK(&pending->lock);
	struct ledger *ledger = pending->ledger;

	pending->high = MIN(LEDGER_LOAD(ledger->header->kept_high), LEDGER_KEPT);
	for (uint32_t i = 0; i < LEDGER_RECEIVERS; i++)
		pending_move(pending, ledger_receiver(ledger, i));
	pending->again = calloc(pending->high + 1, sizeof(*pending->again));
	if (!pending->again)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < pending->high; slot++)
		pending_find(pending, slot);
	qsort(pending->again, pending->n_again, sizeof(*pending->again), pending_compare);
	CRASH_POINT("pending-collected");
	if (pending->n_again)
		log_info("executes %u requests again", pending->n_again);
	return 0;
}

/* ---- threads ----------------------------------------------------------------------- */

void *pending_receiver(struct pending *pending, uint32_t nth)
{
	uint8_t *receiver = ledger_receiver(pending->ledger, nth);

	for (size_t i = 0; i < LEDGER_RECEIVE_SIZE; i += PENDING_PAGE)
		*(volatile uint8_t *)(receiver + i) = 0;
	(void)mlock(receiver, LEDGER_RECEIVE_SIZE);
	return receiver;
}

static size_t pending_take_locked(struct pending *pending,
				  const struct pending_again *again, void *buffer)
{
	const struct ledger_kept *kept = ledger_kept(pending->ledger, again->slot);
	struct fuse_in_header header;

	ASSERT_LOCKED(&pending->lock);
	memcpy(&header, kept->request, sizeof(header));
	if (header.unique != again->unique || !pending_is_whole(&header) ||
	    !pending_is_waited_for(pending, header.unique))
		return 0;
	return pending_copy(pending, kept->request, header.len, buffer) ? header.len : 0;
}

/* Its record stays, and is found again if the service is killed before the reply. */
size_t pending_take(struct pending *pending, void *buffer)
{
	SCOPED_LOCK(&pending->lock);
	size_t size = 0;

	while (!size && pending->next_again < pending->n_again)
		size = pending_take_locked(
			pending, &pending->again[pending->next_again++], buffer);
	return size;
}
