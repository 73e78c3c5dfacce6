/* SPDX-License-Identifier: MIT */
/*
 * fuzz-ioctl.c - decodes bytes into ioctls on contexts, through the daemon without FUSE
 *
 * Invariants: each request gets one reply, an errno or its own struct; afterwards
 * everything opened, charged or in use has been released.
 */
#include <fcntl.h>
#include <string.h>

#include "devices/device_file.h"
#include "fs/fs.h"
#include "host.h"
#include "reader.h"
#include "shapes.h"
#include "util.h"

#define CONTEXTS  2
#define MAX_STEPS 48

struct fuzz {
	struct fuse_file_info contexts[CONTEXTS];
	struct ticket_list deposits;
	struct objects objects;
};

/* ---- requests ---------------------------------------------------------------------- */

static void take_answer(struct fuzz *fuzz, struct fuse_req *req, unsigned int nr,
			const uint8_t *body, size_t carried)
{
	uint32_t size;

	host_wait_answer(req);
	if (req->error)
		return;
	MUST(req->size <= carried && req->size >= sizeof(size));
	/* The size field is returned unchanged. */
	MUST(!memcmp(req->body, body, sizeof(size)));
	shapes_keep(&fuzz->objects, nr, req->body);
}

/* Passes a copy of exactly that size, so that an overread is detected. */
static void ask(struct fuzz *fuzz, unsigned int nr, uint64_t ino,
		struct fuse_file_info *fi, const uint8_t *body, size_t carried)
{
	unsigned int number = (unsigned int)_IOC(_IOC_READ | _IOC_WRITE,
						 DMABUFFS_IOC_TYPE, nr, carried);
	struct fuse_req *req = host_new_request();
	uint8_t *in = malloc(carried);

	MUST(in || !carried);
	memcpy(in, body, carried);
	fs_ioctl(req, ino, number, NULL, fi, ino < INO_FIRST_DEVICE ? FUSE_IOCTL_DIR : 0,
		 in, carried, carried);
	take_answer(fuzz, req, nr, body, carried);
	MUST(!memcmp(in, body, carried));
	free(in);
}

static void ask_good(struct fuzz *fuzz, unsigned long command, void *arg)
{
	shapes_put_word(arg, 0, _IOC_SIZE(command));
	ask(fuzz, _IOC_NR(command), INO_FIRST_DEVICE, &fuzz->contexts[0], arg,
	    _IOC_SIZE(command));
	MUST(!host_request.error);
}

/* ---- the start of an input --------------------------------------------------------- */

/* Creates one object of each kind, attached to each other. */
static void make_objects(struct fuzz *fuzz)
{
	struct accel_buffer_alloc buffer = {.bytes = 16 * FUZZ_PAGE};
	struct accel_set_create set = {.quota = 3};
	struct accel_asid_create asid = {0};
	struct accel_queue_create queue = {.entries = ACCEL_RING_MIN};
	struct accel_fence fence = {0};
	struct accel_queue_attach attach = {0};
	struct accel_asid_map map = {.flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE |
					      ACCEL_MAP_FIXED,
				     .length = 8 * FUZZ_PAGE,
				     .iova = FUZZ_PAGE};

	ask_good(fuzz, DMABUFFS_ACCEL_IOC_BUFFER_ALLOC, &buffer);
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_SET_CREATE, &set);
	asid.set = fuzz->objects.ids[SET][0];
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_ASID_CREATE, &asid);
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_QUEUE_CREATE, &queue);
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_FENCE_CREATE, &fence);
	map.asid = attach.asid = fuzz->objects.ids[ASID][0];
	map.buffer = fuzz->objects.ids[BUFFER][0];
	attach.queue = fuzz->objects.ids[QUEUE][0];
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_ASID_MAP, &map);
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, &attach);
}

/* ---- steps ------------------------------------------------------------------------- */

