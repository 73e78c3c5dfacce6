/* SPDX-License-Identifier: MIT */
/* test-hipipc-handle.c - the 64 bytes of a handle, and ways to pass them */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

/* ---- the layout -------------------------------------------------------------------- */

static void bytes_of_handle(struct instance *instance)
{
	const uint32_t version_1 = 1;
	struct exporter exporter = {.instance = instance, .offset = 300};
	struct wire wire;

	ASSERT_EQ(sizeof(hipIpcMemHandle_t), 64);
	ASSERT_EQ(sizeof(hipIpcEventHandle_t), 64);
	ASSERT_EQ(sizeof(cudaIpcMemHandle_t), 64);
	ASSERT_EQ(sizeof(cudaIpcEventHandle_t), 64);
	exporter_start(&exporter, NULL);
	wire = memory_wire(exporter.memory);
	ASSERT_EQ(wire.magic, WIRE_MAGIC);
	ASSERT_EQ(wire.version, version_1);
	ASSERT_EQ(wire.kind, WIRE_MEMFD);
	ASSERT_OK(raw_exists(instance, wire.uuid));
	ASSERT_EQ(wire.bytes, DEVICE_BYTES);
	ASSERT_EQ(wire.base % PAGE, 0);
	ASSERT_EQ(wire.offset, 300);
	ASSERT_EQ(wire.check, wire_check(&wire));
	wire = event_wire(exporter.event);
	ASSERT_EQ(wire.magic, WIRE_MAGIC);
	ASSERT_EQ(wire.version, version_1);
	ASSERT_EQ(wire.kind, WIRE_EVENT);
	ASSERT_OK(raw_exists(instance, wire.uuid));
	ASSERT_EQ(wire.check, wire_check(&wire));
	exporter_end(&exporter);
}

/*
 * A handle made by version 1: 0x12345 bytes, offset 0x321. Every version must accept it
 * and look up its name.
 */
static const uint8_t of_version_1[64] = {
	0x68, 0x69, 0x70, 0x69, 0x01, 0x00, 0x01, 0x00, 0x10, 0x11, 0x12, 0x13, 0x14,
	0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x45, 0x23,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x21, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6d, 0x81, 0x6a, 0x06,
};

static void version_1_is_read(struct instance *instance)
{
	hipIpcMemHandle_t handle;
	void *memory;

	hip_begin(instance);
	memcpy(&handle, of_version_1, sizeof(handle));
	ASSERT_IPC(hipErrorInvalidResourceHandle,
		   hipIpcOpenMemHandle(&memory, handle, 0));
	ASSERT(strstr(hipipcLastReason(), "10111213-1415-1617-1819-1a1b1c1d1e1f"));
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			     "0123456789+/";

static void to_base64(const uint8_t *bytes, size_t size, char *text)
{
	for (size_t bit = 0; bit < size * 8; bit += 6) {
		uint32_t pair = (uint32_t)bytes[bit / 8] << 8;

		if (bit / 8 + 1 < size)
			pair |= bytes[bit / 8 + 1];
		*text++ = digits[pair >> (10 - bit % 8) & 63];
	}
	*text = '\0';
}

static void from_base64(const char *text, uint8_t *bytes, size_t size)
{
	memset(bytes, 0, size);
	for (size_t bit = 0; bit < size * 8; bit += 6) {
		uint32_t pair = (uint32_t)(strchr(digits, *text++) - digits)
				<< (10 - bit % 8);

		bytes[bit / 8] |= (uint8_t)(pair >> 8);
		if (bit / 8 + 1 < size)
			bytes[bit / 8 + 1] |= (uint8_t)pair;
	}
}

static hipIpcMemHandle_t through_base64(hipIpcMemHandle_t handle)
{
	char text[100];
	hipIpcMemHandle_t copy;

	to_base64((uint8_t *)&handle, sizeof(handle), text);
	ASSERT_EQ(strlen(text), 86);
	from_base64(text, (uint8_t *)&copy, sizeof(copy));
	return copy;
}

static hipIpcMemHandle_t through(int in, int out, hipIpcMemHandle_t handle)
{
	hipIpcMemHandle_t copy;

	ASSERT_EQ(write(in, &handle, sizeof(handle)), sizeof(handle));
	ASSERT_EQ(read(out, &copy, sizeof(copy)), sizeof(copy));
	close(in);
	close(out);
	return copy;
}

static void handle_travels(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	hipIpcMemHandle_t copies[3];
	int ends[2], in;
	char path[200];

	exporter_start(&exporter, NULL);
	hip_begin(instance);
	ASSERT_OK(SYS(pipe2(ends, O_CLOEXEC)));
	copies[0] = through(ends[1], ends[0], exporter.memory);
	snprintf(path, sizeof(path), "%s/handle", test_work_dir);
	in = ASSERT_OK(SYS(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)));
	copies[1] = through(in, ASSERT_OK(SYS(open(path, O_RDONLY | O_CLOEXEC))),
			    exporter.memory);
	copies[2] = through_base64(exporter.memory);
	for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
		void *memory = open_memory(copies[i]);

		device_check(memory, 0, DEVICE_BYTES, 1);
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	}
	exporter_end(&exporter);
}

const struct test_case test_cases[] = {
	{"row_handle_64_bytes", bytes_of_handle},
	{"row_handle_version_1_is_read", version_1_is_read},
	{"row_handle_travels", handle_travels},
	{NULL},
};
