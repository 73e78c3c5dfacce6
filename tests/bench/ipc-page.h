/* SPDX-License-Identifier: MIT */
/*
 * ipc-page.h - memory that the exporter, its importers and the benchmark share
 *
 * The exporter writes what importers need to know of its buffers; importers and exporter
 * write their times. There are no concurrent reads and writes of a field: the benchmark
 * sends the next request after all replies.
 */
#ifndef DMABUFFS_BENCH_IPC_PAGE_H
#define DMABUFFS_BENCH_IPC_PAGE_H

#include <pthread.h>

#include <hipipc-provider.h>
#include <hipsoft.h>

#include "ipc-rivals.h"

/* Buffers open at the same time in each importer. */
#define IPC_BUFFERS       64
#define IPC_BUFFER_BYTES  65536
#define IPC_MAX_IMPORTERS 32

/* The provider that libhipsoft passes to libhipipc; the rivals use it too. */
extern const struct hipipc_provider hipsoft_provider;

struct ipc_buffer {
	hipIpcMemHandle_t handle;
	struct hipipc_backing backing; /* the descriptor is one of the exporter's */
	unsigned char mark;            /* the value of all its bytes */
};

struct ipc_page {
	/* Processes of a concurrent job start together. */
	pthread_barrier_t importers;
	pthread_barrier_t everyone; /* includes the exporter */
	struct rival rival;
	struct ipc_buffer buffers[IPC_BUFFERS];
	/* In microseconds, of the last timed job. */
	double importer_us[IPC_MAX_IMPORTERS][IPC_BUFFERS];
	double exporter_us[IPC_BUFFERS];
};

/* For @n_importers; returns NULL after printing the reason. */
struct ipc_page *ipc_page_new(unsigned int n_importers);
void ipc_page_free(struct ipc_page *page);

/* Prints details of a failed call unless @error is none. */
int ipc_result(hipError_t error, const char *call) _must_check_;

#endif
