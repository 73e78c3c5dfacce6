/* SPDX-License-Identifier: MIT */
#include "importer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "pattern.h"
#include "producers.h"
#include "tap.h"

#define IMPORTER_ID 1000

struct importer {
	const char *mount_point;
	const char *kind;
	enum dmabuffs_kind expected;
	struct client_uuid uuid;
	int root;
	int broker;
	int file; /* the name, opened O_RDWR */
	struct buffer real;
};

static bool is_dmabuf(const struct importer *im)
{
	return im->expected == DMABUFFS_KIND_DMABUF;
}

static bool can_map(const struct importer *im)
{
	return !is_dmabuf(im) && vm_has_passthrough();
}

static bool drop_privileges(void)
{
	return setgroups(0, NULL) == 0 &&
	       setresgid(IMPORTER_ID, IMPORTER_ID, IMPORTER_ID) == 0 &&
	       setresuid(IMPORTER_ID, IMPORTER_ID, IMPORTER_ID) == 0;
}

static bool connect_all(struct importer *im)
{
	im->root = client_open_root(im->mount_point);
	im->broker = client_connect(im->mount_point);
	im->file = client_open(im->root, &im->uuid, O_RDWR);
	return tap_check(im->root >= 0 && im->broker >= 0 && im->file >= 0, im->kind,
			 "importer opens root %d, broker %d, name %d", im->root,
			 im->broker, im->file);
}

static void check_stat(const struct importer *im)
{
	struct dmabuffs_info info = {0};
	struct stat st = {0};
	int r;

	r = fstat(im->file, &st);
	tap_check(r == 0 && S_ISREG(st.st_mode) && st.st_size == PATTERN_SIZE, im->kind,
		  "fstat gives mode %#o, size %ld", st.st_mode, (long)st.st_size);
	r = client_info(im->file, &info);
	tap_check(r == 0 && info.kind == im->expected && info.bytes == PATTERN_SIZE &&
			  info.importers == 1,
		  im->kind, "INFO gives %d: kind %u, %llu bytes, %u importers", r,
		  info.kind, (unsigned long long)info.bytes, info.importers);
	tap_check(!!(info.flags & DMABUFFS_INFO_PASSTHROUGH) == can_map(im), im->kind,
		  "INFO reports passthrough: flags %#x", info.flags);
}

/* Only a passthrough file may be mapped: a private page cache would have other content.
 */
static void check_file_map(const struct importer *im)
{
	void *p =
		mmap(NULL, PATTERN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, im->file, 0);
	int r = p == MAP_FAILED ? -errno : 0;

	tap_check(r == (can_map(im) ? 0 : -ENODEV), im->kind,
		  "MAP_SHARED of the file gives %d", r);
	if (r < 0)
		return;
	tap_check(pattern_is(p, PAGE_FROM_EXPORTER), im->kind,
		  "mapping of the file shows the exporter's data");
	munmap(p, PATTERN_SIZE);
}

/* Whether pread of this page of the file returns its pattern. */
static bool file_has(int file, enum pattern_page page)
{
	unsigned char data[PATTERN_PAGE];
	ssize_t n = pread(file, data, sizeof(data), (off_t)page * PATTERN_PAGE);

	return n == (ssize_t)sizeof(data) && pattern_is(data, page);
}

static void check_read(const struct importer *im)
{
	unsigned char tail[100];
	ssize_t n;

	tap_check(file_has(im->file, PAGE_FROM_EXPORTER), im->kind,
		  "pread of the file gives the exporter's data");
	n = pread(im->file, tail, sizeof(tail), 1234);
	tap_check(n == (ssize_t)sizeof(tail) &&
			  tail[0] == pattern_byte(PAGE_FROM_EXPORTER, 1234) &&
			  tail[99] == pattern_byte(PAGE_FROM_EXPORTER, 1234 + 99),
		  im->kind, "pread of a part of a page gives it as well");
	n = pread(im->file, tail, sizeof(tail), PATTERN_SIZE - 10);
	tap_check(n == 10, im->kind, "a read across the end is short: %zd", n);
	n = pread(im->file, tail, sizeof(tail), PATTERN_SIZE);
	tap_check(n == 0, im->kind, "a read at the end gives %zd", n);
}

