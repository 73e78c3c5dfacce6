/* SPDX-License-Identifier: MIT */
/*
 * compat-user.c - a user's program, compiled with AMD's header or libhipipc's, as C and
 * C++
 *
 * The argument selects the libraries it runs with: "soft": libhipipc and libhipsoft;
 * "vendor": AMD's runtime on a machine without a GPU; "preload": the same with libhipipc
 * preloaded.
 */
#include <hip/hip_runtime_api.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                                \
	do {                                                                             \
		if (!(condition)) {                                                      \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
			exit(1);                                                         \
		}                                                                        \
	} while (0)

static int is_in(void *function, const char *library)
{
	Dl_info info;

	return dladdr(function, &info) && strstr(info.dli_fname, library) != NULL;
}

#define IS_IN(function, library) is_in(dlsym(RTLD_DEFAULT, #function), library)

/* Handles are passed by value, and arguments are checked, with either header. */
static void check_ipc_is_ours(void)
{
	typedef const char *(*last_reason_fn)(void);
	last_reason_fn last_reason =
		(last_reason_fn)dlsym(RTLD_DEFAULT, "hipipcLastReason");
	hipIpcMemHandle_t handle;
	void *pointer;

	EXPECT(IS_IN(hipIpcGetMemHandle, "libhipipc"));
	EXPECT(IS_IN(hipIpcOpenEventHandle, "libhipipc"));
	EXPECT(IS_IN(cudaIpcOpenMemHandle, "libhipipc"));
	EXPECT(hipIpcGetMemHandle(NULL, &handle) == hipErrorInvalidValue);
	EXPECT(last_reason && strstr(last_reason(), "NULL"));
	memset(&handle, 0, sizeof(handle));
	EXPECT(hipIpcOpenMemHandle(&pointer, handle, 1) == hipErrorInvalidValue);
	EXPECT(strstr(last_reason(), "no handle"));
	EXPECT(hipIpcOpenMemHandle(&pointer, handle, 2) == hipErrorInvalidValue);
	EXPECT(strstr(last_reason(), "flags"));
	EXPECT(hipIpcCloseMemHandle(&handle) == hipErrorInvalidValue);
}

static void check_soft(void)
{
	hipEvent_t event;
	char back[16] = "";
	void *memory;
	int count = 0;

	EXPECT(hipGetDeviceCount(&count) == hipSuccess && count == 1);
	EXPECT(hipMalloc(&memory, sizeof(back)) == hipSuccess);
	EXPECT(hipMemcpy(memory, "fifteen letters", sizeof(back),
			 hipMemcpyHostToDevice) == hipSuccess);
	EXPECT(hipMemcpy(back, memory, sizeof(back), hipMemcpyDeviceToHost) ==
	       hipSuccess);
	EXPECT(strcmp(back, "fifteen letters") == 0);
	EXPECT(hipEventCreateWithFlags(&event,
				       hipEventDisableTiming | hipEventInterprocess) ==
	       hipSuccess);
	EXPECT(hipEventRecord(event, NULL) == hipSuccess);
	EXPECT(hipEventSynchronize(event) == hipSuccess);
	EXPECT(hipEventDestroy(event) == hipSuccess);
	EXPECT(hipFree(memory) == hipSuccess);
	EXPECT(strcmp(hipGetErrorName(hipErrorInvalidValue), "hipErrorInvalidValue") ==
	       0);
}

/* The runtime's own results: none of its functions was replaced. */
static void check_vendor(void)
{
	void *memory = NULL;
	int count = -1;

	EXPECT(IS_IN(hipMalloc, "libamdhip64"));
	EXPECT(IS_IN(hipMemcpy, "libamdhip64"));
	EXPECT(hipGetDeviceCount(&count) == hipErrorNoDevice);
	EXPECT(hipMalloc(&memory, 1) != hipSuccess);
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (strcmp(what, "soft") == 0) {
		check_ipc_is_ours();
		check_soft();
	} else if (strcmp(what, "vendor") == 0) {
		EXPECT(IS_IN(hipIpcGetMemHandle, "libamdhip64"));
		check_vendor();
	} else {
		EXPECT(strcmp(what, "preload") == 0);
		check_ipc_is_ours();
		check_vendor();
	}
	return 0;
}
