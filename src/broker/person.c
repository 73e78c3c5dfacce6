/* SPDX-License-Identifier: MIT */
#include "broker/person.h"

#include <stdlib.h>

static struct person *person_new(struct htab *persons, uid_t uid)
{
	struct person *person = calloc(1, sizeof(*person));

	if (!person)
		return NULL;
	person->uid = uid;
	list_init(&person->connections);
	list_init(&person->waiting);
	if (htab_insert(persons, &person->node, uid) < 0) {
		free(person);
		return NULL;
	}
	return person;
}

struct person *person_get(struct htab *persons, uid_t uid)
{
	struct person *person = htab_item(htab_first(persons, uid), struct person, node);

	if (!person)
		person = person_new(persons, uid);
	if (person)
		person->n++;
	return person;
}

void person_put(struct htab *persons, struct person *person)
{
	if (!person || --person->n)
		return;
	htab_remove(persons, &person->node);
	free(person);
}
