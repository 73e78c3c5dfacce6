/* SPDX-License-Identifier: MIT */
/*
 * test-accel-ownership.c - exclusive devices, and memory of the previous owner
 *
 *
 * The attack: A opens the device and exports some of its memory, an importer pins it, A
 * exits; B opens the device and writes secrets, which the importer reads through its old
 * reference. For each way to keep a reference, B must be refused until the last one is
 * gone, or the memory must be revoked.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

#define BYTES  (4 * PAGE)
#define OLD    0x0a /* written by A */
#define SECRET 0x5e /* written by B */

/* ---- A, the previous owner --------------------------------------------------------- */

/* A's device memory, filled with OLD, and the ways to access it. */
struct owner {
	struct seat seat;
	uint32_t buffer;
	int fd;
	uint8_t *bytes;
	dmabuffs_uuid name;
};

static void owner_start(struct owner *owner, const struct instance *instance,
			uint32_t flags)
{
	const struct dmabuffs_export_options options = {
		.size = sizeof(options), .flags = DMABUFFS_EXPORT_MODE, .mode = 0666};

	seat_open(&owner->seat, instance, SOFT0);
	ASSERT_OK(alloc_buffer(owner->seat.context, BYTES, flags, &owner->buffer));
	ASSERT_OK(dmabuffs_accel_buffer_fd(owner->seat.library, owner->seat.context,
					   owner->buffer, &owner->fd));
	ASSERT_OK(raw_map(owner->fd, BYTES, PROT_READ | PROT_WRITE,
			  (void **)&owner->bytes));
	memset(owner->bytes, OLD, BYTES);
	ASSERT_OK(
		dmabuffs_export(owner->seat.library, owner->fd, &options, &owner->name));
}

/* Closes everything that belongs to A. */
static void owner_end(struct owner *owner)
{
	munmap(owner->bytes, BYTES);
	close(owner->fd);
	seat_close(&owner->seat);
}

/* ---- B, the next owner ------------------------------------------------------------- */

static int try_open(void *data)
{
	int context = open_context(data, SOFT0);

	if (context >= 0)
		close(context);
	return MIN(context, 0);
}

struct entry {
	const struct instance *instance;
	struct seat *seat;
};

static bool is_let_in(void *data)
{
	const struct entry *entry = data;
	int context = open_context(entry->instance, SOFT0);

	if (context < 0) {
		ASSERT(context == -EBUSY || context == -EAGAIN);
		return false;
	}
	seat_take(entry->seat, entry->instance, context);
	return true;
}

/* B finds zeroed memory, all of the device's, and writes the secret. */
static void write_secret(struct instance *instance, struct seat *seat)
{
	struct accel_device_info info = device_info(instance, SOFT0);
	struct region all = {.size = 0};
	uint32_t buffer;
	int fd;

	ASSERT_EQ(info.memory_free, info.memory);
	ASSERT_OK(alloc_buffer(seat->context, info.memory, 0, &buffer));
	ASSERT_OK(dmabuffs_accel_buffer_fd(seat->library, seat->context, buffer, &fd));
	ASSERT_OK(raw_map(fd, info.memory, PROT_READ | PROT_WRITE, (void **)&all.bytes));
	ASSERT(is_filled(&all, 0, info.memory, 0));
	memset(all.bytes, SECRET, info.memory);
	munmap(all.bytes, info.memory);
	close(fd);
}

static void load_secret(struct instance *instance, struct seat *seat)
{
	struct entry entry = {instance, seat};

	ASSERT(wait_until(is_let_in, &entry));
	write_secret(instance, seat);
}

/* ---- exclusive --------------------------------------------------------------------- */

static int expect_busy(void *data)
{
	ASSERT_ERR(try_open(data), EBUSY);
	return 0;
}

