/* SPDX-License-Identifier: MIT */
/* ipc-exporter.h - the process that exports device memory */
#ifndef DMABUFFS_BENCH_IPC_EXPORTER_H
#define DMABUFFS_BENCH_IPC_EXPORTER_H

#include "ipc-page.h"
#include "worker.h"

enum ipc_exporter_job {
	IPC_EXPORTER_BEGIN, /* the first job: starts the runtime and the rivals' thread */
	IPC_EXPORTER_RENEW, /* frees all buffers, then creates and exports new ones */
	IPC_EXPORTER_GET,   /* gets handles of exported memory, beside all importers */
};

struct ipc_exporter {
	struct ipc_page *page;
	const char *mount;
	struct bench_worker worker;
	/* in the process */
	void *pointers[IPC_BUFFERS];
	unsigned char mark;
};

/* @page and @mount are borrowed; the calling process must not have used the runtime. */
int ipc_exporter_start(struct ipc_exporter *exporter) _must_check_;

#endif