static void check_write(const struct importer *im)
{
	unsigned char data[PATTERN_PAGE];
	ssize_t n;

	pattern_fill(data, PAGE_FROM_WRITE);
	n = pwrite(im->file, data, sizeof(data), PAGE_FROM_WRITE * PATTERN_PAGE);
	tap_check(n == (ssize_t)sizeof(data), im->kind, "pwrite of the file gives %zd",
		  n);
	tap_check(file_has(im->file, PAGE_FROM_WRITE), im->kind, "and is read back");
}

/* The size of a dma-buf never changes; a write must not report that it grew. */
static void check_bounds(const struct importer *im)
{
	struct stat st = {0};
	int r;

	if (!is_dmabuf(im))
		return;
	r = error_of(pwrite(im->file, "x", 1, PATTERN_SIZE));
	tap_check(r == -ENOSPC, im->kind, "a write past the end gives %d", r);
	r = error_of(ftruncate(im->file, 0));
	tap_check(r == -EPERM, im->kind, "ftruncate gives %d", r);
	r = error_of(fstat(im->file, &st));
	tap_check(r == 0 && st.st_size == PATTERN_SIZE, im->kind, "the size stays %ld",
		  (long)st.st_size);
}

static bool check_exchange(struct importer *im)
{
	struct dmabuffs_broker_reply reply = {0};
	int fd, r, access;

	fd = client_exchange(im->broker, im->file, &reply);
	if (!tap_check(fd >= 0, im->kind, "exchange of the O_RDWR file: %d", fd))
		return false;
	access = fcntl(fd, F_GETFL) & O_ACCMODE;
	tap_check(fd_is_dmabuf(fd) == is_dmabuf(im) && access == O_RDWR, im->kind,
		  "gives the real descriptor, access mode %d", access);
	tap_check(reply.kind == im->expected && reply.bytes == PATTERN_SIZE &&
			  reply.access == O_RDWR,
		  im->kind, "the reply has kind %u, %llu bytes, access %u", reply.kind,
		  (unsigned long long)reply.bytes, reply.access);
	r = buffer_init(&im->real, fd, PROT_READ | PROT_WRITE);
	return tap_check(r == 0, im->kind, "the real descriptor maps: %d", r);
}

static void check_real_data(struct importer *im)
{
	int r;

	tap_check(buffer_has(&im->real, PAGE_FROM_EXPORTER) == 1, im->kind,
		  "its mapping shows the exporter's data");
	tap_check(buffer_has(&im->real, PAGE_FROM_WRITE) == 1, im->kind,
		  "and what was written to the file");
	r = buffer_fill(&im->real, PAGE_FROM_MAPPING);
	tap_check(r == 0, im->kind, "writing through the mapping gives %d", r);
	tap_check(file_has(im->file, PAGE_FROM_MAPPING), im->kind,
		  "and is read from the file");
}

/*
 * Opens the name with @access and exchanges the file; returns the descriptor or -errno.
 */
static int open_and_exchange(const struct importer *im, int access, int *ret_file)
{
	struct dmabuffs_broker_reply reply;
	int file = client_open(im->root, &im->uuid, access);

	*ret_file = file;
	return file < 0 ? file : client_exchange(im->broker, file, &reply);
}

/*
 * A dma-buf has no second description whose mode could be lowered, so the exchange must
 * fail. A memfd is returned as a read-only description, which must stay read-only.
 */
static void check_read_only(const struct importer *im)
{
	int file, r;
	int fd = open_and_exchange(im, O_RDONLY, &file);

	if (is_dmabuf(im)) {
		tap_check(fd == -EACCES, im->kind,
			  "exchange of an O_RDONLY file gives %d", fd);
	} else {
		tap_check(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY,
			  im->kind,
			  "exchange of an O_RDONLY file gives a read-only descriptor: %d",
			  fd);
		r = try_map(fd, PROT_WRITE);
		tap_check(r == -EACCES, im->kind, "mapping that for writing gives %d", r);
	}
	r = error_of(pwrite(file, "x", 1, 0));
	tap_check(r == -EBADF, im->kind, "pwrite of an O_RDONLY file gives %d", r);
	close(fd);
	close(file);
}

