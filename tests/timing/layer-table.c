/* SPDX-License-Identifier: MIT */
/*
 * layer-table.c - the service's table, in this process
 *
 * Its exports are devices without a descriptor: the table does not use what they name.
 */
#include "layer.h"

#include <string.h>
#include <sys/stat.h>
#include <uuid.h>

#include "names/table.h"

#define EXPORTER 1000

struct instance {
	struct limits limits;
	struct state state;
	struct table table;
	uint64_t root;
	struct export *found; /* by the last look-up */
};

static void table_layer_ignore(struct export *export, void *data)
{
}

/* No export has a descriptor. */
static const struct bank_ops table_layer_bank = {0};

static void table_layer_destroy(void *data)
{
	struct instance *instance = data;

	if (!instance)
		return;
	if (instance->root)
		table_close_root(&instance->table, instance->root, table_layer_ignore,
				 NULL);
	table_finish(&instance->table);
	limits_finish(&instance->limits);
	state_close(&instance->state);
	free(instance);
}

static int table_layer_init(struct instance *instance, size_t n_names)
{
	const struct payer payer = {.uid = EXPORTER};
	struct limits_config config;
	struct node node;
	int r;

	limits_config_default(&config);
	/* The last eighth is kept for users who hold little. */
	config.per_uid[RES_EXPORTS] = config.per_mount[RES_EXPORTS] = 2 * n_names + 16;
	limits_init(&instance->limits, &config);
	node_init(&node, S_IFDIR | 0755, 0, 0);
	r = state_create(2 * n_names + 16, &table_layer_bank, NULL, &instance->state);
	if (r == 0)
		r = table_init(&instance->table, &instance->limits, &instance->state,
			       &node);
	return r < 0 ? r : table_open_root(&instance->table, &payer, &instance->root);
}

static int table_layer_create_export(struct instance *instance, struct caller *caller,
				     struct export **ret_export)
{
	struct buffer buffer = {.fd = -1, .kind = DMABUFFS_KIND_DEVICE};
	struct export_request request = {
		.root_id = instance->root,
		.uid = EXPORTER,
		.gid = EXPORTER,
		.flags = DMABUFFS_EXPORT_ANOTHER,
		.label = "",
		.caller = caller,
		.buffer = &buffer,
	};

	return export_create(&instance->table, &request, ret_export);
}

static int table_layer_add(struct instance *instance, struct caller *caller,
			   const struct contrast *contrast, uint8_t ret_name[16])
{
	struct export *export, *other;
	int r = table_layer_create_export(instance, caller, &export);

	if (r < 0)
		return r;
	while (!contrast_admits(contrast, export->uuid, true))
		uuid_generate_random(export->uuid);
	r = table_add(&instance->table, export, &other);
	if (r < 0) {
		export_free(&instance->table, export);
		return r;
	}
	memcpy(ret_name, export->uuid, sizeof(export->uuid));
	table_put(&instance->table, export);
	return 0;
}

static int table_layer_fill(struct instance *instance, const struct plan *plan,
			    uint8_t (*ret_names)[16])
{
	struct caller *caller = calloc(1, sizeof(*caller));
	int r = caller ? 0 : -ENOMEM;

	if (caller)
		caller->refs = 1;
	for (size_t i = 0; r == 0 && i < plan->n_names; i++)
		r = table_layer_add(instance, caller, &plan->contrast, ret_names[i]);
	caller_unref(caller);
	return r;
}

static int table_layer_create(const struct plan *plan, uint8_t (*ret_names)[16],
			      void **ret_instance)
{
	struct instance *instance = calloc(1, sizeof(*instance));
	int r = instance ? table_layer_init(instance, plan->n_names) : -ENOMEM;

	if (r == 0)
		r = table_layer_fill(instance, plan, ret_names);
	*ret_instance = instance;
	return r;
}

static int table_layer_look_up(void *data, const struct probe *probe)
{
	struct instance *instance = data;

	instance->found = table_get_named(&instance->table, probe->uuid);
	return instance->found ? 0 : -ENOENT;
}

static void table_layer_settle(void *data)
{
	struct instance *instance = data;

	table_put(&instance->table, instance->found);
}

const struct layer table_layer = {
	.name = "table",
	.create = table_layer_create,
	.destroy = table_layer_destroy,
	.look_up = table_layer_look_up,
	.settle = table_layer_settle,
};
