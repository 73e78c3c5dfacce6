/* SPDX-License-Identifier: MIT */
/*
 * fuzz-ioctl.c - decodes bytes into ioctls on contexts, through the daemon without FUSE
 *
 * The libfuse functions on the way of a request are implemented here (--wrap of the
 * linker): a reply is checked instead of sent. Invariants: each request gets one reply,
 * an errno or its own struct; afterwards everything opened, charged or in use has been
 * released.
 */
#include <dirent.h>
#include <dmabuffs-accel-ioctl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <time.h>

#include "base/log.h"
#include "buffers/buffer.h"
#include "buffers/closer.h"
#include "devices/device_file.h"
#include "fs/fs.h"
#include "fs/restore.h"
#include "names/caller.h"
#include "reader.h"
#include "util.h"

#define CONTEXTS  2
#define MAX_STEPS 48
#define CARRIED   16383 /* maximum size of an ioctl argument */
#define SETTLE_MS 20000
#define FIRST_FD  40 /* of the descriptors that requests name */

/* ---- libfuse ----------------------------------------------------------------------- */

struct fuse_req {
	atomic_int answers;
	int error;
	uint64_t handle;           /* of an open */
	uint8_t body[CARRIED + 1]; /* of an ioctl */
	size_t size;
};

static struct service service;
static struct fuse_ctx caller;

void *__wrap_fuse_req_userdata(fuse_req_t req)
{
	return &service;
}

const struct fuse_ctx *__wrap_fuse_req_ctx(fuse_req_t req)
{
	return &caller;
}

static int answer(struct fuse_req *req, int error)
{
	req->error = error;
	MUST(atomic_fetch_add(&req->answers, 1) == 0);
	return 0;
}

int __wrap_fuse_reply_err(fuse_req_t req, int error)
{
	MUST(error >= 0 && error < 200);
	return answer(req, error);
}

int __wrap_fuse_reply_ioctl(fuse_req_t req, int result, const void *body, size_t size)
{
	MUST(result == 0 && size <= CARRIED);
	memcpy(req->body, body, size);
	req->size = size;
	return answer(req, 0);
}

int __wrap_fuse_reply_open(fuse_req_t req, const struct fuse_file_info *fi)
{
	req->handle = fi->fh;
	return answer(req, 0);
}

int __wrap_fuse_reply_buf(fuse_req_t req, const char *bytes, size_t size)
{
	MUST(size && size % sizeof(struct accel_event) == 0);
	return answer(req, 0);
}

int __wrap_fuse_reply_poll(fuse_req_t req, unsigned int events)
{
	MUST(!(events & ~(unsigned int)POLLIN));
	return answer(req, 0);
}

