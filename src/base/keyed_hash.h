/* SPDX-License-Identifier: MIT */
/*
 * keyed_hash.h - a hash of what clients choose, or are to guess
 *
 * With a key that is random for each table, a client can neither make keys collide nor
 * learn from the time of a look-up which ones exist. libsodium is initialised before.
 */
#ifndef DMABUFFS_KEYED_HASH_H
#define DMABUFFS_KEYED_HASH_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint8_t bytes[crypto_shorthash_KEYBYTES];
};

static inline void hash_key_init(struct hash_key *key)
{
	crypto_shorthash_keygen(key->bytes);
}

static inline uint64_t keyed_hash(const struct hash_key *key, const void *data,
				  size_t size)
{
	uint64_t hash;

	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "SipHash gives 64 bits");
	crypto_shorthash((unsigned char *)&hash, data, size, key->bytes);
	return hash;
}

#endif
