/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "store/bank_private.h"
#include "util.h"

/* The first user namespace's: PROC_USER_INIT_INO of the kernel. */
#define BANK_FIRST_USER_NS 0xeffffffdU
/* As large as the kernel permits; the number of names is what limits it. */
#define BANK_SEND_BUFFER (1 << 30)
/* What a message takes of it, at most, with one descriptor or with few. */
#define BANK_MESSAGE_BYTES 1280
/* Descriptors that two turns at once add for a moment. */
#define BANK_IN_FLIGHT_SPARE (2 * BANK_MESSAGE_MAX)

/*
 * The address of each end says which queue of which bank it is. It is in the abstract
 * name space, where it can be seen but not connected to.
 */
struct bank_address {
	struct sockaddr_un address;
	socklen_t size;
};

static struct bank_address bank_address(uint64_t bank, unsigned nth)
{
	struct bank_address address = {.address.sun_family = AF_UNIX};
	int n = snprintf(address.address.sun_path + 1,
			 sizeof(address.address.sun_path) - 1,
			 "dmabuffs-bank-%016" PRIx64 "-%u", bank, nth);

	address.size =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	return address;
}

/* ---- limits ------------------------------------------------------------------------ */

/* As the kernel asks before it sends more descriptors than RLIMIT_NOFILE. */
static bool bank_is_unlimited(void)
{
	static const cap_value_t either[] = {CAP_SYS_RESOURCE, CAP_SYS_ADMIN};
	cap_flag_value_t has = CAP_CLEAR;
	struct stat ns;
	cap_t caps;

	if (stat("/proc/self/ns/user", &ns) < 0 || ns.st_ino != BANK_FIRST_USER_NS)
		return false;
	caps = cap_get_proc();
	for (size_t i = 0; caps && has == CAP_CLEAR && i < ARRAY_SIZE(either); i++)
		if (cap_get_flag(caps, either[i], CAP_EFFECTIVE, &has) < 0)
			break;
	if (caps)
		cap_free(caps);
	return has == CAP_SET;
}

static uint64_t bank_max_in_flight(void)
{
	struct rlimit limit;

	if (bank_is_unlimited() || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return limit.rlim_cur > BANK_IN_FLIGHT_SPARE
		       ? limit.rlim_cur - BANK_IN_FLIGHT_SPARE
		       : 1;
}

/* Not when it is opened: without privilege that would lower it. */
static void bank_enlarge(int fd)
{
	static const int size = BANK_SEND_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static int bank_init_queue(struct bank_queue *queue)
{
	socklen_t length = sizeof(queue->room);

	if (getsockopt(queue->writer, SOL_SOCKET, SO_SNDBUF, &queue->room, &length) < 0)
		return -errno;
	queue->max_messages = queue->room / 2 / BANK_MESSAGE_BYTES;
	if (queue->room >= BANK_SEND_BUFFER)
		queue->room = 0;
	return 0;
}

/* ---- create, open and close -------------------------------------------------------- */

/* The slots that are not used take no memory. */
static struct bank *bank_alloc(uint32_t n_slots, unsigned n_queues)
{
	struct bank *bank = calloc(1, sizeof(*bank));

	if (!bank)
		return NULL;
	bank->n_slots = n_slots;
	bank->n_queues = n_queues;
	bank->slots = calloc(n_slots, sizeof(*bank->slots));
	if (!bank->slots) {
		free(bank);
		return NULL;
	}
	for (unsigned i = 0; i < n_queues; i++) {
		bank->fds[i] = -1;
		pthread_mutex_init(&bank->queues[i].turning, NULL);
		pthread_mutex_init(&bank->queues[i].lock, NULL);
	}
	return bank;
}

static int bank_init_queues(struct bank *bank, const struct bank_ops *ops, void *data)
{
	bank->ops = ops;
	bank->data = data;
	bank->max_in_flight = bank_max_in_flight();
	for (unsigned i = 0; i < bank->n_queues; i++) {
		struct bank_queue *queue = &bank->queues[i];
		int r;

		queue->reader = bank->fds[i];
		queue->writer = bank->fds[i ^ 1];
		r = bank_init_queue(queue);
		if (r < 0)
			return r;
	}
	return 0;
}

void bank_close(struct bank *bank)
{
	if (!bank)
		return;
	for (unsigned i = 0; i < bank->n_queues; i++) {
		close_keep_errno(bank->fds[i]);
		pthread_mutex_destroy(&bank->queues[i].lock);
		pthread_mutex_destroy(&bank->queues[i].turning);
	}
	free(bank->slots);
	free(bank);
}

static bool bank_is_size(uint32_t n_slots, unsigned n_queues)
{
	return n_slots > 0 && n_queues > 0 && n_queues <= BANK_QUEUES_MAX &&
	       n_queues % 2 == 0;
}

static int bank_make_pair(struct bank *bank, uint64_t name, unsigned nth)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, &bank->fds[nth]) < 0)
		return -errno;
	for (unsigned i = nth; i < nth + 2; i++) {
		struct bank_address address = bank_address(name, i);

		if (bind(bank->fds[i], (struct sockaddr *)&address.address,
			 address.size) < 0)
			return -errno;
		bank_enlarge(bank->fds[i]);
	}
	return 0;
}