static void one_at_a_time(struct instance *instance)
{
	struct seat seat;
	int copy;

	seat_open(&seat, instance, SOFT0);
	ASSERT(device_info(instance, SOFT0).flags & ACCEL_DEVICE_EXCLUSIVE);
	ASSERT_ERR(try_open(instance), EBUSY);
	ASSERT_OK(child_call(USER(1001), expect_busy, instance));
	/* A duplicate of the descriptor is the same context. */
	copy = ASSERT_OK(SYS(dup(seat.context)));
	close(seat.context);
	ASSERT_ERR(try_open(instance), EBUSY);
	seat.context = copy;
	make_asid(seat.context);
	seat_close(&seat);
	expect_unused(instance, SOFT0);
	ASSERT_OK(try_open(instance));
}

static void hold_device(int peer, void *data)
{
	struct owner owner;

	owner_start(&owner, data, ACCEL_BUFFER_PINNED);
	peer_signal(peer);
	peer_wait(peer);
}

/* After the owner is killed, the next open succeeds. */
static void killed_owner(struct instance *instance)
{
	struct child child;
	struct seat seat;

	for (int i = 0; i < 5; i++) {
		child_start(&child, USER(1001), hold_device, instance);
		peer_wait(child.peer);
		ASSERT_ERR(try_open(instance), EBUSY);
		child_kill(&child, SIGKILL);
		load_secret(instance, &seat);
		seat_close(&seat);
		expect_unused(instance, SOFT0);
	}
}

/* ---- the attack on pinned memory --------------------------------------------------- */

/* How an importer refers to the memory of a name. */
enum hold { OPENED, MAPPED, EXCHANGED, MAPPED_EXCHANGED, HOLDS };

/* Started before A opens a context, so it inherits no descriptor of it. */
struct importer {
	const struct instance *instance;
	enum hold hold;
};

static int open_for(struct dmabuffs *library, const struct importer *importer, int peer)
{
	dmabuffs_uuid name;
	int opened, real;

	peer_get(peer, &name, sizeof(name));
	ASSERT_OK(dmabuffs_import(library, &name, O_RDONLY, &opened));
	if (importer->hold < EXCHANGED)
		return opened;
	ASSERT_OK(dmabuffs_exchange(library, opened, &real));
	close(opened);
	return real;
}

static void hold_on(int peer, void *data)
{
	const struct importer *importer = data;
	struct dmabuffs *library = open_library(importer->instance);
	int fd = open_for(library, importer, peer);
	struct region memory = {.size = BYTES};
	uint8_t byte;

	if (importer->hold == MAPPED || importer->hold == MAPPED_EXCHANGED) {
		ASSERT_OK(raw_map(fd, BYTES, PROT_READ, (void **)&memory.bytes));
		close(fd);
		ASSERT(is_filled(&memory, 0, BYTES, OLD));
	} else {
		ASSERT_EQ(pread(fd, &byte, 1, 0), 1);
		ASSERT_EQ(byte, OLD);
	}
	peer_signal(peer);
	peer_wait(peer);
	/* A has exited and B is refused; the old content is unchanged. */
	if (memory.bytes) {
		ASSERT(is_filled(&memory, 0, BYTES, OLD));
		munmap(memory.bytes, BYTES);
	} else {
		close(fd);
	}
	peer_signal(peer);
	peer_wait(peer);
	dmabuffs_close(library);
}

static bool has_no_context(void *data)
{
	return device_info(data, SOFT0).contexts == 0;
}

/* Waits until A's context is gone: from here on only the importers keep B out. */
static void expect_left(struct instance *instance)
{
	ASSERT(wait_until(has_no_context, instance));
}

/* The state is static, so a few attempts suffice. */
static void expect_kept_out(struct instance *instance)
{
	for (int i = 0; i < 20; i++)
		ASSERT_ERR(try_open(instance), EBUSY);
	ASSERT_OK(child_call(USER(1003), expect_busy, instance));
}

static void pinned_by(struct instance *instance, enum hold hold)
{
	struct importer importer = {.instance = instance, .hold = hold};
	struct owner owner;
	struct child child;
	struct seat seat;

	child_start(&child, USER(1001), hold_on, &importer);
	owner_start(&owner, instance, ACCEL_BUFFER_PINNED);
	peer_put(child.peer, &owner.name, sizeof(owner.name));
	peer_wait(child.peer);
	owner_end(&owner);
	expect_left(instance);
	expect_kept_out(instance);
	peer_signal(child.peer);
	peer_wait(child.peer);
	load_secret(instance, &seat);
	/* The name is removed. */
	expect_no_name(instance, owner.name.bytes);
	peer_signal(child.peer);
	child_wait(&child);
	seat_close(&seat);
}

