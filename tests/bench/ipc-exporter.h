/* SPDX-License-Identifier: MIT */
/* ipc-exporter.h - the process whose device memory the others import */
#ifndef DMABUFFS_BENCH_IPC_EXPORTER_H
#define DMABUFFS_BENCH_IPC_EXPORTER_H

#include "ipc-page.h"
#include "worker.h"

enum ipc_exporter_job {
	IPC_EXPORTER_BEGIN, /* the first: starts the runtime and the rivals' thread */
	IPC_EXPORTER_RENEW, /* frees all buffers, and makes and exports others */
	IPC_EXPORTER_GET,   /* gets handles of what is exported, beside all importers */
};

struct ipc_exporter {
	struct ipc_page *page;
	const char *mount;
	struct bench_worker worker;
	/* of the process */
	void *pointers[IPC_BUFFERS];
	unsigned char mark;
};

/* @page and @mount are borrowed; this process must not have called the runtime. */
int ipc_exporter_start(struct ipc_exporter *exporter) _must_check_;

#endif
