/* SPDX-License-Identifier: MIT */
#include "sva.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "util.h"

#define PATH_SIZE 512 /* fits "/PID/mem" on any procfs that the core accepts */

/* Linux 6.11; headers may be older. */
#ifndef PROCMAP_QUERY
struct procmap_query {
	__u64 size;
	__u64 query_flags;
	__u64 query_addr;
	__u64 vma_start;
	__u64 vma_end;
	__u64 vma_flags;
	__u64 vma_page_size;
	__u64 vma_offset;
	__u64 inode;
	__u32 dev_major;
	__u32 dev_minor;
	__u32 vma_name_size;
	__u32 build_id_size;
	__u64 vma_name_addr;
	__u64 build_id_addr;
};
#define PROCMAP_QUERY                      _IOWR('f', 17, struct procmap_query)
#define PROCMAP_QUERY_VMA_READABLE         0x01
#define PROCMAP_QUERY_VMA_WRITABLE         0x02
#define PROCMAP_QUERY_COVERING_OR_NEXT_VMA 0x10
#endif

/* ---- creation ---------------------------------------------------------------------- */

/* The kernel composes the text without a call to the file system. */
static int sva_read_link(int fd, char *path, size_t size)
{
	static const char deleted[] = " (deleted)"; /* the process has exited */
	char link[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, size - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	if ((size_t)n > strlen(deleted) && !strcmp(path + n - strlen(deleted), deleted))
		path[(size_t)n - strlen(deleted)] = '\0';
	return 0;
}

/* Cuts "NAME" off "…/PID/NAME"; false: it does not end like that. */
static bool sva_cut_name(char *path, const char *name)
{
	size_t length = strlen(path), n = strlen(name);
	char *end;

	if (length < n || strcmp(path + length - n, name))
		return false;
	end = path + length - n;
	*end = '\0';
	if (end - path < 2 || *--end != '/' || !isdigit((unsigned char)end[-1]))
		return false;
	while (end > path && isdigit((unsigned char)end[-1]))
		end--;
	return end > path && end[-1] == '/';
}

static bool sva_has_mode(int fd, int access)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) == access;
}

/*
 * The texts alone do not suffice: a client can mount one file of a procfs where the path
 * of another would be. But that is a mount of its own.
 */
static bool sva_same_mount(int a, int b)
{
	struct statx of_a, of_b;

	return statx(a, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &of_a) ==
		       0 &&
	       statx(b, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &of_b) ==
		       0 &&
	       of_a.stx_mnt_id == of_b.stx_mnt_id;
}

static int sva_check_files(int mem, int maps)
{
	char mem_path[PATH_SIZE], maps_path[PATH_SIZE];

	if (!sva_has_mode(mem, O_RDWR) || !sva_has_mode(maps, O_RDONLY) ||
	    !sva_same_mount(mem, maps))
		return -EBADFD;
	if (sva_read_link(mem, mem_path, sizeof(mem_path)) < 0 ||
	    sva_read_link(maps, maps_path, sizeof(maps_path)) < 0)
		return -EBADFD;
	if (!sva_cut_name(mem_path, "mem") || !sva_cut_name(maps_path, "maps") ||
	    strcmp(mem_path, maps_path))
		return -EBADFD;
	return 0;
}

/* The mapping that covers @address, or the next one. */
static int sva_query(int maps, uint64_t address, struct procmap_query *ret_query)
{
	struct procmap_query query = {
		.size = sizeof(query),
		.query_flags = PROCMAP_QUERY_COVERING_OR_NEXT_VMA,
		.query_addr = address,
	};

	while (ioctl(maps, PROCMAP_QUERY, &query) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_query = query;
	return 0;
}

int accel_sva_init(struct accel_sva *sva, int mem, int maps)
{
	struct procmap_query unused;
	int r = sva_check_files(mem, maps);

	if (r < 0)
		return r;
	r = sva_query(maps, 0, &unused);
	if (r == -ENOTTY)
		return -EOPNOTSUPP;
	if (r < 0 && r != -ENOENT)
		return r == -ESRCH ? r : -EBADFD;
	*sva = (struct accel_sva){.mem = mem, .maps = maps};
	return 0;
}

int accel_sva_restore(struct accel_sva *sva, int mem, int maps)
{
	struct procmap_query unused;
	int r = sva_check_files(mem, maps);

	if (r < 0)
		return r;
	r = sva_query(maps, 0, &unused);
	if (r < 0 && r != -ENOENT && r != -ESRCH)
		return r == -ENOTTY ? -EOPNOTSUPP : -EBADFD;
	*sva = (struct accel_sva){.mem = mem, .maps = maps};
	return 0;
}

void accel_sva_finish(struct accel_sva *sva)
{
	close(sva->mem);
	close(sva->maps);
}

/* ---- access ------------------------------------------------------------------------ */

/* How many of @n bytes at @address lie in one mapping with @need; -errno: not even one.
 */
static int sva_find_piece(const struct accel_sva *sva, uint64_t address, size_t n,
			  uint64_t need, size_t *ret_n)
{
	struct procmap_query vma;
	int r = sva_query(sva->maps, address, &vma);

	if (r == -ESRCH)
		return r;
	/* -ENOENT: nothing from here on. */
	if (r < 0 || vma.vma_start > address || vma.vma_end <= address)
		return -EFAULT;
	if (!(vma.vma_flags & need))
		return -EACCES;
	*ret_n = MIN(n, vma.vma_end - address);
	return 0;
}

/* One pread(2) or pwrite(2): the bytes, at least one, or -errno. */
static ssize_t sva_transfer(const struct accel_sva *sva, uint64_t address, void *to,
			    const void *from, size_t n)
{
	ssize_t done;

	do {
		if (to)
			done = pread(sva->mem, to, n, (off_t)address);
		else
			done = pwrite(sva->mem, from, n, (off_t)address);
	} while (done < 0 && errno == EINTR);
	if (done > 0)
		return done;
	/* It reads as empty once the memory is gone. */
	return done == 0 ? -ESRCH : -EFAULT;
}

/* Exactly one of @to and @from. */
static int sva_move(const struct accel_sva *sva, uint64_t address, char *to,
		    const char *from, size_t n, size_t *ret_done)
{
	uint64_t need = to ? PROCMAP_QUERY_VMA_READABLE : PROCMAP_QUERY_VMA_WRITABLE;
	size_t done = 0, piece;
	ssize_t moved;
	int r = 0;

	while (done < n) {
		r = sva_find_piece(sva, address + done, n - done, need, &piece);
		if (r < 0)
			break;
		/* After a short count, the next piece finds the reason. */
		moved = sva_transfer(sva, address + done, to ? to + done : NULL,
				     from ? from + done : NULL, piece);
		if (moved < 0) {
			r = (int)moved;
			break;
		}
		done += (size_t)moved;
	}
	*ret_done = done;
	return r;
}

int accel_sva_read(const struct accel_sva *sva, uint64_t address, void *data, size_t n,
		   size_t *ret_done)
{
	return sva_move(sva, address, data, NULL, n, ret_done);
}

int accel_sva_write(const struct accel_sva *sva, uint64_t address, const void *data,
		    size_t n, size_t *ret_done)
{
	return sva_move(sva, address, NULL, data, n, ret_done);
}
