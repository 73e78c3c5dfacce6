/* SPDX-License-Identifier: MIT */
/* raw.c - names, ioctls and buffers by plain system calls */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness.h"
#include "raw.h"

void raw_uuid_text(const uint8_t uuid[16], char text[UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *out = text;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[uuid[i] >> 4];
		*out++ = digits[uuid[i] & 15];
	}
	*out = 0;
}

void raw_path(const struct instance *instance, const uint8_t uuid[16],
	      char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE])
{
	char text[UUID_TEXT_SIZE];

	raw_uuid_text(uuid, text);
	snprintf(path, INSTANCE_PATH_SIZE + UUID_TEXT_SIZE, "%s/%s", instance->dir, text);
}

int raw_directory(const struct instance *instance, int flags)
{
	return (int)SYS(open(instance->dir, flags | O_DIRECTORY | O_CLOEXEC));
}

int raw_control(const struct instance *instance, int flags)
{
	char path[INSTANCE_PATH_SIZE + sizeof(DMABUFFS_CONTROL_NAME)];

	snprintf(path, sizeof(path), "%s/" DMABUFFS_CONTROL_NAME, instance->dir);
	return (int)SYS(open(path, flags | O_CLOEXEC));
}

int raw_root(const struct instance *instance)
{
	return raw_control(instance, O_RDWR);
}

int raw_open(const struct instance *instance, const uint8_t uuid[16], int flags)
{
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];

	raw_path(instance, uuid, path);
	return (int)SYS(open(path, flags | O_CLOEXEC));
}

int raw_unlink(const struct instance *instance, const uint8_t uuid[16])
{
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];

	raw_path(instance, uuid, path);
	return (int)SYS(unlink(path));
}

int raw_exists(const struct instance *instance, const uint8_t uuid[16])
{
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];
	struct stat st;

	raw_path(instance, uuid, path);
	return (int)SYS(stat(path, &st));
}

struct name {
	const struct instance *instance;
	const uint8_t *uuid;
};

static bool name_is_gone(void *data)
{
	const struct name *name = data;

	return raw_exists(name->instance, name->uuid) == -ENOENT;
}

void expect_no_name(const struct instance *instance, const uint8_t uuid[16])
{
	struct name name = {instance, uuid};

	ASSERT(wait_until(name_is_gone, &name));
}

int raw_list(int description, struct dmabuffs_list *list)
{
	int r;

	list->size = sizeof(*list);
	r = (int)SYS(ioctl(description, DMABUFFS_IOC_LIST, list));
	return r < 0 ? r : (int)list->count;
}

int raw_count(const struct instance *instance)
{
	int control = raw_control(instance, O_RDONLY), n = 0;
	struct dmabuffs_list list = {.more = 1};

	if (control < 0)
		return control;
	while (list.more && n >= 0) {
		int page = raw_list(control, &list);

		n = page < 0 ? page : n + page;
	}
	close(control);
	return n;
}

void raw_request(struct dmabuffs_export *ret_request, int fd)
{
	memset(ret_request, 0, sizeof(*ret_request));
	ret_request->size = sizeof(*ret_request);
	ret_request->fd = fd;
}

int raw_export(int root, struct dmabuffs_export *request)
{
	return (int)SYS(ioctl(root, DMABUFFS_IOC_EXPORT, request));
}

int raw_export_fd(int root, int fd, uint32_t flags, uint32_t mode, uint8_t ret_uuid[16])
{
	struct dmabuffs_export request;
	int result;

	raw_request(&request, fd);
	request.flags = flags;
	request.mode = mode;
	result = raw_export(root, &request);
	if (result == 0)
		memcpy(ret_uuid, request.uuid, sizeof(request.uuid));
	return result;
}

int raw_revoke(int root, const uint8_t uuid[16])
{
	struct dmabuffs_revoke request = {.size = sizeof(request)};

	memcpy(request.uuid, uuid, sizeof(request.uuid));
	return (int)SYS(ioctl(root, DMABUFFS_IOC_REVOKE, &request));
}

int raw_withdraw(int root, const uint8_t uuid[16])
{
	struct dmabuffs_withdraw request = {.size = sizeof(request)};

	memcpy(request.uuid, uuid, sizeof(request.uuid));
	return (int)SYS(ioctl(root, DMABUFFS_IOC_WITHDRAW, &request));
}

int raw_withdraw_own(int root, const uint8_t uuid[16])
{
	struct dmabuffs_withdraw request = {.size = sizeof(request),
					    .flags = DMABUFFS_WITHDRAW_OWN};

	memcpy(request.uuid, uuid, sizeof(request.uuid));
	return (int)SYS(ioctl(root, DMABUFFS_IOC_WITHDRAW, &request));
}

int raw_remove(const struct instance *instance, int root, const uint8_t uuid[16])
{
	int r = raw_unlink(instance, uuid);

	return r == -EACCES ? raw_withdraw_own(root, uuid) : r;
}

int raw_info(int opened, struct dmabuffs_info *ret_info)
{
	struct dmabuffs_info info = {.size = sizeof(info)};
	int result = (int)SYS(ioctl(opened, DMABUFFS_IOC_INFO, &info));

	if (result == 0)
		*ret_info = info;
	return result;
}

uint8_t pattern(size_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 12) * 13 + 1);
}

int raw_memfd(size_t bytes)
{
	uint8_t page[PAGE];
	int fd = new_memfd(bytes);

	for (size_t start = 0; start < bytes; start += sizeof(page)) {
		size_t n = MIN(sizeof(page), bytes - start);

		for (size_t i = 0; i < n; i++)
			page[i] = pattern(start + i);
		ASSERT_EQ(pwrite(fd, page, n, (off_t)start), (ssize_t)n);
	}
	return fd;
}

int raw_map(int fd, size_t bytes, int protection, void **ret_address)
{
	void *address = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);

	if (address == MAP_FAILED)
		return -errno;
	*ret_address = address;
	return 0;
}

static sigjmp_buf after_fault;

static void on_fault(int signal)
{
	siglongjmp(after_fault, 1);
}

bool raises_sigbus(const volatile uint8_t *address)
{
	struct sigaction action = {.sa_handler = on_fault}, old;
	bool raised = true;

	ASSERT_OK(SYS(sigaction(SIGBUS, &action, &old)));
	if (sigsetjmp(after_fault, 1) == 0) {
		(void)*address;
		raised = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return raised;
}

void share_fd(struct shared *ret_shared, const struct instance *instance, int fd,
	      uint32_t flags, uint32_t mode)
{
	struct stat st;

	ASSERT_OK(SYS(fstat(fd, &st)));
	ret_shared->instance = instance;
	ret_shared->fd = fd;
	ret_shared->bytes = (size_t)st.st_size;
	ret_shared->root = ASSERT_OK(raw_root(instance));
	ASSERT_OK(raw_export_fd(ret_shared->root, fd, flags, mode, ret_shared->uuid));
	raw_path(instance, ret_shared->uuid, ret_shared->path);
}

void share(struct shared *ret_shared, const struct instance *instance, size_t bytes,
	   uint32_t flags, uint32_t mode)
{
	share_fd(ret_shared, instance, raw_memfd(bytes), flags, mode);
}

void unshare_buffer(struct shared *shared)
{
	ASSERT_OK(raw_remove(shared->instance, shared->root, shared->uuid));
	close(shared->root);
	close(shared->fd);
}
