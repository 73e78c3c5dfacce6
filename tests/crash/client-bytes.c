/* SPDX-License-Identifier: MIT */
/* client-bytes.c - buffers whose words follow from a key */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"

uint64_t client_kept_key(int number, unsigned nth)
{
	return (uint64_t)(number + 1) << 48 | (uint64_t)nth << 16;
}

uint64_t client_round_key(int number, uint64_t round)
{
	return (uint64_t)(number + 1) << 56 | round << 16;
}

static uint64_t client_word(uint64_t key, size_t i)
{
	return (key + i) * 6364136223846793005ULL + 1442695040888963407ULL;
}

static size_t client_words(const struct client *client)
{
	return client->load->config.bytes / sizeof(uint64_t);
}

void client_write(const struct client *client, uint64_t *words, uint64_t key)
{
	for (size_t i = 0; i < client_words(client); i++)
		words[i] = client_word(key, i);
}

void client_check(struct client *client, enum tally_op op, const uint64_t *words,
		  uint64_t key)
{
	for (size_t i = 0; i < client_words(client); i++) {
		if (words[i] == client_word(key, i))
			continue;
		client_fail(client, op, -EILSEQ);
		return;
	}
	client->tally->done[op]++;
}

int client_buffer(const struct client *client, uint64_t key, uint64_t **ret_words)
{
	size_t bytes = client->load->config.bytes;
	int (*make)(size_t bytes) = client->load->config.make;
	int fd = make ? ASSERT_OK(make(bytes)) : new_memfd(bytes);

	ASSERT_OK(raw_map(fd, bytes, PROT_READ | PROT_WRITE, (void **)ret_words));
	client_write(client, *ret_words, key);
	return fd;
}

void client_unmap(const struct client *client, uint64_t *words)
{
	munmap(words, client->load->config.bytes);
}

static void client_check_read(struct client *client, enum tally_op op, int fd,
			      uint64_t key)
{
	size_t bytes = client->load->config.bytes;
	uint64_t *words = malloc(bytes);
	long long n;

	ASSERT(words);
	n = CLIENT_DO(client, op, SYS(pread(fd, words, bytes, 0)));
	if (n >= 0 && (size_t)n != bytes)
		client_fail(client, op, -ENODATA);
	if (n >= 0 && (size_t)n == bytes)
		client_check(client, op, words, key);
	free(words);
}

void client_check_opened(struct client *client, enum tally_op op, int fd, uint64_t key)
{
	uint64_t *words;

	if (!client_maps(client)) {
		client_check_read(client, op, fd, key);
		return;
	}
	if (CLIENT_DO(client, TALLY_MAP,
		      raw_map(fd, client->load->config.bytes, PROT_READ,
			      (void **)&words)) < 0)
		return;
	client_check(client, op, words, key);
	client_unmap(client, words);
}