static void step_ioctl(struct fuzz *fuzz, struct reader *reader)
{
	static uint8_t body[HOST_CARRIED + 1];
	static const uint64_t roots[] = {INO_ROOT, INO_ACCEL, INO_CONTROL, INO_CONTROL};
	struct fuse_file_info root = {.fh = 1};
	uint8_t how = read_byte(reader);
	unsigned int nr = shapes_read_command(reader);
	size_t carried = shapes_size(nr) ?: 64;
	uint32_t size;

	memset(body, 0, sizeof(body));
	shapes_read(&fuzz->objects, reader, body, nr);
	if (how >= 0xf0)
		carried = read_number(reader) % (HOST_CARRIED + 1);
	size = (uint32_t)(how >= 0xe8 ? read_number(reader) : carried);
	shapes_put_word(body, 0, size);
	/* Mostly the same context, so that ids are valid. */
	if ((how & 0x1f) == 0x1f)
		ask(fuzz, nr, roots[how >> 5 & 3], &root, body, carried);
	else
		ask(fuzz, nr, INO_FIRST_DEVICE, &fuzz->contexts[(how & 0x1f) == 0x1e],
		    body, carried);
}

/* Each ticket can be taken once. */
static void step_fetch(struct fuzz *fuzz, struct reader *reader)
{
	int fd = tickets_take(&host_service.tickets, fuzz->objects.ticket);

	if (fd >= 0)
		close(fd);
	else
		MUST(fd == -ENOENT);
	MUST(tickets_take(&host_service.tickets, fuzz->objects.ticket) == -ENOENT);
}

/* Deposits a descriptor as the broker does. */
static void step_deposit(struct fuzz *fuzz, struct reader *reader)
{
	int fd = fcntl(HOST_FIRST_FD + read_byte(reader) % 6, F_DUPFD_CLOEXEC, 0);

	MUST(fd >= 0);
	if (tickets_add(&host_service.tickets, &fuzz->deposits, fd,
			fuzz->objects.ticket) < 0)
		close(fd);
}

static void step_read(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);

	fs_read(host_new_request(), INO_FIRST_DEVICE, byte * 8, 0,
		&fuzz->contexts[byte & 1]);
	MUST(host_request.answers == 1);
}

static void step_poll(struct fuzz *fuzz, struct reader *reader)
{
	fs_poll(host_new_request(), INO_FIRST_DEVICE,
		&fuzz->contexts[read_byte(reader) & 1], NULL);
	MUST(host_request.answers == 1);
}

static void open_context(struct fuse_file_info *fi)
{
	*fi = (struct fuse_file_info){.flags = O_RDWR};
	fs_open(host_new_request(), INO_FIRST_DEVICE, fi);
	MUST(host_request.answers == 1 && !host_request.error);
	fi->fh = host_request.handle;
}

static void close_context(struct fuse_file_info *fi)
{
	fs_release(host_new_request(), INO_FIRST_DEVICE, fi);
	MUST(host_request.answers == 1);
}

static void step_reopen(struct fuzz *fuzz, struct reader *reader)
{
	struct fuse_file_info *fi = &fuzz->contexts[read_byte(reader) & 1];

	close_context(fi);
	open_context(fi);
}

/* ---- libFuzzer interface ----------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	host_start();
	return 0;
}

static void (*const steps[])(struct fuzz *fuzz, struct reader *reader) = {
	step_ioctl, step_ioctl, step_ioctl,   step_ioctl, step_ioctl, step_ioctl,
	step_ioctl, step_fetch, step_deposit, step_read,  step_poll,  step_reopen,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader = {data, size};
	struct fuzz fuzz = {0};

	ticket_list_init(&fuzz.deposits, 0);
	host_begin();
	for (int i = 0; i < CONTEXTS; i++)
		open_context(&fuzz.contexts[i]);
	make_objects(&fuzz);
	for (int i = 0; i < MAX_STEPS && reader.size; i++)
		steps[read_byte(&reader) % ARRAY_SIZE(steps)](&fuzz, &reader);
	for (int i = 0; i < CONTEXTS; i++)
		close_context(&fuzz.contexts[i]);
	tickets_drop(&host_service.tickets, &fuzz.deposits);
	host_expect_unused();
	return 0;
}
