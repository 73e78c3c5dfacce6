/* SPDX-License-Identifier: MIT */
/*
 * list.h - intrusive doubly linked list
 *
 * A struct list is either a head or embedded in an item. A head is initialised; an item
 * that is zeroed, or was removed, is in no list. Loops and list_first() give items, and
 * NULL after the last one. Not thread safe; the owner's lock protects it.
 */
#ifndef DMABUFFS_LIST_H
#define DMABUFFS_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

struct list {
	struct list *next, *prev;
};

/* Initialises a static head. */
#define LIST_INIT(head) ((struct list){&(head), &(head)})

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

static inline bool list_is_linked(const struct list *item)
{
	return item->next != NULL;
}

/* Puts @item before @place: before another item, or at the end if that is the head. */
static inline void list_add_before(struct list *place, struct list *item)
{
	item->next = place;
	item->prev = place->prev;
	place->prev->next = item;
	place->prev = item;
}

static inline void list_add_tail(struct list *head, struct list *item)
{
	list_add_before(head, item);
}

static inline void list_add_head(struct list *head, struct list *item)
{
	list_add_before(head->next, item);
}

/* The item must be in a list. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = item->prev = NULL;
}

/* Removes and returns the first item; NULL: there is none. */
static inline struct list *list_pop(struct list *head)
{
	struct list *first = list_is_empty(head) ? NULL : head->next;

	if (first)
		list_remove(first);
	return first;
}

/* Moves all items of @from to the end of @to. */
static inline void list_splice_tail(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* The struct @type around the item after or before @item; NULL: @item is the last. */
#define list_after(item, head, type, member)                                             \
	((item)->next == (head) ? NULL : container_of((item)->next, type, member))

#define list_first(head, type, member) list_after(head, head, type, member)

#define list_for_each(item, head, member)                                                \
	for ((item) = list_first(head, __typeof__(*(item)), member); (item);             \
	     (item) = list_after(&(item)->member, head, __typeof__(*(item)), member))

/* @item may be removed and freed in the body. */
#define list_for_each_safe(item, after, head, member)                                    \
	for ((item) = list_first(head, __typeof__(*(item)), member);                     \
	     (item) &&                                                                   \
	     ((after) = list_after(&(item)->member, head, __typeof__(*(item)), member),  \
	     true);                                                                      \
	     (item) = (after))

#endif