/* ---- waiting ----------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits at most SETTLE_MS, which no correct run needs. */
static bool wait_for(bool (*holds)(void *data), void *data)
{
	const struct timespec moment = {.tv_nsec = 20000};
	uint64_t end = now_ms() + SETTLE_MS;

	while (!holds(data)) {
		if (now_ms() > end)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

static bool is_answered(void *data)
{
	return ((struct fuse_req *)data)->answers > 0;
}

/* ---- one input --------------------------------------------------------------------- */

enum kind { BUFFER, ASID, SET, QUEUE, FENCE, KINDS };

#define IDS 4 /* remembered of each kind */

struct fuzz {
	struct fuse_file_info contexts[CONTEXTS];
	struct ticket_list deposits;
	uint32_t ids[KINDS][IDS]; /* the most recent ones */
	uint8_t n_ids[KINDS];
	uint8_t ticket[DMABUFFS_TICKET_SIZE]; /* the most recent one */
};

static struct fuse_req request;

static struct fuse_req *new_request(void)
{
	request.answers = 0;
	return &request;
}

/* ---- valid requests ---------------------------------------------------------------- */

/* The type of a field. */
enum what {
	END,
	ID, /* of a kind: ID + kind */
	NUMBER = ID + KINDS,
	PAGES, /* 8 bytes */
	FD,    /* one of place_fds() */
	MEM,   /* mostly the valid one */
	MAPS,
	ACCESS,  /* O_RDONLY, O_RDWR */
	MAPPING, /* flags of a mapping */
	BIT,     /* 0 or 1 */
	ENTRIES,
	COUNT, /* and the commands that follow */
};

#define BUFFERS (ID + BUFFER)
#define ASIDS   (ID + ASID)
#define SETS    (ID + SET)
#define QUEUES  (ID + QUEUE)
#define FENCES  (ID + FENCE)

struct shape {
	unsigned int size;
	struct {
		uint8_t offset, what;
	} fields[7];
	/* For a command that creates something: offset and kind of its id. */
	uint8_t made_at, made;
};

#define SHAPE(command, ...) [_IOC_NR(command)] = {_IOC_SIZE(command), {__VA_ARGS__}}
#define MAKES(command, offset, kind, ...)                                                \
	[_IOC_NR(command)] = {_IOC_SIZE(command), {__VA_ARGS__}, offset, kind}

static const struct shape shapes[256] = {
	SHAPE(DMABUFFS_IOC_EXPORT, {8, FD}),
	SHAPE(DMABUFFS_IOC_REVOKE, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_INFO, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_WITHDRAW, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_LIST, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_ENDED, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_LIMITS, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_UPGRADE, {4, NUMBER}),
	SHAPE(DMABUFFS_IOC_ENTRIES, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_TOKEN, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_IDENTIFY, {8, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_DEVICE_INFO, {8, END}),
	MAKES(DMABUFFS_ACCEL_IOC_BUFFER_ALLOC, 16, BUFFER, {4, BIT}, {8, PAGES}),
	MAKES(DMABUFFS_ACCEL_IOC_BUFFER_IMPORT, 12, BUFFER, {8, FD}),
	SHAPE(DMABUFFS_ACCEL_IOC_BUFFER_FREE, {8, BUFFERS}),
	SHAPE(DMABUFFS_ACCEL_IOC_BUFFER_REVOKE, {8, BUFFERS}),
	SHAPE(DMABUFFS_ACCEL_IOC_BUFFER_INFO, {8, BUFFERS}),
	SHAPE(DMABUFFS_ACCEL_IOC_OPEN, {8, BUFFERS}, {12, ACCESS}),
	MAKES(DMABUFFS_ACCEL_IOC_ASID_CREATE, 12, ASID, {4, BIT}, {8, SETS}),
	MAKES(DMABUFFS_ACCEL_IOC_ASID_SVA, 20, ASID, {8, MEM}, {12, MAPS}, {16, SETS}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_DESTROY, {8, ASIDS}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_INFO, {8, ASIDS}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_MAP, {4, MAPPING}, {8, ASIDS}, {12, BUFFERS},
	      {16, PAGES}, {24, PAGES}, {32, PAGES}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_UNMAP, {8, ASIDS}, {16, PAGES}, {24, PAGES}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_COPY, {4, MAPPING}, {8, ASIDS}, {12, ASIDS},
	      {16, PAGES}, {24, PAGES}, {32, PAGES}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_EXPORT, {8, ASIDS}),
	MAKES(DMABUFFS_ACCEL_IOC_ASID_IMPORT, 12, ASID, {8, FD}),
	MAKES(DMABUFFS_ACCEL_IOC_SET_CREATE, 12, SET, {8, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_DESTROY, {8, SETS}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_INFO, {8, SETS}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_BIND, {8, SETS}, {12, ASIDS}, {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_UNBIND, {8, SETS}, {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_LOOKUP, {4, BIT}, {8, SETS}, {12, ASIDS},
	      {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_NEXT, {8, SETS}, {12, ASIDS}),
	MAKES(DMABUFFS_ACCEL_IOC_QUEUE_CREATE, 16, QUEUE, {4, BIT}, {8, ENTRIES},
	      {12, SETS}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_DESTROY, {8, QUEUES}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, {8, QUEUES}, {12, ASIDS}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_DETACH, {8, QUEUES}, {12, ASIDS}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT, {8, QUEUES}, {12, COUNT}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_RESET, {8, QUEUES}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_INFO, {8, QUEUES}),
	MAKES(DMABUFFS_ACCEL_IOC_FENCE_CREATE, 8, FENCE, {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_FENCE_DESTROY, {8, FENCES}),
	SHAPE(DMABUFFS_ACCEL_IOC_FENCE_SIGNAL, {8, FENCES}, {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_FENCE_QUERY, {8, FENCES}),
};

/* An id created earlier, or 0 if there is none. */
static uint32_t read_id(struct fuzz *fuzz, struct reader *reader, enum kind kind)
{
	uint8_t byte = read_byte(reader);

	return byte >= 0xf0 ? byte & 0x0f : fuzz->ids[kind][byte % IDS];
}

static void put_word(uint8_t *body, size_t offset, uint32_t word)
{
	memcpy(body + offset, &word, sizeof(word));
}

static void read_commands(struct fuzz *fuzz, struct reader *reader,
			  struct accel_command *commands, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct accel_command *command = &commands[i];

		command->op = read_byte(reader) % (ACCEL_OP_COUNT + 1);
		if (command->op == ACCEL_OP_SIGNAL || command->op == ACCEL_OP_WAIT) {
			command->src2_asid = read_id(fuzz, reader, FENCE);
			command->value = read_number(reader);
			continue;
		}
		command->dst_asid = read_id(fuzz, reader, ASID);
		command->dst = FUZZ_PAGE * (read_byte(reader) & 15);
		command->length = 4 * (1u + read_byte(reader));
		if (command->op == ACCEL_OP_FILL)
			continue;
		command->src_asid = read_id(fuzz, reader, ASID);
		command->src = FUZZ_PAGE * (read_byte(reader) & 15);
		if (command->op == ACCEL_OP_COPY || command->op == ACCEL_OP_CRC32C)
			continue;
		command->src2_asid = read_id(fuzz, reader, ASID);
		command->src2 = FUZZ_PAGE * (read_byte(reader) & 15);
	}
}

static void read_field(struct fuzz *fuzz, struct reader *reader, uint8_t *body,
		       size_t offset, unsigned int what)
{
	uint64_t pages;

	if (what >= ID && what < ID + KINDS) {
		put_word(body, offset, read_id(fuzz, reader, (enum kind)(what - ID)));
		return;
	}
	switch (what) {
	case NUMBER:
		put_word(body, offset, (uint32_t)read_number(reader));
		break;
	case PAGES:
		pages = FUZZ_PAGE * (read_byte(reader) & 15);
		memcpy(body + offset, &pages, sizeof(pages));
		break;
	case FD:
		put_word(body, offset, FIRST_FD + read_byte(reader) % 8u);
		break;
	case MEM:
	case MAPS:
		if (read_byte(reader) & 0xe0)
			put_word(body, offset, FIRST_FD + (what == MEM ? 2 : 3));
		break;
	case ACCESS:
		put_word(body, offset, read_byte(reader) & 1 ? O_RDWR : O_RDONLY);
		break;
	case MAPPING:
		put_word(body, offset, read_byte(reader) & 7);
		break;
	case BIT:
		put_word(body, offset, read_byte(reader) & 1);
		break;
	case ENTRIES:
		put_word(body, offset, 16u << (read_byte(reader) & 3));
		break;
	case COUNT:
		put_word(body, offset, 1u + read_byte(reader) % 4u);
		read_commands(
			fuzz, reader,
			(void *)(body + offsetof(struct accel_queue_submit, commands)),
			body[offset]);
		break;
	}
}

/* Mostly the number of an existing command. */
static unsigned int read_command(struct reader *reader)
{
	unsigned int byte = read_byte(reader), nr = 0;

	if (byte >= 0xf0)
		return read_byte(reader);
	for (unsigned int n = byte % 39 + 1; n; nr++)
		n -= shapes[nr].size != 0;
	return nr - 1;
}

static void put_tickets(const struct fuzz *fuzz, uint8_t *body, unsigned int nr)
{
	static const size_t of_sva[] = {offsetof(struct dmabuffs_accel_sva, mem_ticket),
					offsetof(struct dmabuffs_accel_sva, maps_ticket)};

	put_word(body, 4, DMABUFFS_ACCEL_TICKET);
	put_word(body, 8, UINT32_MAX);
	if (nr != _IOC_NR(DMABUFFS_ACCEL_IOC_ASID_SVA)) {
		memcpy(body + offsetof(struct dmabuffs_accel_import, ticket),
		       fuzz->ticket, sizeof(fuzz->ticket));
		return;
	}
	put_word(body, 12, UINT32_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(of_sva); i++)
		memcpy(body + of_sva[i], fuzz->ticket, sizeof(fuzz->ticket));
}

/* Reads a valid request, then corrupts it. */
static void read_struct(struct fuzz *fuzz, struct reader *reader, uint8_t *body,
			unsigned int nr)
{
	const struct shape *shape = &shapes[nr];
	uint8_t how = read_byte(reader);

	for (size_t i = 0; i < ARRAY_SIZE(shape->fields); i++)
		read_field(fuzz, reader, body, shape->fields[i].offset,
			   shape->fields[i].what);
	if ((shape->fields[0].what == FD || shape->fields[0].what == MEM) && how & 0x40)
		put_tickets(fuzz, body, nr);
	for (unsigned int n = how & 0x80 ? how & 7 : 0; n; n--) {
		size_t offset = 4 + read_byte(reader) % 64 * 4u;
		uint64_t value = read_number(reader);

		memcpy(body + offset, &value, offset & 4 ? 4 : 8);
	}
}

static void keep_id(struct fuzz *fuzz, const struct shape *shape, const uint8_t *body)
{
	uint32_t id;

	memcpy(&id, body + shape->made_at, sizeof(id));
	MUST(id);
	/* The first id fills all slots. */
	for (int i = 0; i < IDS && !fuzz->n_ids[shape->made]; i++)
		fuzz->ids[shape->made][i] = id;
	fuzz->ids[shape->made][fuzz->n_ids[shape->made]++ % IDS] = id;
}

static void take_answer(struct fuzz *fuzz, struct fuse_req *req, unsigned int nr,
			const uint8_t *body, size_t carried)
{
	uint32_t size;

	MUST(wait_for(is_answered, req));
	if (req->error)
		return;
	MUST(req->size <= carried && req->size >= sizeof(size));
	/* The size field is returned unchanged. */
	MUST(!memcmp(req->body, body, sizeof(size)));
	if (shapes[nr].made_at)
		keep_id(fuzz, &shapes[nr], req->body);
	if (nr == _IOC_NR(DMABUFFS_ACCEL_IOC_OPEN))
		memcpy(fuzz->ticket,
		       req->body + offsetof(struct dmabuffs_accel_open, ticket),
		       sizeof(fuzz->ticket));
}

/* Passes a copy of exactly that size, so that an overread is detected. */
static void ask(struct fuzz *fuzz, unsigned int nr, uint64_t ino,
		struct fuse_file_info *fi, const uint8_t *body, size_t carried)
{
	unsigned int number = (unsigned int)_IOC(_IOC_READ | _IOC_WRITE,
						 DMABUFFS_IOC_TYPE, nr, carried);
	struct fuse_req *req = new_request();
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
	put_word(arg, 0, _IOC_SIZE(command));
	ask(fuzz, _IOC_NR(command), INO_FIRST_DEVICE, &fuzz->contexts[0], arg,
	    _IOC_SIZE(command));
	MUST(!request.error);
}

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
	asid.set = fuzz->ids[SET][0];
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_ASID_CREATE, &asid);
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_QUEUE_CREATE, &queue);
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_FENCE_CREATE, &fence);
	map.asid = attach.asid = fuzz->ids[ASID][0];
	map.buffer = fuzz->ids[BUFFER][0];
	attach.queue = fuzz->ids[QUEUE][0];
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_ASID_MAP, &map);
	ask_good(fuzz, DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, &attach);
}

static void step_ioctl(struct fuzz *fuzz, struct reader *reader)
{
	static uint8_t body[CARRIED + 1];
	static const uint64_t roots[] = {INO_ROOT, INO_ACCEL, INO_CONTROL, INO_CONTROL};
	struct fuse_file_info root = {.fh = 1};
	uint8_t how = read_byte(reader);
	unsigned int nr = read_command(reader);
	size_t carried = shapes[nr].size ?: 64;
	uint32_t size;

	memset(body, 0, sizeof(body));
	read_struct(fuzz, reader, body, nr);
	if (how >= 0xf0)
		carried = read_number(reader) % (CARRIED + 1);
	size = (uint32_t)(how >= 0xe8 ? read_number(reader) : carried);
	put_word(body, 0, size);
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
	int fd = tickets_take(&service.tickets, fuzz->ticket);

	if (fd >= 0)
		close(fd);
	else
		MUST(fd == -ENOENT);
	MUST(tickets_take(&service.tickets, fuzz->ticket) == -ENOENT);
}

/* Deposits a descriptor as the broker does. */
static void step_deposit(struct fuzz *fuzz, struct reader *reader)
{
	int fd = fcntl(FIRST_FD + read_byte(reader) % 6, F_DUPFD_CLOEXEC, 0);

	MUST(fd >= 0);
	if (tickets_add(&service.tickets, &fuzz->deposits, fd, fuzz->ticket) < 0)
		close(fd);
}

static void step_read(struct fuzz *fuzz, struct reader *reader)
{
	uint8_t byte = read_byte(reader);

	fs_read(new_request(), INO_FIRST_DEVICE, byte * 8, 0, &fuzz->contexts[byte & 1]);
	MUST(request.answers == 1);
}

static void step_poll(struct fuzz *fuzz, struct reader *reader)
{
	fs_poll(new_request(), INO_FIRST_DEVICE, &fuzz->contexts[read_byte(reader) & 1],
		NULL);
	MUST(request.answers == 1);
}

static void open_context(struct fuse_file_info *fi)
{
	*fi = (struct fuse_file_info){.flags = O_RDWR};
	fs_open(new_request(), INO_FIRST_DEVICE, fi);
	MUST(request.answers == 1 && !request.error);
	fi->fh = request.handle;
}

static void close_context(struct fuse_file_info *fi)
{
	fs_release(new_request(), INO_FIRST_DEVICE, fi);
	MUST(request.answers == 1);
}

static void step_reopen(struct fuzz *fuzz, struct reader *reader)
{
	struct fuse_file_info *fi = &fuzz->contexts[read_byte(reader) & 1];

	close_context(fi);
	open_context(fi);
}

/* ---- leaks ------------------------------------------------------------------------- */

static struct accel_device_info device_before;
static int fds_before;

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	MUST(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Returns the first difference from the start, or NULL. */
static const char *find_difference(void)
{
	static char text[64];
	struct accel_device_info info = {.size = sizeof(info)};

	/* A query first reclaims memory that importers have released. */
	accel_device_query(service.devices.list[0], &info);
	if (memcmp(&info, &device_before, sizeof(info)))
		return "the device is in use";
	for (int resource = 0; resource < RES_COUNT; resource++) {
		uint64_t used = limits_used(&service.limits, (enum resource)resource);

		snprintf(text, sizeof(text), "resource %d: %llu still charged", resource,
			 (unsigned long long)used);
		if (used)
			return text;
	}
	return count_fds() == fds_before ? NULL : "descriptors leak";
}

static bool is_as_before(void *data)
{
	return !find_difference();
}

static void check_remains(void)
{
	if (wait_for(is_as_before, NULL))
		return;
	fprintf(stderr, "ERROR: leak: %s\n", find_difference());
	abort();
}

/* ---- libFuzzer interface ----------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Commands may write to this process's memory, instead of the fuzzer's own. */
static pid_t start_victim(void)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int open_proc(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags | O_CLOEXEC);
}

static int sealed_memfd(void)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	MUST(fd >= 0 && ftruncate(fd, 2 * FUZZ_PAGE) == 0);
	MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE) == 0);
	return fd;
}

