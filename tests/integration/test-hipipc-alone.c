/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-alone.c - libhipipc in a program without a runtime
 *
 *
 * This program is deliberately not linked with libhipsoft.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <hipipc.h>

#include "harness.h"

static void expect(int line, hipError_t got, hipError_t expected)
{
	test_equal(__FILE__, line, "the error", got, expected);
	if (!*hipipcLastReason())
		test_fail(__FILE__, line, "no reason");
}

/* A well-formed handle of a nonexistent object: version 1, kind 1, one byte. */
static hipIpcMemHandle_t plausible(char kind)
{
	hipIpcMemHandle_t handle = {{0x68, 0x69, 0x70, 0x69, 1, 0, kind, 0}};
	uint32_t crc = ~0U;

	handle.reserved[24] = 1;
	for (int i = 0; i < 60; i++) {
		crc ^= (uint8_t)handle.reserved[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	crc = ~crc;
	memcpy(handle.reserved + 60, &crc, sizeof(crc));
	return handle;
}

static void no_runtime(struct instance *instance)
{
	hipIpcMemHandle_t handle = plausible(1), event_handle = plausible(4);
	hipIpcEventHandle_t event;
	hipEvent_t opened = NULL;
	void *memory = NULL;

	setenv("DMABUFFS_MOUNT", instance->dir, 1);
	setenv("HIPIPC_LOG", "none", 1);
	memcpy(&event, &event_handle, sizeof(event));
	for (int i = 0; i < 2; i++) {
		expect(__LINE__, hipIpcOpenMemHandle(&memory, handle, 0),
		       hipErrorNoDevice);
		expect(__LINE__, hipIpcOpenEventHandle(&opened, event), hipErrorNoDevice);
		expect(__LINE__, hipIpcGetMemHandle(&handle, &handle), hipErrorNoDevice);
		expect(__LINE__, hipIpcGetEventHandle(&event, (hipEvent_t)&event),
		       hipErrorNoDevice);
		expect(__LINE__, hipIpcCloseMemHandle(&handle), hipErrorInvalidValue);
	}
	ASSERT(!memory && !opened);
}

/* Errors that do not depend on a runtime. */
static void arguments_first(struct instance *instance)
{
	const hipIpcMemHandle_t zero = {{0}};
	void *memory;

	setenv("DMABUFFS_MOUNT", instance->dir, 1);
	setenv("HIPIPC_LOG", "none", 1);
	expect(__LINE__, hipIpcGetMemHandle(NULL, &memory), hipErrorInvalidValue);
	expect(__LINE__, hipIpcOpenMemHandle(NULL, plausible(1), 0),
	       hipErrorInvalidValue);
	expect(__LINE__, hipIpcOpenMemHandle(&memory, plausible(1), 2),
	       hipErrorInvalidValue);
	expect(__LINE__, hipIpcOpenMemHandle(&memory, zero, 0), hipErrorInvalidValue);
}

/* The library exports no other runtime call, so it cannot shadow one. */
static void only_ipc_calls(struct instance *instance)
{
	static const char *const others[] = {
		"hipMalloc",        "hipFree",         "hipMemcpy",
		"hipInit",          "hipEventCreate",  "hipEventDestroy",
		"cudaMalloc",       "cuMemAlloc_v2",   "hipSetDevice",
		"hipsoft_provider", "cuInit",          "cudaEventRecord",
		"hipMemset",        "hipGetLastError", "hipStreamCreate",
	};

	ASSERT(dlsym(RTLD_DEFAULT, "hipIpcGetMemHandle"));
	ASSERT(dlsym(RTLD_DEFAULT, "cudaIpcOpenEventHandle"));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (dlsym(RTLD_DEFAULT, others[i]))
			test_fail(__FILE__, __LINE__, "%s is exported", others[i]);
}

const struct test_case test_cases[] = {
	{"row_no_runtime", no_runtime},
	{"row_no_runtime_arguments", arguments_first},
	{"row_runtime_only_ipc_calls", only_ipc_calls},
	{NULL},
};