static void pinned(struct instance *instance)
{
	for (enum hold hold = OPENED; hold < HOLDS; hold++)
		pinned_by(instance, hold);
}

static void pinned_and_killed(struct instance *instance)
{
	struct importer importer = {.instance = instance, .hold = MAPPED_EXCHANGED};
	struct owner owner;
	struct child child;
	struct seat seat;

	child_start(&child, USER(1001), hold_on, &importer);
	owner_start(&owner, instance, ACCEL_BUFFER_PINNED);
	peer_put(child.peer, &owner.name, sizeof(owner.name));
	peer_wait(child.peer);
	owner_end(&owner);
	expect_left(instance);
	expect_kept_out(instance);
	child_kill(&child, SIGKILL);
	load_secret(instance, &seat);
	seat_close(&seat);
}

/* A descriptor that A fetched from the context and passed on. */
static void fetched_descriptor(struct instance *instance)
{
	struct owner owner;
	struct seat seat;
	int kept;

	owner_start(&owner, instance, ACCEL_BUFFER_PINNED);
	kept = ASSERT_OK(SYS(dup(owner.fd)));
	owner_end(&owner);
	expect_left(instance);
	expect_kept_out(instance);
	close(kept);
	load_secret(instance, &seat);
	seat_close(&seat);
}

/* A frees the buffer before it exits; other references still count. */
static void freed_before(struct instance *instance)
{
	struct owner owner;
	struct seat seat;
	int kept;

	owner_start(&owner, instance, ACCEL_BUFFER_PINNED);
	kept = ASSERT_OK(SYS(dup(owner.fd)));
	ASSERT_OK(object_call(owner.seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE,
			      owner.buffer));
	owner_end(&owner);
	expect_left(instance);
	expect_kept_out(instance);
	close(kept);
	load_secret(instance, &seat);
	seat_close(&seat);
}

/* A context of another user maps the memory for another device. */
static void held_by_device(struct instance *instance)
{
	struct owner owner;
	struct seat other, seat;
	uint32_t buffer, asid;
	uint64_t iova;
	int fd;

	owner_start(&owner, instance, ACCEL_BUFFER_PINNED);
	seat_open(&other, instance, "other");
	ASSERT_OK(dmabuffs_import(other.library, &owner.name, O_RDWR, &fd));
	ASSERT_OK(import_buffer(&other, fd, &buffer));
	close(fd);
	asid = make_asid(other.context);
	ASSERT_OK(
		map_anywhere(other.context, asid, buffer, BYTES, ACCEL_MAP_READ, &iova));
	owner_end(&owner);
	expect_left(instance);
	expect_kept_out(instance);
	/* The mapping is still a reference. */
	ASSERT_OK(object_call(other.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE, buffer));
	expect_kept_out(instance);
	ASSERT_OK(object_call(other.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asid));
	load_secret(instance, &seat);
	seat_close(&seat);
	seat_close(&other);
}

/*
 * A page spliced into a pipe is neither an open file nor a mapping, like one that a
 * driver has pinned.
 */
struct piped {
	struct owner owner;
	int ends[2];
};

static void piped_start(struct piped *piped, struct instance *instance)
{
	uint8_t byte;
	loff_t offset = 0;

	owner_start(&piped->owner, instance, ACCEL_BUFFER_PINNED);
	ASSERT_OK(SYS(pipe2(piped->ends, O_CLOEXEC | O_NONBLOCK)));
	ASSERT_EQ(SYS(splice(piped->owner.fd, &offset, piped->ends[1], NULL, PAGE, 0)),
		  PAGE);
	/* The pipe has the page itself, not a copy. */
	piped->owner.bytes[0] = 0xff;
	ASSERT_EQ(read(piped->ends[0], &byte, 1), 1);
	ASSERT_EQ(byte, 0xff);
}

