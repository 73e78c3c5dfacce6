/* SPDX-License-Identifier: MIT */
/* test-lib-accel.c - devices and contexts of libdmabuffs, with a fake device */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <dmabuffs-accel.h>

#include "../support/fds.h"
#include "../support/make-memfd.h"
#include "broker.h"
#include "fake-device.h"

#define UNTOUCHED 0xabcdU

static struct fake_broker broker;
static int context = -1;

/* The last command to the device, and its results. */
static struct {
	unsigned int calls;
	unsigned long request;
	int error[4]; /* for the first calls */
	union {
		struct accel_queue_submit submit;
		struct dmabuffs_accel_import import;
		struct dmabuffs_accel_sva sva;
		struct dmabuffs_accel_export export;
		struct dmabuffs_accel_open open;
		uint32_t size;
	} arg;
	char links[2][64]; /* targets of the descriptors that it received */
} device;

static const char *const names[] = {"soft0", "soft1", ".hidden"};

static void start(void)
{
	fake_broker_start(&broker, fake_answer_echo, false);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		fake_device_add(&broker, names[i]);
	context = new_memfd(0);
}

static void finish(void)
{
	fake_device_command = NULL;
	close(context);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		fake_device_remove(&broker, names[i]);
	fake_broker_stop(&broker);
}

/* Records the command; returns an id, or an error of device.error. */
static int answer(int fd, unsigned long request, void *arg)
{
	unsigned int n = device.calls++;

	device.request = request;
	cr_assert(le(ulong, _IOC_SIZE(request), sizeof(device.arg)));
	memcpy(&device.arg, arg, _IOC_SIZE(request));
	if (n < 4 && device.error[n] < 0)
		return device.error[n];
	if (_IOC_NR(request) == _IOC_NR(DMABUFFS_ACCEL_IOC_OPEN))
		memset(((struct dmabuffs_accel_open *)arg)->ticket, (int)n + 1, 16);
	else if (_IOC_NR(request) == _IOC_NR(DMABUFFS_ACCEL_IOC_ASID_SVA))
		((struct dmabuffs_accel_sva *)arg)->id = 5;
	else if (_IOC_NR(request) == _IOC_NR(DMABUFFS_ACCEL_IOC_ASID_EXPORT))
		memset(((struct dmabuffs_accel_export *)arg)->uuid, 9, 16);
	else if (_IOC_NR(request) == _IOC_NR(DMABUFFS_ACCEL_IOC_BUFFER_IMPORT) ||
		 _IOC_NR(request) == _IOC_NR(DMABUFFS_ACCEL_IOC_ASID_IMPORT))
		((struct dmabuffs_accel_import *)arg)->id = 5;
	return 0;
}

/* ---- devices ----------------------------------------------------------------------- */

static bool is_old_service;

/* "" -> soft0 -> soft1 */
static int answer_next(struct accel_device_info *info)
{
	if (is_old_service)
		return -EOPNOTSUPP;
	if (!strcmp(info->name, names[1]))
		return -ENOENT;
	strcpy(info->name, info->name[0] ? names[1] : names[0]);
	info->flags = 0;
	return 0;
}

/* A hostile reply: unterminated strings, more ranges than the array holds. */
static int answer_info(int fd, unsigned long request, void *arg)
{
	struct accel_device_info *info = arg;

	cr_assert(eq(ulong, request, DMABUFFS_ACCEL_IOC_DEVICE_INFO));
	cr_assert(eq(u32, info->size, sizeof(*info)));
	if (info->flags == DMABUFFS_ACCEL_NEXT)
		return answer_next(info);
	cr_assert(zero(u32, info->flags));
	device.calls++;
	memset(info->backend, 'x', sizeof(info->backend));
	info->queues = (uint32_t)info->name[4];
	info->n_reserved = UINT32_MAX;
	return 0;
}

