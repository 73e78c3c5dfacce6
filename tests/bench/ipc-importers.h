/* SPDX-License-Identifier: MIT */
/* ipc-importers.h - processes that open the exporter's device memory concurrently */
#ifndef DMABUFFS_BENCH_IPC_IMPORTERS_H
#define DMABUFFS_BENCH_IPC_IMPORTERS_H

#include "ipc-page.h"
#include "stats.h"
#include "worker.h"

/* Each job is done for all buffers, by all importers concurrently, and timed. */
enum ipc_job {
	IPC_BEGIN,        /* the first job: starts the runtime */
	IPC_OPEN,         /* the handles, none of which was opened before */
	IPC_OPEN_BESIDE,  /* the same, together with the exporter */
	IPC_OPEN_AGAIN,   /* the handles that are open */
	IPC_CLOSE,        /* the handles */
	IPC_OPEN_CONNECT, /* the same buffers, over a connection to the exporter */
	IPC_OPEN_TAKE,    /* with pidfd_getfd(2) */
	IPC_CLOSE_RIVAL,  /* after one of the last two */
};

struct ipc_importers;

/*
 * Starts @n importers for the instance @mount; both are borrowed until they are stopped.
 * The calling process must not have used the runtime.
 */
int ipc_importers_start(struct ipc_page *page, const char *mount, unsigned int n,
			struct ipc_importers **ret_importers) _must_check_;

/* Kills them; NULL is allowed. */
void ipc_importers_stop(struct ipc_importers *importers);

/* Requests a job, and waits for all. */
int ipc_importers_order(struct ipc_importers *importers, enum ipc_job job) _must_check_;
int ipc_importers_wait(struct ipc_importers *importers) _must_check_;
int ipc_importers_do(struct ipc_importers *importers, enum ipc_job job) _must_check_;

/* The times of the last job, of all importers. */
int ipc_importers_times(const struct ipc_importers *importers,
			struct series *samples) _must_check_;

#endif