static void piped_end(struct piped *piped)
{
	close(piped->ends[0]);
	close(piped->ends[1]);
}

static bool is_kept_out(void *data)
{
	return try_open(data) == -EBUSY;
}

/* Exported and pinned: B is kept out until the pages are let go. */
static void page_in_a_pipe(struct instance *instance)
{
	struct piped piped;
	struct seat seat;

	piped_start(&piped, instance);
	owner_end(&piped.owner);
	expect_left(instance);
	ASSERT(wait_until(is_kept_out, instance));
	expect_kept_out(instance);
	piped_end(&piped);
	load_secret(instance, &seat);
	seat_close(&seat);
}

/*
 * A holder has frozen the seals, so that nothing can be asked. The page must be
 * overwritten in place before B opens the device.
 */
static void page_in_a_pipe_and_frozen(struct instance *instance)
{
	static uint8_t bytes[PAGE];
	struct region region = {.size = PAGE, .bytes = bytes};
	struct piped piped;
	struct seat seat;

	piped_start(&piped, instance);
	ASSERT_OK(SYS(fcntl(piped.owner.fd, F_ADD_SEALS, F_SEAL_SEAL)));
	owner_end(&piped.owner);
	load_secret(instance, &seat);
	ASSERT_EQ(SYS(read(piped.ends[0], bytes, PAGE)), PAGE - 1);
	ASSERT(is_filled(&region, 0, PAGE - 1, 0));
	piped_end(&piped);
	seat_close(&seat);
}

/* A persistent name pins the memory until it is removed. */
static void persistent_name(struct instance *instance)
{
	const struct dmabuffs_export_options options = {.size = sizeof(options),
							.flags = DMABUFFS_EXPORT_PERSIST};
	struct dmabuffs *library = open_library(instance);
	struct owner owner;
	dmabuffs_uuid name;
	struct seat seat;

	owner_start(&owner, instance, ACCEL_BUFFER_PINNED);
	ASSERT_OK(dmabuffs_unlink(owner.seat.library, &owner.name));
	ASSERT_OK(dmabuffs_export(owner.seat.library, owner.fd, &options, &name));
	owner_end(&owner);
	expect_left(instance);
	expect_kept_out(instance);
	ASSERT_OK(dmabuffs_unlink(library, &name));
	load_secret(instance, &seat);
	seat_close(&seat);
	dmabuffs_close(library);
}

static int open_at_once(const struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE + 48];

	device_path(instance, SOFT0, path);
	return (int)SYS(open(path, O_RDWR | O_CLOEXEC));
}

/* Scrubbing takes time; meanwhile open(2) fails with EAGAIN. */
static void scrubbing(struct instance *instance)
{
	uint64_t bytes = device_info(instance, SOFT0).memory, end;
	bool told = false;
	uint8_t *memory;
	struct seat seat;
	uint32_t buffer;
	int fd;

	seat_open(&seat, instance, SOFT0);
	ASSERT_OK(alloc_buffer(seat.context, bytes, ACCEL_BUFFER_PINNED, &buffer));
	ASSERT_OK(dmabuffs_accel_buffer_fd(seat.library, seat.context, buffer, &fd));
	ASSERT_OK(raw_map(fd, bytes, PROT_READ | PROT_WRITE, (void **)&memory));
	memset(memory, OLD, bytes);
	munmap(memory, bytes);
	close(fd);
	seat_close(&seat);
	end = now_ms() + WAIT_MS;
	while ((fd = open_at_once(instance)) < 0) {
		ASSERT(fd == -EBUSY || fd == -EAGAIN);
		told |= fd == -EAGAIN;
		ASSERT(now_ms() < end);
	}
	ASSERT(told);
	close(fd);
}

/* ---- revocable memory -------------------------------------------------------------- */