static int count_devices(const char *name, void *data)
{
	unsigned int *seen = data;
	struct accel_device_info info;

	cr_assert(zero(
		int, dmabuffs_accel_query(&broker.instance, name, &info, sizeof(info))));
	cr_assert(eq(ulong, strlen(info.name), 5));
	cr_assert(eq(u32, info.queues, (uint32_t)name[4]));
	cr_assert(eq(ulong, strlen(info.backend), ACCEL_NAME_SIZE - 1));
	cr_assert(eq(u32, info.n_reserved, ACCEL_MAX_RANGES));
	*seen |= 1U << (name[4] - '0');
	return 0;
}

Test(accel_device, list_and_query_each, .init = start, .fini = finish)
{
	unsigned int seen = 0;

	fake_device_command = answer_info;
	cr_assert(zero(int, dmabuffs_accel_list(&broker.instance, count_devices, &seen)));
	cr_assert(eq(u32, seen, 3));
	cr_assert(eq(u32, device.calls, 2), "a name with a leading dot was opened");
	/* The directory shows the same. */
	is_old_service = true;
	seen = 0;
	cr_assert(zero(int, dmabuffs_accel_list(&broker.instance, count_devices, &seen)));
	cr_assert(eq(u32, seen, 3));
	cr_assert(eq(u32, device.calls, 4), "a name with a leading dot was opened");
}

/* Names that a service must not send. */
static int answer_bad_name(int fd, unsigned long request, void *arg)
{
	struct accel_device_info *info = arg;

	strcpy(info->name, device.calls++ == 0 ? "soft0" : "../soft0");
	return 0;
}

static int count_visits(const char *name, void *data)
{
	++*(unsigned int *)data;
	return 0;
}

Test(accel_device, list_refuses_other_names, .init = start, .fini = finish)
{
	unsigned int visits = 0;

	fake_device_command = answer_bad_name;
	cr_assert(eq(int, dmabuffs_accel_list(&broker.instance, count_visits, &visits),
		     -EPROTO));
	cr_assert(le(u32, visits, 1));
}

static int stop_walk(const char *name, void *data)
{
	++*(unsigned int *)data;
	return -EXDEV;
}

Test(accel_device, list_ends_when_the_visitor_says_so, .init = start, .fini = finish)
{
	unsigned int visits = 0;

	fake_device_command = answer_info;
	cr_assert(eq(int, dmabuffs_accel_list(&broker.instance, stop_walk, &visits),
		     -EXDEV));
	cr_assert(eq(u32, visits, 1));
	is_old_service = true;
	cr_assert(eq(int, dmabuffs_accel_list(&broker.instance, stop_walk, &visits),
		     -EXDEV));
	cr_assert(eq(u32, visits, 2));
}

static void stop_broker(void)
{
	fake_broker_stop(&broker);
}

Test(accel_device, an_instance_without_devices, .fini = stop_broker)
{
	struct accel_device_info info;
	unsigned int visits = 0;
	int fd = -7;

	fake_broker_start(&broker, fake_answer_echo, false);
	cr_assert(eq(int, dmabuffs_accel_list(&broker.instance, stop_walk, &visits),
		     -ENOENT));
	cr_assert(zero(u32, visits));
	cr_assert(eq(int,
		     dmabuffs_accel_query(&broker.instance, "soft0", &info, sizeof(info)),
		     -ENOENT));
	cr_assert(eq(int, dmabuffs_accel_open(&broker.instance, "soft0", &fd), -ENOENT));
	cr_assert(eq(int, fd, -7));
}

Test(accel_device, names_lead_nowhere_else, .init = start, .fini = finish)
{
	static const char *const wrong[] = {
		"",
		".",
		"..",
		".hidden",
		"../.broker",
		"/soft0",
		"./soft0",
		"soft0/",
		"soft0/.",
		"soft1/../soft0",
		"a-name-of-just-thirty-two-letters-and-more",
		"12345678901234567890123456789012",
	};

	fake_device_command = answer;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct accel_device_info info;
		int fd = -7;

		cr_assert(eq(int,
			     dmabuffs_accel_query(&broker.instance, wrong[i], &info,
						  sizeof(info)),
			     -ENOENT));
		cr_assert(eq(int, dmabuffs_accel_open(&broker.instance, wrong[i], &fd),
			     -ENOENT));
		cr_assert(eq(int, fd, -7), "%s", wrong[i]);
	}
	cr_assert(zero(u32, device.calls));
	cr_assert(zero(u32, fake_device_opens));
}