int bank_create(uint32_t n_slots, unsigned n_queues, const struct bank_ops *ops,
		void *data, struct bank **ret_bank)
{
	struct bank *bank;
	uint64_t name;
	int r = 0;

	if (!bank_is_size(n_slots, n_queues))
		return -EINVAL;
	if (getrandom(&name, sizeof(name), 0) < 0)
		return -errno;
	bank = bank_alloc(n_slots, n_queues);
	if (!bank)
		return -ENOMEM;
	for (unsigned i = 0; r == 0 && i < n_queues; i += 2)
		r = bank_make_pair(bank, name, i);
	if (r == 0)
		r = bank_init_queues(bank, ops, data);
	if (r < 0)
		bank_close(bank);
	else
		*ret_bank = bank;
	return r;
}

/* ---- what a predecessor left ------------------------------------------------------- */

static int bank_refuse(char *ret_why, int error, const char *format, ...) _printf_(3, 4);

static int bank_refuse(char *ret_why, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret_why, BANK_WHY_SIZE, format, args);
	va_end(args);
	return error;
}

static bool bank_has_option(int fd, int option, int expected)
{
	int value;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 &&
	       value == expected;
}

static bool bank_has_address(const struct bank_address *address, uint64_t name,
			     unsigned nth)
{
	struct bank_address expected = bank_address(name, nth);

	return address->size == expected.size &&
	       memcmp(&address->address, &expected.address, expected.size) == 0;
}

/* Of any end; its number, which follows, is checked later. */
static bool bank_read_name(int fd, uint64_t *ret_name)
{
	struct bank_address own = {.size = sizeof(own.address)};

	if (getsockname(fd, (struct sockaddr *)&own.address, &own.size) < 0 ||
	    own.size > sizeof(own.address))
		return false;
	own.address.sun_path[sizeof(own.address.sun_path) - 1] = '\0';
	return sscanf(own.address.sun_path + 1, "dmabuffs-bank-%16" SCNx64 "-",
		      ret_name) == 1;
}

/* Two ends of these addresses are a pair: a bank's name is random. */
static int bank_check_end(const int *fds, unsigned nth, uint64_t name, char *ret_why)
{
	struct bank_address own = {.size = sizeof(own.address)};
	int fd = fds[nth];

	if (!bank_has_option(fd, SO_DOMAIN, AF_UNIX) ||
	    !bank_has_option(fd, SO_TYPE, SOCK_SEQPACKET))
		return bank_refuse(ret_why, -EBADFD, "descriptor %u is no bank", nth);
	if (getsockname(fd, (struct sockaddr *)&own.address, &own.size) < 0 ||
	    !bank_has_address(&own, name, nth))
		return bank_refuse(ret_why, -EPROTO, "descriptor %u is not queue %u", nth,
				   nth);
	return 0;
}

static int bank_check_ends(const int *fds, unsigned n_queues, char *ret_why)
{
	uint64_t name = 0;
	int r = 0;

	if (!bank_read_name(fds[0], &name))
		return bank_refuse(ret_why, -EBADFD, "descriptor 0 is no bank");
	for (unsigned i = 0; r == 0 && i < n_queues; i++)
		r = bank_check_end(fds, i, name, ret_why);
	return r;
}

int bank_open(const int *fds, unsigned n_queues, uint32_t n_slots,
	      const struct bank_ops *ops, void *data, char ret_why[BANK_WHY_SIZE],
	      struct bank **ret_bank)
{
	struct bank *bank;
	int r;

	if (!bank_is_size(n_slots, n_queues))
		return bank_refuse(ret_why, -EINVAL, "%u queues", n_queues);
	r = bank_check_ends(fds, n_queues, ret_why);
	if (r < 0)
		return r;
	bank = bank_alloc(n_slots, n_queues);
	if (!bank)
		return bank_refuse(ret_why, -ENOMEM, "out of memory");
	memcpy(bank->fds, fds, n_queues * sizeof(*fds));
	r = bank_init_queues(bank, ops, data);
	if (r < 0) {
		for (unsigned i = 0; i < n_queues; i++)
			bank->fds[i] = -1;
		bank_close(bank);
		return bank_refuse(ret_why, r, "no size of a queue");
	}
	*ret_bank = bank;
	return 0;
}

int bank_fd(const struct bank *bank, unsigned nth)
{
	return bank->fds[nth];
}
