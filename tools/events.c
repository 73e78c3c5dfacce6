/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include <sorted.h>
#include <util.h>

#include "events.h"
#include "row.h"
#include "text.h"

static int events_compare_names(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(dmabuffs_uuid));
}

static int events_add_name(const dmabuffs_uuid *uuid, void *data)
{
	struct events *events = data;
	int r = array_reserve(&events->names, &events->capacity, events->count + 1,
			      sizeof(*events->names));

	if (r < 0)
		return r;
	events->names[events->count++] = *uuid;
	return 0;
}

void events_finish(struct events *events)
{
	free(events->names);
	*events = (struct events){0};
}

void events_compare(const struct events *before, const struct events *after,
		    void (*gone)(const dmabuffs_uuid *uuid, void *data),
		    void (*came)(const dmabuffs_uuid *uuid, void *data), void *data)
{
	size_t i = 0, j = 0;

	while (i < before->count || j < after->count) {
		int order = i == before->count  ? 1
			    : j == after->count ? -1
						: events_compare_names(&before->names[i],
								       &after->names[j]);

		if (order < 0)
			gone(&before->names[i++], data);
		else if (order > 0)
			came(&after->names[j++], data);
		else
			i++, j++;
	}
}

static void events_print_gone(const dmabuffs_uuid *uuid, void *data)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];

	dmabuffs_uuid_format(uuid, name);
	printf("- %s\n", name);
}

static void events_put_word(const void *text)
{
	char safe[4 * DMABUFFS_LABEL_SIZE];

	text_escape(text, safe, sizeof(safe));
	printf(" %s", *safe ? safe : "-");
}

/* A name that was removed meanwhile has no properties, but its "-" line needs a "+". */
static void events_print_came(const dmabuffs_uuid *uuid, void *data)
{
	char name[DMABUFFS_UUID_TEXT_SIZE], user[64];
	struct row row;

	dmabuffs_uuid_format(uuid, name);
	printf("+ %s", name);
	if (row_load(data, uuid, &row) >= 0) {
		row_user(&row, user, sizeof(user));
		printf(" %" PRIu64 " %s %s", row_bytes(&row), row_kind(&row), user);
		events_put_word(row.info.comm);
		events_put_word(row.info.label);
	}
	putchar('\n');
}

int events_print(struct events *events, struct dmabuffs *instance)
{
	struct events now = {0};
	int r = dmabuffs_list(instance, events_add_name, &now);

	if (r < 0) {
		events_finish(&now);
		return r;
	}
	if (now.count > 0)
		qsort(now.names, now.count, sizeof(*now.names), events_compare_names);
	events_compare(events, &now, events_print_gone, events_print_came, instance);
	events_finish(events);
	*events = now;
	return 0;
}