static void keep_and_look(int peer, void *data)
{
	const struct importer *importer = data;
	struct dmabuffs *library = open_library(importer->instance);
	int fd = open_for(library, importer, peer);
	struct region memory = {.size = BYTES};
	static uint8_t bytes[BYTES];
	struct stat st;

	ASSERT_OK(raw_map(fd, BYTES, PROT_READ, (void **)&memory.bytes));
	ASSERT(is_filled(&memory, 0, BYTES, OLD));
	peer_signal(peer);
	peer_wait(peer);
	/* B has written its secret to the device. */
	for (size_t i = 0; i < BYTES; i += PAGE)
		ASSERT(raises_sigbus(memory.bytes + i));
	ASSERT_EQ(SYS(pread(fd, bytes, BYTES, 0)), 0);
	if (importer->hold >= EXCHANGED) {
		ASSERT_OK(SYS(fstat(fd, &st)));
		ASSERT_EQ(st.st_size, 0);
		ASSERT_EQ(st.st_blocks, 0);
	}
	dmabuffs_close(library);
}

static void revocable_by(struct instance *instance, enum hold hold)
{
	struct importer importer = {.instance = instance, .hold = hold};
	struct child child;
	struct owner owner;
	struct seat seat;
	int fetched, context;

	child_start(&child, USER(1001), keep_and_look, &importer);
	owner_start(&owner, instance, 0);
	fetched = ASSERT_OK(SYS(dup(owner.fd)));
	peer_put(child.peer, &owner.name, sizeof(owner.name));
	peer_wait(child.peer);
	owner_end(&owner);
	expect_left(instance);
	/* Succeeds at once: only the library waits for the scrubbing. */
	context = ASSERT_OK(open_context(instance, SOFT0));
	seat_take(&seat, instance, context);
	write_secret(instance, &seat);
	peer_signal(child.peer);
	child_wait(&child);
	ASSERT_EQ(SYS(lseek(fetched, 0, SEEK_END)), 0);
	close(fetched);
	seat_close(&seat);
}

static void revocable(struct instance *instance)
{
	revocable_by(instance, OPENED);
	revocable_by(instance, EXCHANGED);
}

/* Memory mapped by another device: its commands fault. */
static void revocable_in_device(struct instance *instance)
{
	struct dmabuffs_accel_queue *queue;
	struct seat other, seat;
	struct owner owner;
	uint32_t buffer, asid;
	uint64_t iova;
	int fd;

	owner_start(&owner, instance, 0);
	seat_open(&other, instance, "other");
	queue = make_queue(&other);
	ASSERT_OK(dmabuffs_import(other.library, &owner.name, O_RDWR, &fd));
	ASSERT_OK(import_buffer(&other, fd, &buffer));
	close(fd);
	asid = make_asid(other.context);
	ASSERT_OK(map_anywhere(other.context, asid, buffer, BYTES, READ_WRITE, &iova));
	ASSERT_OK(attach(other.context, dmabuffs_accel_queue_id(queue), asid));
	expect_done(queue, fill(asid, iova, 8, 1));
	ASSERT_EQ(owner.bytes[0], 1);
	owner_end(&owner);
	load_secret(instance, &seat);
	expect_fault(queue, fill(asid, iova, 8, 2), ACCEL_FAULT_REVOKED, iova);
	dmabuffs_accel_queue_close(queue);
	seat_close(&seat);
	seat_close(&other);
}

/* Exports of an exclusive device's ASIDs would outlast the owner, so they are refused. */
static void no_names(struct instance *instance)
{
	dmabuffs_uuid name;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	ASSERT_ERR(dmabuffs_accel_export_asid(seat.context, make_asid(seat.context), NULL,
					      &name),
		   EOPNOTSUPP);
	ASSERT_ERR(dmabuffs_accel_export_asid(seat.context, bind_self(&seat, 0), NULL,
					      &name),
		   EOPNOTSUPP);
	ASSERT_EQ(raw_count(instance), 0);
	seat_close(&seat);
}

/* ---- the charge for pinned memory -------------------------------------------------- */

static int import_new(struct seat *seat, size_t bytes, int seals, uint32_t *ret_buffer)
{
	int fd = new_sealed_memfd(bytes, seals);
	int r = import_buffer(seat, fd, ret_buffer);

	close(fd);
	return r;
}