Test(accel_device, query_leaves_the_output, .init = start, .fini = finish)
{
	struct accel_device_info info = {.size = UNTOUCHED};

	fake_device_command = answer;
	device.error[0] = -ENOTTY;
	cr_assert(eq(int,
		     dmabuffs_accel_query(&broker.instance, "soft0", &info, sizeof(info)),
		     -ENOTTY));
	cr_assert(eq(u32, info.size, UNTOUCHED));
}

Test(accel_device, open_makes_a_context, .init = start, .fini = finish)
{
	int fd = -1;

	cr_assert(zero(int, dmabuffs_accel_open(&broker.instance, "soft1", &fd)));
	cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
	cr_assert(eq(int, fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR));
	close(fd);
}

Test(accel_device, open_waits_for_the_scrub, .init = start, .fini = finish)
{
	int fd = -1;

	fake_device_scrubs = 3;
	cr_assert(zero(int, dmabuffs_accel_open(&broker.instance, "soft0", &fd)));
	cr_assert(eq(u32, fake_device_opens, 4));
	close(fd);
}

Test(accel_device, open_waits_for_a_second_only, .init = start, .fini = finish)
{
	struct timespec begin, end;
	int fd = -7;

	fake_device_scrubs = UINT32_MAX;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	cr_assert(eq(int, dmabuffs_accel_open(&broker.instance, "soft0", &fd), -EAGAIN));
	clock_gettime(CLOCK_MONOTONIC, &end);
	cr_assert(eq(int, fd, -7));
	cr_assert(ge(long, end.tv_sec - begin.tv_sec, 1));
	cr_assert(le(long, end.tv_sec - begin.tv_sec, 20));
}

/* ---- commands ---------------------------------------------------------------------- */

Test(accel_call, fills_in_the_size, .init = start, .fini = finish)
{
	struct accel_object object = {.id = 3};

	fake_device_command = answer;
	cr_assert(zero(int, dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_BUFFER_FREE,
						&object)));
	cr_assert(eq(ulong, device.request, DMABUFFS_ACCEL_IOC_BUFFER_FREE));
	cr_assert(eq(u32, device.arg.size, sizeof(object)));
	cr_assert(eq(u32, object.id, 3));
}

static void expect_batch(uint32_t count, size_t bytes)
{
	static struct accel_queue_submit arg;

	arg.count = count;
	cr_assert(zero(int, dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT,
						&arg)));
	cr_assert(eq(u32, device.arg.size, bytes));
	cr_assert(eq(u32, _IOC_SIZE(device.request), bytes));
	cr_assert(eq(u32, _IOC_NR(device.request),
		     _IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT)));
	cr_assert(eq(u32, _IOC_DIR(device.request), _IOC_READ | _IOC_WRITE));
}

Test(accel_call, a_batch_ends_with_its_commands, .init = start, .fini = finish)
{
	fake_device_command = answer;
	expect_batch(0, 24);
	expect_batch(1, 24 + 64);
	expect_batch(128, 24 + 128 * 64);
	expect_batch(129, 24 + 128 * 64);
	expect_batch(UINT32_MAX, 24 + 128 * 64);
}

Test(accel_call, is_repeated_when_interrupted, .init = start, .fini = finish)
{
	struct accel_object object = {0};

	fake_device_command = answer;
	device.error[0] = device.error[1] = -EINTR;
	cr_assert(zero(int, dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_BUFFER_FREE,
						&object)));
	cr_assert(eq(u32, device.calls, 3));
}

Test(accel_call, passes_errors_on, .init = start, .fini = finish)
{
	struct accel_object object = {0};

	fake_device_command = answer;
	device.error[0] = -EBUSY;
	cr_assert(
		eq(int,
		   dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, &object),
		   -EBUSY));
}

