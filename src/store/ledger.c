/* SPDX-License-Identifier: MIT */
#include "store/ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/ledger_private.h"
#include "memfd.h"
#include "util.h"

#define LEDGER_OPENS        1048576U /* files that are open at once */
#define LEDGER_DESCRIPTIONS 131072U  /* more than the limits of a mount permit */
#define LEDGER_USERS        65536U
#define LEDGER_ENDED        32768U /* ended names are beside the limit of names */
#define LEDGER_MAX_EXPORTS  4194304U
/* Above the limits of a mount, see limits.c. */
#define LEDGER_ACCELS          (UINT32_C(1) << 19)
#define LEDGER_MAPPINGS        (UINT32_C(3) << 20)
#define LEDGER_CHUNKS_PER_NAME 80U /* a note of 4 KiB, a label and a short ACL */
#define LEDGER_QUEUES          16U

#define LEDGER_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

void ledger_config_for(uint32_t n_exports, struct ledger_config *ret_config)
{
	uint32_t n = MIN(n_exports, LEDGER_MAX_EXPORTS) + LEDGER_ENDED;

	*ret_config = (struct ledger_config){
		.capacity = {[LEDGER_USER] = LEDGER_USERS,
			     [LEDGER_CALLER] = n + LEDGER_DESCRIPTIONS,
			     [LEDGER_DESCRIPTION] = LEDGER_DESCRIPTIONS,
			     [LEDGER_EXPORT] = n,
			     [LEDGER_OPEN] = LEDGER_OPENS,
			     [LEDGER_ACCEL] = LEDGER_ACCELS,
			     [LEDGER_MAPPING] = LEDGER_MAPPINGS,
			     [LEDGER_CHUNK] = n * LEDGER_CHUNKS_PER_NAME},
		.n_queues = LEDGER_QUEUES,
	};
}

/* ---- the mapping ------------------------------------------------------------------- */

static int ledger_map(int fd, uint64_t size, struct ledger **ret_ledger)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	void *memory;

	if (!ledger)
		return -ENOMEM;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		int r = -errno;

		free(ledger);
		return r;
	}
	/* It holds secret keys. */
	(void)madvise(memory, size, MADV_DONTDUMP);
	ledger->fd = -1;
	ledger->size = size;
	ledger->header = memory;
	for (size_t i = 0; i < LEDGER_KINDS; i++)
		pthread_mutex_init(&ledger->places[i].lock, NULL);
	pthread_mutex_init(&ledger->uniques_lock, NULL);
	pthread_mutex_init(&ledger->poison_lock, NULL);
	pthread_cond_init(&ledger->poison_ended, NULL);
	*ret_ledger = ledger;
	return 0;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	(void)munmap(ledger->header, ledger->size);
	for (size_t i = 0; i < LEDGER_KINDS; i++) {
		slots_finish(&ledger->places[i].slots);
		pthread_mutex_destroy(&ledger->places[i].lock);
	}
	pthread_cond_destroy(&ledger->poison_ended);
	pthread_mutex_destroy(&ledger->poison_lock);
	pthread_mutex_destroy(&ledger->uniques_lock);
	uniques_finish(&ledger->uniques);
	close_keep_errno(ledger->fd);
	free(ledger);
}

/* Of a header that is sound, and this process's own. */
static void ledger_find_records(struct ledger *ledger, const struct ledger_header *header)
{
	uint8_t *memory = (uint8_t *)ledger->header;

	for (size_t i = 0; i < LEDGER_KINDS; i++) {
		const struct ledger_section *section = &header->sections[i];
		struct ledger_places *places = &ledger->places[i];

		places->records = memory + section->offset;
		places->record_size = section->record_size;
		places->capacity = section->capacity;
		places->touched = section->capacity; /* ledger_trim() finds out */
	}
	ledger->past = (void *)(memory + header->past);
	ledger->received = memory + header->received;
	ledger->kept = (void *)(memory + header->kept);
	ledger->n_queues = header->n_queues;
}

int ledger_reset_places(struct ledger *ledger, enum ledger_kind kind)
{
	struct ledger_places *places = &ledger->places[kind];

	slots_finish(&places->slots);
	return slots_init(&places->slots, places->capacity);
}

/* ---- create and open --------------------------------------------------------------- */

/* The magic comes last: what is not complete is no ledger. */
static int ledger_fill(struct ledger *ledger, const struct ledger_header *header)
{
	*ledger->header = *header;
	atomic_signal_fence(memory_order_release);
	ledger->header->magic = LEDGER_MAGIC;
	ledger_find_records(ledger, header);
	for (unsigned i = 0; i < LEDGER_KINDS; i++)
		if (ledger_reset_places(ledger, i) < 0)
			return -ENOMEM;
	return 0;
}

int ledger_create(const struct ledger_config *config, struct ledger **ret_ledger)
{
	struct ledger_header header = {.version = LEDGER_VERSION,
				       .next_id = LEDGER_FIRST_ID};
	struct ledger *ledger;
	int fd, r = ledger_lay_out(config, &header);

	if (r < 0)
		return r;
	fd = memfd_new("dmabuffs-ledger", header.size, LEDGER_SEALS);
	if (fd < 0)
		return fd;
	r = ledger_map(fd, header.size, &ledger);
	if (r < 0) {
		close_keep_errno(fd);
		return r;
	}
	ledger->fd = fd;
	r = ledger_fill(ledger, &header);
	if (r < 0)
		ledger_close(ledger);
	else
		*ret_ledger = ledger;
	return r;
}

static int ledger_map_found(int fd, uint64_t size, const struct ledger_header *found,
			    char ret_why[LEDGER_WHY_SIZE], struct ledger **ret_ledger)
{
	int r = ledger_map(fd, size, ret_ledger);

	if (r < 0) {
		(void)snprintf(ret_why, LEDGER_WHY_SIZE, "cannot map it: %s",
			       strerror(-r));
		return r;
	}
	ledger_find_records(*ret_ledger, found);
	(*ret_ledger)->fd = fd;
	return 0;
}

/* Others can write to it at any time, so a copy is checked, and used. */
int ledger_open(int fd, char ret_why[LEDGER_WHY_SIZE], struct ledger **ret_ledger)
{
	int64_t size = ledger_check_file(fd, ret_why);
	struct ledger_header found;
	int r;

	if (size < 0)
		return (int)size;
	if (pread(fd, &found, sizeof(found), 0) != sizeof(found)) {
		(void)snprintf(ret_why, LEDGER_WHY_SIZE, "cannot read it");
		return -EIO;
	}
	r = ledger_check_header(&found, (uint64_t)size, ret_why);
	return r < 0 ? r
		     : ledger_map_found(fd, (uint64_t)size, &found, ret_why, ret_ledger);
}

/* ---- FUSE_INIT --------------------------------------------------------------------- */

static int ledger_save(uint8_t *place, _Atomic uint32_t *place_size, const void *data,
		       size_t size)
{
	if (size > LEDGER_INIT_MAX)
		return -EMSGSIZE;
	atomic_store(place_size, 0);
	memcpy(place, data, size);
	atomic_store(place_size, (uint32_t)size);
	return 0;
}

int ledger_save_init(struct ledger *ledger, const void *request, size_t size)
{
	struct ledger_header *header = ledger->header;

	return ledger_save(header->init, &header->init_size, request, size);
}

int ledger_save_reply(struct ledger *ledger, const void *reply, size_t size)
{
	struct ledger_header *header = ledger->header;

	return ledger_save(header->reply, &header->reply_size, reply, size);
}
