/* SPDX-License-Identifier: MIT */
/* exporter.h - another process that exports buffers on request */
#ifndef DMABUFFS_BENCH_EXPORTER_H
#define DMABUFFS_BENCH_EXPORTER_H

#include <sys/types.h>

#include <dmabuffs.h>
#include <util.h>

struct exporter {
	pid_t pid;            /* 0: not started */
	int socket;           /* carries commands and results */
	dmabuffs_uuid *uuids; /* shared with the process: the names it created */
	size_t capacity;
};

#define EXPORTER_INIT ((struct exporter){.socket = -1})

/* The properties of the buffers; each has one page. */
struct exporter_kind {
	unsigned int seals; /* F_SEAL_* */
	unsigned int mode;  /* permission bits of the name */
};

/* Starts it with its own open root description of @mount, for @capacity names. */
int exporter_start(struct exporter *exporter, const char *mount,
		   size_t capacity) _must_check_;

/* Stops it, which removes its names; allowed for one that was not started. */
void exporter_stop(struct exporter *exporter);

/* Creates, or unlinks, the names uuids[first] to uuids[first + count - 1]. */
int exporter_export(struct exporter *exporter, size_t first, size_t count,
		    struct exporter_kind kind) _must_check_;
int exporter_unlink(struct exporter *exporter, size_t first, size_t count) _must_check_;

#endif
