/* SPDX-License-Identifier: MIT */
#include "fs/backing.h"

#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/log.h"
#include "store/uniques.h"
#include "util.h"

/* Linux 6.9; older headers do not have them. */
struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define BACKING_OPEN  _IOW(FUSE_DEV_IOC_MAGIC, 1, struct backing_map)
#define BACKING_CLOSE _IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)

/* Ids that no record has; there is one at most, unless the ledger is damaged. */
#define SWEEP_MAX 65536U

_Static_assert(sizeof(struct backing_map) == 16, "as the kernel reads it");

void backing_close(struct service *service, int id)
{
	uint32_t number = (uint32_t)id;

	(void)ioctl(fuse_session_fd(service->session), BACKING_CLOSE, &number);
}

/* The next id that the kernel gives, which is closed again; 0: it gives none. */
static int backing_probe(struct service *service)
{
	_cleanup_close_ int fd = memfd_create("dmabuffs-probe", MFD_CLOEXEC);
	struct backing_map map = {.fd = fd};
	int id;

	if (fd < 0)
		return 0;
	id = ioctl(fuse_session_fd(service->session), BACKING_OPEN, &map);
	if (id <= 0)
		return 0;
	backing_close(service, id);
	return id;
}

static int backing_reserve(struct ledger *ledger, struct uniques *ids)
{
	uint32_t slot;
	size_t n = 0;

	ledger_for_each(ledger, LEDGER_EXPORT, slot)
		n++;
	return uniques_reserve(ids, n);
}

static _Atomic int32_t *backing_of(const struct ledger *ledger, uint32_t slot)
{
	return &ledger_export(ledger, slot)->backing_id;
}

static int backing_note(struct ledger *ledger, struct uniques *ids)
{
	uint32_t slot;
	int r = backing_reserve(ledger, ids);

	if (r < 0)
		return r;
	ledger_for_each(ledger, LEDGER_EXPORT, slot)
		uniques_add(ids, (uint64_t)atomic_load(backing_of(ledger, slot)), 0, 0);
	return 0;
}

/* Of two names with one id, which is damaged is not known. The sweep closes the id. */
static void backing_check_one(struct ledger *ledger, struct uniques *ids, uint64_t next,
			      uint32_t slot)
{
	struct ledger_header *header = ledger->header;
	uint64_t id = (uint64_t)atomic_load(backing_of(ledger, slot));

	if (!id || (uniques_add(ids, id, 0, slot) && (!next || id < next)))
		return;
	log_error("ledger: backing id %llu of name %u is lost", (unsigned long long)id,
		  slot);
	atomic_store(backing_of(ledger, slot), 0);
	atomic_store(backing_of(ledger, uniques_find(ids, id, 0)), 0);
	header->sweep = MIN(header->sweep, id);
}

int backing_check(struct service *service)
{
	struct ledger *ledger = service->state.ledger;
	uint64_t next = (uint64_t)backing_probe(service);
	struct uniques ids = {0};
	int r = backing_reserve(ledger, &ids);
	uint32_t slot;

	if (r == 0)
		ledger_for_each(ledger, LEDGER_EXPORT, slot)
			backing_check_one(ledger, &ids, next, slot);
	uniques_finish(&ids);
	return r;
}

/* They ascend, so those from the mark on may not be stored. */
int backing_sweep(struct service *service)
{
	struct ledger *ledger = service->state.ledger;
	uint64_t first = MAX(ledger->header->sweep, UINT64_C(1));
	uint64_t next = (uint64_t)backing_probe(service);
	struct uniques ids = {0};
	int r = backing_note(ledger, &ids);

	if (next > SWEEP_MAX)
		first = MAX(first, next - SWEEP_MAX);
	for (uint64_t id = first; r == 0 && id < next; id++)
		if (uniques_find(&ids, id, 0) == UNIQUES_NONE)
			backing_close(service, (int)id);
	if (r == 0 && next > 0)
		ledger->header->sweep = next;
	uniques_finish(&ids);
	return r;
}