/* A struct without a size field must not be written. */
Test(accel_call, refuses_what_is_no_command, .init = start, .fini = finish)
{
	uint32_t word = UNTOUCHED;

	fake_device_command = answer;
	cr_assert(eq(int, dmabuffs_accel_call(context, 0x5413, &word), -ENOTTY));
	cr_assert(eq(int,
		     dmabuffs_accel_call(context, _IO(DMABUFFS_IOC_TYPE, 0x20), &word),
		     -ENOTTY));
	cr_assert(eq(u32, word, UNTOUCHED));
	cr_assert(zero(u32, device.calls));
}

Test(accel_call, of_a_real_file, .init = start, .fini = finish)
{
	struct accel_object object = {0};

	cr_assert(
		eq(int,
		   dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, &object),
		   -ENOTTY));
	cr_assert(eq(int,
		     dmabuffs_accel_call(-1, DMABUFFS_ACCEL_IOC_ASID_DESTROY, &object),
		     -EBADF));
}

/* ---- descriptors ------------------------------------------------------------------- */

/* Returns numbered tickets; records the target of each descriptor. */
static bool answer_ticket(int connection, unsigned int number, int fd)
{
	struct dmabuffs_broker_reply reply = {.size = sizeof(reply)};
	unsigned int n = broker.requests - 1;
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, device.links[n % 2], sizeof(device.links[0]) - 1);
	device.links[n % 2][length > 0 ? length : 0] = '\0';
	memset(reply.ticket, (int)n + 1, sizeof(reply.ticket));
	fake_send(connection, &reply, sizeof(reply), -1, 0);
	return true;
}

static bool answer_ticket_once(int connection, unsigned int number, int fd)
{
	answer_ticket(connection, number, fd);
	return false;
}

Test(accel_import, buffer, .init = start, .fini = finish)
{
	uint32_t id = UNTOUCHED;

	fake_device_command = answer;
	cr_assert(zero(int,
		       dmabuffs_accel_import_buffer(&broker.instance, context, 77, &id)));
	cr_assert(eq(u32, id, 5));
	cr_assert(eq(int, device.arg.import.fd, 77));
	cr_assert(zero(u32, device.arg.import.flags));
	cr_assert(zero(u32, broker.requests));
}

Test(accel_import, buffer_by_ticket, .init = start, .fini = finish)
{
	uint32_t id = UNTOUCHED;

	fake_device_command = answer;
	broker.answer = answer_ticket;
	device.error[0] = -EREMOTE;
	cr_assert(zero(int, dmabuffs_accel_import_buffer(&broker.instance, context,
							 context, &id)));
	cr_assert(eq(u32, id, 5));
	cr_assert(eq(u32, broker.op, DMABUFFS_BROKER_TICKET));
	cr_assert(eq(int, device.arg.import.fd, -1));
	cr_assert(eq(u32, device.arg.import.flags, DMABUFFS_ACCEL_TICKET));
	cr_assert(eq(u8, device.arg.import.ticket[15], 1));
}

Test(accel_import, failures_leave_the_output, .init = start, .fini = finish)
{
	uint32_t id = UNTOUCHED;

	fake_device_command = answer;
	broker.answer = answer_ticket;
	device.error[0] = -EREMOTE;
	device.error[1] = -ENOSPC;
	device.error[2] = -EBADFD;
	cr_assert(
		eq(int,
		   dmabuffs_accel_import_buffer(&broker.instance, context, context, &id),
		   -ENOSPC));
	cr_assert(
		eq(int,
		   dmabuffs_accel_import_buffer(&broker.instance, context, context, &id),
		   -EBADFD));
	cr_assert(eq(u32, id, UNTOUCHED));
}

/* Any descriptor will do for a ticket: the context's own. */
static bool answer_fetch(int connection, unsigned int number, int fd)
{
	cr_assert(eq(int, fd, -1));
	return fake_answer_echo(connection, number, context);
}

