/* SPDX-License-Identifier: MIT */
/*
 * ipc-page.h - memory that the exporter, its importers and the benchmark share
 *
 * The exporter writes what an importer may know of its buffers, the importers and the
 * exporter how long things took. No process reads what another one writes: the benchmark
 * gives the next order when all have answered.
 */
#ifndef DMABUFFS_BENCH_IPC_PAGE_H
#define DMABUFFS_BENCH_IPC_PAGE_H

#include <pthread.h>

#include <hipipc-provider.h>
#include <hipsoft.h>

#include "ipc-rivals.h"

/* So many are open at the same time in each importer. */
#define IPC_BUFFERS       64
#define IPC_BUFFER_BYTES  65536
#define IPC_MAX_IMPORTERS 32

/* What libhipsoft gives to libhipipc, and here to the rivals too. */
extern const struct hipipc_provider hipsoft_provider;

struct ipc_buffer {
	hipIpcMemHandle_t handle;
	struct hipipc_backing backing; /* its descriptor is one of the exporter's */
	unsigned char mark;            /* what all its bytes are */
};

struct ipc_page {
	/* Who works at the same time begins at the same time. */
	pthread_barrier_t importers;
	pthread_barrier_t everyone; /* the exporter as well */
	struct rival rival;
	struct ipc_buffer buffers[IPC_BUFFERS];
	/* In microseconds, of the last job that was timed. */
	double importer_us[IPC_MAX_IMPORTERS][IPC_BUFFERS];
	double exporter_us[IPC_BUFFERS];
};

/* For @n_importers; NULL: not possible, complained of. */
struct ipc_page *ipc_page_new(unsigned int n_importers);
void ipc_page_free(struct ipc_page *page);

/* Complains of what failed with what is known about it, unless @error is none. */
int ipc_result(hipError_t error, const char *call) _must_check_;

#endif
