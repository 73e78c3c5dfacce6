/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <util.h>

#include "text.h"

void text_escape(const char *in, char *out, size_t size)
{
	char character[5];
	size_t length = 0;

	for (; *in; in++) {
		unsigned char byte = (unsigned char)*in;
		int n;

		if (byte == '\\')
			n = snprintf(character, sizeof(character), "\\\\");
		else if (byte >= 0x20 && byte < 0x7f)
			n = snprintf(character, sizeof(character), "%c", byte);
		else
			n = snprintf(character, sizeof(character), "\\x%02x", byte);
		if (length + (size_t)n >= size)
			break;
		memcpy(out + length, character, (size_t)n);
		length += (size_t)n;
	}
	out[length] = '\0';
}

#define REPLACEMENT 0xfffdU

/*
 * The code point at *@in, which advances; U+FFFD for a byte that is not part of one:
 * overlong forms, surrogates and truncated sequences are invalid UTF-8.
 */
static uint32_t text_next_code_point(const unsigned char **in)
{
	static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
	unsigned char lead = *(*in)++;
	unsigned int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
	uint32_t value = lead;

	if (lead < 0x80)
		return lead;
	if (more == 0 || lead > 0xf4)
		return REPLACEMENT;
	value &= 0x3fU >> more;
	for (unsigned int i = 0; i < more; i++) {
		if (((*in)[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		value = value << 6 | ((*in)[i] & 0x3f);
	}
	if (value < smallest[more] || value > 0x10ffff || (value & ~0x7ffU) == 0xd800)
		return REPLACEMENT;
	*in += more;
	return value;
}

static void text_put_json_code_point(FILE *stream, uint32_t value)
{
	if (value == '"' || value == '\\')
		fprintf(stream, "\\%c", (int)value);
	else if (value >= 0x20 && value < 0x7f)
		fputc((int)value, stream);
	else if (value < 0x10000)
		fprintf(stream, "\\u%04x", value);
	else
		fprintf(stream, "\\u%04x\\u%04x", 0xd800 + ((value - 0x10000) >> 10),
			0xdc00 + ((value - 0x10000) & 0x3ff));
}

void text_json(FILE *stream, const char *in)
{
	const unsigned char *at = (const unsigned char *)in;

	fputc('"', stream);
	while (*at)
		text_put_json_code_point(stream, text_next_code_point(&at));
	fputc('"', stream);
}

void text_json_bits(FILE *stream, const struct text_bit *names, uint64_t bits)
{
	const char *separator = "";

	fputc('[', stream);
	for (; names->name; names++)
		if (bits & names->bit) {
			fprintf(stream, "%s\"%s\"", separator, names->name);
			separator = ",";
		}
	fputc(']', stream);
}

void text_bytes(uint64_t bytes, char out[TEXT_BYTES_SIZE])
{
	static const char units[] = "KMGTPE";
	unsigned int unit = 0;
	uint64_t tenths;

	if (bytes < 1024) {
		(void)snprintf(out, TEXT_BYTES_SIZE, "%u B", (unsigned int)bytes);
		return;
	}
	/* Less than 2^20 is left, so the tenths cannot overflow. */
	while (bytes >= (UINT64_C(1) << 20)) {
		bytes >>= 10;
		unit++;
	}
	tenths = (bytes * 10 + 512) >> 10;
	if (tenths >= 10240) {
		tenths = 10;
		unit++;
	}
	(void)snprintf(out, TEXT_BYTES_SIZE, "%u.%u %ciB", (unsigned int)(tenths / 10),
		       (unsigned int)(tenths % 10), units[unit]);
}

int text_parse_mode(const char *text, uint32_t *ret_mode)
{
	size_t digits = strspn(text, "01234567");
	unsigned long mode;

	if (digits == 0 || digits > 8 || text[digits])
		return -EINVAL;
	mode = strtoul(text, NULL, 8);
	if (mode > 0777)
		return -EINVAL;

	*ret_mode = (uint32_t)mode;
	return 0;
}

int text_parse_seconds(const char *text, uint32_t minimum_ms, uint32_t maximum_ms,
		       uint32_t *ret_ms)
{
	char *end;
	double ms;

	/* strtod(3) would take hexadecimal, exponents, "inf" and leading space. */
	if (!*text || text[strspn(text, "0123456789.")])
		return -EINVAL;
	ms = strtod(text, &end) * 1000;
	if (*end || ms < minimum_ms || ms > maximum_ms)
		return -EINVAL;

	*ret_ms = (uint32_t)(ms + 0.5);
	return 0;
}