Test(accel_import, buffer_fd_is_fetched, .init = start, .fini = finish)
{
	struct stat mine, theirs;
	int fd = -1;

	fake_device_command = answer;
	broker.answer = answer_fetch;
	cr_assert(
		zero(int, dmabuffs_accel_buffer_fd(&broker.instance, context, 42, &fd)));
	cr_assert(eq(ulong, device.request, DMABUFFS_ACCEL_IOC_OPEN));
	cr_assert(eq(u32, device.arg.open.id, 42));
	cr_assert(eq(u32, device.arg.open.access, O_RDWR));
	cr_assert(eq(u32, broker.op, DMABUFFS_BROKER_FETCH));
	cr_assert(eq(u8, broker.ticket, 1));
	fstat(context, &mine);
	fstat(fd, &theirs);
	cr_assert(eq(u64, mine.st_ino, theirs.st_ino));
	cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
	close(fd);
}

Test(accel_import, buffer_fd_of_what_is_read_only, .init = start, .fini = finish)
{
	int fd = -7;

	fake_device_command = answer;
	broker.answer = answer_fetch;
	device.error[0] = -EACCES;
	cr_assert(
		zero(int, dmabuffs_accel_buffer_fd(&broker.instance, context, 42, &fd)));
	cr_assert(eq(u32, device.arg.open.access, O_RDONLY));
	close(fd);
}

Test(accel_import, buffer_fd_that_is_not_to_be_had, .init = start, .fini = finish)
{
	int fd = -7;

	fake_device_command = answer;
	device.error[0] = -ENOENT;
	device.error[1] = device.error[2] = -EACCES;
	cr_assert(eq(int, dmabuffs_accel_buffer_fd(&broker.instance, context, 42, &fd),
		     -ENOENT));
	cr_assert(eq(int, dmabuffs_accel_buffer_fd(&broker.instance, context, 42, &fd),
		     -EACCES));
	cr_assert(eq(u32, device.calls, 3));
	cr_assert(zero(u32, broker.requests));
	cr_assert(eq(int, fd, -7));
}

Test(accel_import, bind_self_gives_its_own_files, .init = start, .fini = finish)
{
	unsigned int before = count_fds();
	uint32_t id = UNTOUCHED;

	fake_device_command = answer;
	cr_assert(zero(int, dmabuffs_accel_bind_self(&broker.instance, context,
						     ACCEL_ASID_VISIBLE, 8, &id)));
	cr_assert(eq(u32, id, 5));
	cr_assert(eq(u32, device.arg.sva.set, 8));
	cr_assert(eq(u32, device.arg.sva.flags, ACCEL_ASID_VISIBLE));
	cr_assert(ge(int, device.arg.sva.mem, 0));
	cr_assert(ge(int, device.arg.sva.maps, 0));
	cr_assert(eq(u32, count_fds(), before), "descriptors leak");
}

Test(accel_import, bind_self_by_tickets, .init = start, .fini = finish)
{
	char mem[64], maps[64];
	uint32_t id = UNTOUCHED;

	fake_device_command = answer;
	broker.answer = answer_ticket;
	device.error[0] = -EREMOTE;
	cr_assert(zero(int,
		       dmabuffs_accel_bind_self(&broker.instance, context, 0, 0, &id)));
	cr_assert(eq(u32, id, 5));
	cr_assert(eq(u32, device.arg.sva.flags, DMABUFFS_ACCEL_TICKET));
	cr_assert(eq(int, device.arg.sva.mem, -1));
	cr_assert(eq(int, device.arg.sva.maps, -1));
	cr_assert(eq(u8, device.arg.sva.mem_ticket[0], 1));
	cr_assert(eq(u8, device.arg.sva.maps_ticket[0], 2));
	cr_assert(eq(u32, broker.connections, 1), "more than one connection");

	snprintf(mem, sizeof(mem), "/proc/%d/mem", getpid());
	snprintf(maps, sizeof(maps), "/proc/%d/maps", getpid());
	cr_assert(eq(str, device.links[0], mem));
	cr_assert(eq(str, device.links[1], maps));
}

