/* SPDX-License-Identifier: MIT */
/* test-list.c - the doubly linked list */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "list.h"

struct item {
	int before; /* so that the link is not the first member */
	struct list link;
};

static struct list head = LIST_INIT(head);
static struct item items[5];

/* The indices of the items of @list as decimal digits, the first item's first. */
static unsigned long digits(const struct list *list)
{
	const struct item *item;
	unsigned long n = 1;

	list_for_each(item, list, link)
		n = 10 * n + (unsigned long)(item - items);
	return n;
}

/* The same from the end. */
static unsigned long digits_backwards(const struct list *list)
{
	unsigned long n = 1;

	for (const struct list *at = list->prev; at != list; at = at->prev)
		n = 10 * n + (unsigned long)(container_of(at, struct item, link) - items);
	return n;
}

static void fill(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		list_add_tail(&head, &items[i].link);
}

Test(list, empty)
{
	struct list other;

	list_init(&other);
	cr_assert(list_is_empty(&head));
	cr_assert(list_is_empty(&other));
	cr_assert(eq(ptr, list_pop(&head), NULL));
	cr_assert(eq(ptr, list_first(&head, struct item, link), NULL));
	cr_assert(eq(ulong, digits(&head), 1));
}

Test(list, keeps_the_order)
{
	fill();
	cr_assert(not(list_is_empty(&head)));
	cr_assert(eq(ulong, digits(&head), 101234));
	cr_assert(eq(ulong, digits_backwards(&head), 143210));
	cr_assert(eq(ptr, list_first(&head, struct item, link), &items[0]));
}

Test(list, adds_at_each_place)
{
	list_add_head(&head, &items[1].link);
	list_add_head(&head, &items[0].link);
	list_add_tail(&head, &items[3].link);
	list_add_before(&items[3].link, &items[2].link);
	cr_assert(eq(ulong, digits(&head), 10123));
	cr_assert(eq(ulong, digits_backwards(&head), 13210));
}

Test(list, removes)
{
	fill();
	cr_assert(list_is_linked(&items[2].link));
	list_remove(&items[2].link);
	cr_assert(not(list_is_linked(&items[2].link)));
	list_remove(&items[0].link);
	list_remove(&items[4].link);
	cr_assert(eq(ulong, digits(&head), 113));
	cr_assert(eq(ulong, digits_backwards(&head), 131));
	list_add_tail(&head, &items[0].link);
	cr_assert(eq(ulong, digits(&head), 1130));
}

Test(list, pops_the_first)
{
	fill();
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		cr_assert(eq(ptr, list_pop(&head), &items[i].link));
	cr_assert(list_is_empty(&head));
	cr_assert(eq(ptr, list_pop(&head), NULL));
}

Test(list, splices)
{
	struct list other = LIST_INIT(other);

	list_splice_tail(&head, &other);
	cr_assert(list_is_empty(&head));
	cr_assert(list_is_empty(&other));
	list_add_tail(&other, &items[2].link);
	list_add_tail(&other, &items[3].link);
	list_splice_tail(&head, &other);
	cr_assert(eq(ulong, digits(&head), 123));
	cr_assert(list_is_empty(&other));
	list_add_tail(&other, &items[4].link);
	list_splice_tail(&head, &other);
	cr_assert(eq(ulong, digits(&head), 1234));
	cr_assert(eq(ulong, digits_backwards(&head), 1432));
	cr_assert(list_is_empty(&other));
}

/* A complete loop leaves NULL; a break leaves the item. */
Test(list, ends_with_null)
{
	struct item *item;

	fill();
	list_for_each(item, &head, link)
		if (item == &items[3])
			break;
	cr_assert(eq(ptr, item, &items[3]));
	list_for_each(item, &head, link)
		;
	cr_assert(eq(ptr, item, NULL));
}

Test(list, may_lose_items_in_a_loop)
{
	struct item *item, *after;
	unsigned n = 0;

	fill();
	list_for_each_safe(item, after, &head, link) {
		if (item != &items[1])
			list_remove(&item->link);
		n++;
	}
	cr_assert(eq(uint, n, 5));
	cr_assert(eq(ulong, digits(&head), 11));
}