static void place_fd(int place, int fd)
{
	MUST(fd >= 0 && fcntl(FIRST_FD + place, F_GETFD) < 0);
	MUST(dup3(fd, FIRST_FD + place, O_CLOEXEC) == FIRST_FD + place);
	close(fd);
}

/* Small numbers in requests name these descriptors. */
static void place_fds(void)
{
	pid_t victim = start_victim();
	int memfd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	MUST(memfd >= 0 && ftruncate(memfd, 4 * FUZZ_PAGE) == 0);
	place_fd(0, memfd);
	place_fd(1, sealed_memfd());
	place_fd(2, open_proc(victim, "mem", O_RDWR));
	place_fd(3, open_proc(victim, "maps", O_RDONLY));
	place_fd(4, open_proc(victim, "mem", O_RDONLY));
	place_fd(5, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void start_service(void)
{
	struct options *options = &service.options;
	struct node root;

	log_set_level(LOG_ERR);
	MUST(buffer_setup() == 0);
	caller_setup();
	options->accel = true;
	limits_config_default(&options->limits);
	limits_init(&service.limits, &options->limits);
	node_init(&root, S_IFDIR | 0777, 0, 0);
	MUST(state_create(options->limits.per_mount[RES_EXPORTS], &restore_bank_ops,
			  &service, &service.state) == 0);
	MUST(table_init(&service.table, &service.limits, &service.state, &root) == 0);
	tickets_init(&service.tickets, &service.limits);
	service.broker = (struct broker){
		.table = &service.table,
		.limits = &service.limits,
		.tickets = &service.tickets,
	};
	MUST(notifier_start(&service.notifier, NULL, &service.table) == 0);
	MUST(closer_start() == 0);
	service.devices.limits = &service.limits;
	service.devices.tickets = &service.tickets;
	service.devices.notifier = &service.notifier;
	service.devices.state = &service.state;
	MUST(devices_start(&service.devices, options) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	place_fds();
	start_service();
	caller.pid = (pid_t)syscall(SYS_gettid);
	device_before.size = sizeof(device_before);
	accel_device_query(service.devices.list[0], &device_before);
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
	/* libFuzzer opens files between runs only. */
	fds_before = count_fds();
	for (int i = 0; i < CONTEXTS; i++)
		open_context(&fuzz.contexts[i]);
	make_objects(&fuzz);
	for (int i = 0; i < MAX_STEPS && reader.size; i++)
		steps[read_byte(&reader) % ARRAY_SIZE(steps)](&fuzz, &reader);
	for (int i = 0; i < CONTEXTS; i++)
		close_context(&fuzz.contexts[i]);
	tickets_drop(&service.tickets, &fuzz.deposits);
	check_remains();
	return 0;
}