/* Another connection would invalidate the first ticket, so both are asked anew. */
Test(accel_import, bind_self_needs_one_connection, .init = start, .fini = finish)
{
	uint32_t id = UNTOUCHED;
	int fd;

	cr_assert(zero(int, dmabuffs_exchange(&broker.instance, context, &fd)));
	close(fd); /* one connection is kept now */
	fake_device_command = answer;
	broker.answer = answer_ticket_once;
	device.error[0] = -EREMOTE;
	cr_assert(eq(int, dmabuffs_accel_bind_self(&broker.instance, context, 0, 0, &id),
		     -ECONNRESET));
	cr_assert(eq(u32, device.calls, 1));
	cr_assert(eq(u32, broker.connections, 4), "one try each");
	cr_assert(eq(u32, id, UNTOUCHED));
}

Test(accel_import, bind_self_takes_no_ticket, .init = start, .fini = finish)
{
	uint32_t id = UNTOUCHED;

	fake_device_command = answer;
	cr_assert(eq(int,
		     dmabuffs_accel_bind_self(&broker.instance, context,
					      DMABUFFS_ACCEL_TICKET, 0, &id),
		     -EINVAL));
	cr_assert(zero(u32, device.calls));
	cr_assert(eq(u32, id, UNTOUCHED));
}

Test(accel_export, names_an_asid, .init = start, .fini = finish)
{
	const struct dmabuffs_export_options options = {.size = sizeof(options),
							.flags = DMABUFFS_EXPORT_MODE,
							.mode = 0640,
							.label = "an ASID"};
	dmabuffs_uuid uuid = {{0}};

	fake_device_command = answer;
	cr_assert(zero(int, dmabuffs_accel_export_asid(context, 6, &options, &uuid)));
	cr_assert(eq(u32, device.arg.export.asid, 6));
	cr_assert(eq(u32, device.arg.export.mode, 0640));
	cr_assert(eq(str, (char *)device.arg.export.label, (char *)"an ASID"));
	cr_assert(eq(u8, uuid.bytes[15], 9));
	cr_assert(zero(int, dmabuffs_accel_export_asid(context, 6, NULL, &uuid)));
	cr_assert(zero(u32, device.arg.export.flags));
}

Test(accel_export, refuses_a_long_label, .init = start, .fini = finish)
{
	char label[DMABUFFS_LABEL_SIZE + 1] = "";
	const struct dmabuffs_export_options options = {.size = sizeof(options),
							.label = label};
	dmabuffs_uuid uuid = {{3}};

	memset(label, 'x', DMABUFFS_LABEL_SIZE);
	fake_device_command = answer;
	cr_assert(eq(int, dmabuffs_accel_export_asid(context, 6, &options, &uuid),
		     -EINVAL));
	cr_assert(zero(u32, device.calls));
	cr_assert(eq(u8, uuid.bytes[0], 3));
}

Test(accel_import, asid_opens_the_name, .init = start, .fini = finish)
{
	static const dmabuffs_uuid uuid = {{1, 2, 3}};
	unsigned int before;
	char name[DMABUFFS_UUID_TEXT_SIZE], path[400];
	uint32_t id = UNTOUCHED;

	fake_device_command = answer;
	cr_assert(eq(int,
		     dmabuffs_accel_import_asid(&broker.instance, context, &uuid, &id),
		     -ENOENT));
	cr_assert(zero(u32, device.calls));

	dmabuffs_uuid_format(&uuid, name);
	snprintf(path, sizeof(path), "%s/%s", broker.path, name);
	close(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	before = count_fds();
	cr_assert(zero(
		int, dmabuffs_accel_import_asid(&broker.instance, context, &uuid, &id)));
	cr_assert(eq(u32, id, 5));
	cr_assert(eq(ulong, device.request, DMABUFFS_ACCEL_IOC_ASID_IMPORT));
	cr_assert(eq(u32, count_fds(), before));
	unlink(path);
}
