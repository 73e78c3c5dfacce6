/* SPDX-License-Identifier: MIT */
/* order.h - a test's side of control.h: at which point the service dies next */
#ifndef DMABUFFS_TEST_CRASH_ORDER_H
#define DMABUFFS_TEST_CRASH_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "control.h"

#define ORDER_NAME_SIZE 64

struct order {
	struct crash_control *control; /* NULL: this build of the service has no points */
	unsigned n_points;
	char names[CRASH_CONTROL_POINTS][ORDER_NAME_SIZE];
	unsigned armed; /* number of the point, from 0 */
	unsigned killed_before;
};

/* Makes the page and sets the variable for the services that start after; asserts. */
void order_create(struct order *order);

/* The point kills when it is reached for the @nth time from now, from 1. */
void order_arm(struct order *order, unsigned point, unsigned nth);

/* It kills for the first time, and then the successor dies at @then. */
void order_arm_both(struct order *order, unsigned point, unsigned then);

/* The number of this point; asserts. */
unsigned order_find(const struct order *order, const char *name);

/* Has it, or the last of both, killed since it was armed? For wait_until(), too. */
bool order_is_done(void *order);

/* It kills no more, unless it has. */
void order_disarm(struct order *order);

#endif