static int import_as_other(void *data)
{
	struct seat seat;
	uint32_t buffer;

	seat_open(&seat, data, SOFT0);
	ASSERT_OK(import_new(&seat, 1 << 20, F_SEAL_SHRINK, &buffer));
	ASSERT_ERR(import_new(&seat, PAGE, F_SEAL_SHRINK, &buffer), EDQUOT);
	seat_close(&seat);
	return 0;
}

static bool has_one_context(void *data)
{
	return device_info(data, SOFT0).contexts == 1;
}

static void charged_to_importer(struct instance *instance)
{
	uint32_t half, rest, more, own;
	struct seat seat, second;

	seat_open(&seat, instance, SOFT0);
	seat_open(&second, instance, SOFT0);
	ASSERT_ERR(import_new(&seat, (1 << 20) + 1, F_SEAL_SHRINK, &more), EDQUOT);
	ASSERT_OK(import_new(&seat, 512 << 10, F_SEAL_SHRINK, &half));
	/* Partial pages are charged as whole pages. */
	ASSERT_OK(import_new(&second, (512 << 10) - 1, F_SEAL_SHRINK, &rest));
	ASSERT_ERR(import_new(&seat, 1, F_SEAL_SHRINK, &more), EDQUOT);
	ASSERT_ERR(import_new(&second, 1, F_SEAL_SHRINK, &more), EDQUOT);
	/*
	 * Unsealed memory is charged too, since it can be sealed later; device memory is
	 * not.
	 */
	ASSERT_ERR(import_new(&seat, 1, F_SEAL_GROW, &more), EDQUOT);
	ASSERT_OK(alloc_buffer(seat.context, PAGE, ACCEL_BUFFER_PINNED, &own));
	ASSERT_OK(child_call(USER(1001), import_as_other, instance));
	/* The charge is released when the buffer is freed or the context closed. */
	ASSERT_OK(object_call(seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE, half));
	ASSERT_OK(import_new(&seat, 512 << 10, F_SEAL_SHRINK, &half));
	ASSERT_ERR(import_new(&seat, 1, F_SEAL_SHRINK, &more), EDQUOT);
	seat_close(&second);
	ASSERT(wait_until(has_one_context, instance));
	ASSERT_OK(import_new(&seat, 512 << 10, F_SEAL_SHRINK, &more));
	seat_close(&seat);
}

const struct test_case test_cases[] = {
	{"ownership_one_at_a_time", one_at_a_time, "accel=soft0:exclusive:memory=1M"},
	{"ownership_killed_owner", killed_owner, "accel=soft0:exclusive:memory=1M"},
	{"ownership_pinned", pinned, "accel=soft0:exclusive:memory=1M"},
	{"ownership_pinned_and_killed", pinned_and_killed,
	 "accel=soft0:exclusive:memory=1M"},
	{"ownership_fetched_descriptor", fetched_descriptor,
	 "accel=soft0:exclusive:memory=1M"},
	{"ownership_freed_before", freed_before, "accel=soft0:exclusive:memory=1M"},
	{"ownership_held_by_device", held_by_device,
	 "accel=soft0:exclusive:memory=1M,accel=other"},
	{"ownership_page_in_a_pipe", page_in_a_pipe, "accel=soft0:exclusive:memory=1M"},
	{"ownership_page_in_a_pipe_and_frozen", page_in_a_pipe_and_frozen,
	 "accel=soft0:exclusive:memory=1M"},
	{"ownership_revocable", revocable, "accel=soft0:exclusive:memory=1M"},
	{"ownership_revocable_in_device", revocable_in_device,
	 "accel=soft0:exclusive:memory=1M,accel=other"},
	{"ownership_no_names", no_names, "accel=soft0:exclusive:memory=1M"},
	{"ownership_persistent_name", persistent_name, "accel=soft0:exclusive:memory=1M"},
	{"ownership_scrubbing", scrubbing, "accel=soft0:exclusive:memory=64M"},
	{"ownership_charged_to_importer", charged_to_importer, "max-pinned-per-uid=1M"},
	{0},
};