static void check_write_only(const struct importer *im)
{
	int file, fd;

	if (!is_dmabuf(im))
		return;
	fd = open_and_exchange(im, O_WRONLY, &file);
	tap_check(fd == -EACCES, im->kind, "exchange of an O_WRONLY file gives %d", fd);
	close(fd);
	close(file);
}

/* The importing driver exports the object again; the second handle shows the data. */
static void check_reexport(const struct importer *im, int drm_fd, uint32_t handle)
{
	struct buffer again;
	int fd = vm_prime_export(drm_fd, handle);
	int r = fd < 0 ? fd : buffer_init(&again, fd, PROT_READ | PROT_WRITE);

	if (!tap_check(r == 0, im->kind, "the imported handle is exported again: %d", r))
		return;
	tap_check(buffer_has(&again, PAGE_FROM_EXPORTER) == 1 &&
			  buffer_has(&again, PAGE_FROM_MAPPING) == 1,
		  im->kind, "data is seen through the second DRM handle");
	buffer_finish(&again);
}

/* vgem maps only its own objects: EINVAL for one from another driver. */
static void check_gem_map(const struct importer *im, int drm_fd, uint32_t handle)
{
	bool own = strcmp(im->kind, "vgem") == 0;
	void *p = NULL;
	int r = vm_gem_map(drm_fd, handle, PATTERN_SIZE, &p);

	if (!tap_check(r == (own ? 0 : -EINVAL), im->kind,
		       "map through the importing DRM file gives %d", r))
		return;
	if (r < 0)
		return;
	tap_check(pattern_is(p, PAGE_FROM_EXPORTER), im->kind,
		  "data is seen through the second GEM mapping");
	munmap(p, PATTERN_SIZE);
}

static void check_prime(const struct importer *im, int drm_fd, bool is_card)
{
	uint32_t handle = 0;
	int r = vm_prime_import(drm_fd, im->real.fd, &handle);

	tap_check(r == 0, im->kind, "PRIME import on vgem's %s node gives %d",
		  is_card ? "card" : "render", r);
	if (r < 0)
		return;
	check_reexport(im, drm_fd, handle);
	if (is_card)
		check_gem_map(im, drm_fd, handle);
}

static void check_primes(const struct importer *im)
{
	int render, card;

	if (!is_dmabuf(im))
		return;
	render = vm_vgem_open_render();
	card = vm_vgem_open_card();
	check_prime(im, render, false);
	check_prime(im, card, true);
	close(render);
	close(card);
}

/* Data that the exporter writes is visible to open importers at once. */
static void check_later(struct importer *im, struct talk *exporter)
{
	int r = talk_go(exporter);

	if (r == 0)
		r = talk_wait(exporter);
	tap_check(r == 0, im->kind, "exporter writes again: %d", r);
	tap_check(file_has(im->file, PAGE_LATER), im->kind, "pread of the file sees it");
	tap_check(buffer_has(&im->real, PAGE_LATER) == 1, im->kind,
		  "so does the mapping");
}

int importer_run(const char *mount_point, const char *kind, enum dmabuffs_kind expected,
		 struct talk *exporter)
{
	struct importer im = {
		.mount_point = mount_point, .kind = kind, .expected = expected};

	if (!tap_check(drop_privileges(), kind, "importer is another user") ||
	    !tap_check(talk_receive(exporter, &im.uuid, sizeof(im.uuid)) == 0, kind,
		       "importer gets 16 bytes") ||
	    !connect_all(&im))
		return 1;
	check_stat(&im);
	check_file_map(&im);
	check_read(&im);
	check_write(&im);
	check_bounds(&im);
	check_read_only(&im);
	check_write_only(&im);
	if (!check_exchange(&im))
		return 1;
	check_real_data(&im);
	check_primes(&im);
	check_later(&im, exporter);
	buffer_finish(&im.real);
	return tap_exit_status();
}
