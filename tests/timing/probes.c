/* SPDX-License-Identifier: MIT */
/* probes.c - the UUIDs to look up, of either class */
#include "probes.h"

#include <sodium.h>
#include <string.h>
#include <uuid.h>

#define MAX_MODELS 4096
/* Values of the one byte that 120 shared bits leave free; one is the model's own. */
#define BYTE_VALUES 256

/* Values of which each model can use any once; 0: so many that none comes twice. */
static size_t probes_values(const struct contrast *contrast)
{
	if (contrast->bits == UUID_BITS)
		return 1;
	return contrast->bits == UUID_BITS - 8 ? BYTE_VALUES : 0;
}

static int probes_alloc(struct probes *probes)
{
	size_t bits = probes->n_models * probes_values(&probes->contrast);

	probes->decoys = calloc(probes->n_models, sizeof(*probes->decoys));
	if (!probes->decoys)
		return -ENOMEM;
	for (size_t i = 0; bits && i < CLASS_COUNT; i++) {
		probes->used[i] = calloc(1, bits / 8 + 1);
		if (!probes->used[i])
			return -ENOMEM;
	}
	return 0;
}

static void probes_make_decoy(const struct contrast *contrast, uint8_t ret_uuid[16])
{
	do
		uuid_generate_random(ret_uuid);
	while (!contrast_admits(contrast, ret_uuid, false));
}

int probes_init(struct probes *probes, const struct contrast *contrast,
		const uint8_t (*names)[16], size_t n_names)
{
	int r;

	*probes = (struct probes){
		.contrast = *contrast,
		.names = names,
		.n_models = MIN(n_names, (size_t)MAX_MODELS),
	};
	r = probes_alloc(probes);
	for (size_t i = 0; r == 0 && i < probes->n_models; i++)
		probes_make_decoy(contrast, probes->decoys[i]);
	return r;
}

void probes_finish(struct probes *probes)
{
	free(probes->decoys);
	for (size_t i = 0; i < CLASS_COUNT; i++)
		free(probes->used[i]);
	*probes = (struct probes){0};
}

size_t probes_room(const struct probes *probes)
{
	size_t values = probes_values(&probes->contrast);

	/* A quarter is spare: the classes are not drawn equally often. */
	return values ? probes->n_models * values * CLASS_COUNT * 3 / 4 : SIZE_MAX;
}

enum class probes_draw_class(void) { return randombytes_uniform(CLASS_COUNT); }

/* Marks the value as used; false: it was before. */
static bool probes_use(struct probes *probes, enum class class, size_t value)
{
	uint8_t *byte = &probes->used[class][value / 8];
	uint8_t bit = (uint8_t)(1U << value % 8);
	bool unused = !(*byte & bit);

	*byte |= bit;
	return unused;
}

/* Whether @probe, of the model @index, may be used; it is then not fresh any more. */
static bool probes_is_fresh(struct probes *probes, enum class class, size_t index,
			    const uint8_t model[16], const uint8_t probe[16])
{
	const struct contrast *contrast = &probes->contrast;
	size_t values = probes_values(contrast);

	if (!values)
		return true;
	if (values == 1)
		return probes_use(probes, class, index);
	return memcmp(probe, model, 16) != 0 &&
	       probes_use(probes, class,
			  index * values +
				  probe[contrast->side == SIDE_LEADING ? 15 : 0]);
}

void probes_draw(struct probes *probes, enum class class, struct probe *ret_probe)
{
	const uint8_t *model;
	size_t index;

	do {
		index = randombytes_uniform((uint32_t)probes->n_models);
		model = class == CLASS_NAME ? probes->names[index]
					    : probes->decoys[index];
		uuid_generate_random(ret_probe->uuid);
		contrast_share(&probes->contrast, model, ret_probe->uuid);
	} while (!probes_is_fresh(probes, class, index, model, ret_probe->uuid));
	uuid_unparse_lower(ret_probe->uuid, ret_probe->text);
}
