/* SPDX-License-Identifier: MIT */
/* load.c - copy with progress, and report every short count */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/dma-buf.h>

#include <dmabuf.h>
#include <memfd.h>

#include "load.h"
#include "progress.h"
#include "report.h"

#define CHUNK_BYTES     (1U << 20)
#define STANDARD_OUTPUT "standard output"

static ssize_t load_read_some(int fd, void *data, size_t bytes)
{
	ssize_t got;

	do {
		got = read(fd, data, bytes);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static int load_write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t put = write(fd, data, bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		data += put;
		bytes -= (size_t)put;
	}
	return 0;
}

/* Both ends of a copy, with the names they have in messages. */
struct copy {
	struct cli *cli;
	const char *from_name;
	const char *to_name;
	int from;
	int to;
	bool from_buffer; /* @from is an opened name or a buffer */
	uint64_t done;
};

/* 0, or -errno; *ret_reading: of the reading side. */
static int load_copy_chunks(struct copy *copy, struct progress *progress,
			    bool *ret_reading)
{
	_cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
	ssize_t got;

	*ret_reading = true;
	if (!chunk)
		return -ENOMEM;
	while ((got = load_read_some(copy->from, chunk, CHUNK_BYTES)) > 0) {
		int r = load_write_all(copy->to, chunk, (size_t)got);

		if (r < 0) {
			*ret_reading = false;
			return r;
		}
		copy->done += (uint64_t)got;
		progress_advance(progress, copy->done);
	}
	return (int)got;
}

static int load_copy_all(struct copy *copy, struct progress *progress)
{
	bool reading;
	int r = load_copy_chunks(copy, progress, &reading);

	progress_finish(progress); /* before a report is printed on its line */
	if (r >= 0)
		return CODE_OK;
	if (!reading)
		return report_file(copy->cli, copy->to_name, r);
	return copy->from_buffer
		       ? report(copy->cli, DMABUFFS_OPERATION_IMPORT, copy->from_name, r)
		       : report_file(copy->cli, copy->from_name, r);
}

static uint64_t load_expected_bytes(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size < 0)
		return 0;
	return (uint64_t)status.st_size;
}

int load_file(struct cli *cli, const char *path, int *ret_memfd)
{
	bool standard_input = strcmp(path, "-") == 0;
	_cleanup_close_ int opened = -1;
	_cleanup_close_ int memfd = memfd_new("dmabuffs", 0, 0);
	struct copy copy = {
		.cli = cli,
		.from_name = standard_input ? "standard input" : path,
		.to_name = "buffer",
		.from = STDIN_FILENO,
		.to = memfd,
	};
	struct progress progress;
	int code;

	if (memfd < 0)
		return report_file(cli, copy.to_name, memfd);
	if (!standard_input) {
		opened = open(path, O_RDONLY | O_CLOEXEC);
		if (opened < 0)
			return report_file(cli, path, -errno);
		copy.from = opened;
	}
	progress_start(&progress, load_expected_bytes(copy.from));
	code = load_copy_all(&copy, &progress);
	if (code == CODE_OK)
		*ret_memfd = TAKE_FD(memfd);
	return code;
}

/* A dma-buf has no read(2). It cannot shrink, so its mapping raises no SIGBUS. */
static int load_unload_dmabuf(struct cli *cli, const char *what, int fd, int out)
{
	off_t bytes = lseek(fd, 0, SEEK_END);
	void *data = MAP_FAILED;
	int r;

	if (bytes > 0)
		data = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return report(cli, DMABUFFS_OPERATION_IMPORT, what, -errno);
	r = dmabuf_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	if (r < 0) {
		(void)munmap(data, (size_t)bytes);
		return report(cli, DMABUFFS_OPERATION_IMPORT, what, r);
	}
	r = load_write_all(out, data, (size_t)bytes);
	(void)dmabuf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	(void)munmap(data, (size_t)bytes);
	return r < 0 ? report_file(cli, STANDARD_OUTPUT, r) : CODE_OK;
}

static int load_unload_file(struct cli *cli, const char *what, int fd, int out)
{
	struct copy copy = {
		.cli = cli,
		.from_name = what,
		.to_name = STANDARD_OUTPUT,
		.from = fd,
		.to = out,
		.from_buffer = true,
	};
	struct progress silent = {0};
	uint64_t expected = load_expected_bytes(fd);
	int code = load_copy_all(&copy, &silent);

	/* A revoked buffer reads as empty: report what is missing. */
	if (code == CODE_OK && copy.done < expected) {
		report_line(cli, "%s: only %llu of %llu bytes could be read", what,
			    (unsigned long long)copy.done, (unsigned long long)expected);
		return CODE_NO_NAME;
	}
	return code;
}

int unload_buffer(struct cli *cli, const char *what, int fd, int out)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return report(cli, DMABUFFS_OPERATION_IMPORT, what, -errno);
	return S_ISREG(status.st_mode) ? load_unload_file(cli, what, fd, out)
				       : load_unload_dmabuf(cli, what, fd, out);
}
