/* SPDX-License-Identifier: MIT */
/* order.c - arms the crash points of a service that was built with them */
#include "order.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness.h"

/* Also finds names that are used twice. */
static void order_add(struct order *order, const char *name)
{
	ASSERT(order->n_points < CRASH_CONTROL_POINTS && strlen(name) < ORDER_NAME_SIZE);
	for (unsigned i = 0; i < order->n_points; i++)
		if (strcmp(order->names[i], name) == 0)
			test_fail(__FILE__, __LINE__, "two crash points are named %s",
				  name);
	strcpy(order->names[order->n_points++], name);
}

static void order_read_names(struct order *order)
{
	char command[400], line[ORDER_NAME_SIZE * 2];
	FILE *list;

	snprintf(command, sizeof(command), CRASH_CONTROL_VARIABLE "=%s '%s'",
		 CRASH_CONTROL_LIST, daemon_path());
	list = popen(command, "re");
	ASSERT(list);
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		order_add(order, line);
	}
	ASSERT_EQ(pclose(list), 0);
}

void order_create(struct order *order)
{
	char path[INSTANCE_PATH_SIZE];
	int fd;

	memset(order, 0, sizeof(*order));
	order_read_names(order);
	snprintf(path, sizeof(path), "%s/control", test_work_dir);
	fd = ASSERT_OK(SYS(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)));
	/* A rootless service writes it, too. */
	ASSERT_OK(SYS(fchmod(fd, 0666)));
	ASSERT_OK(SYS(ftruncate(fd, sizeof(*order->control))));
	order->control = mmap(NULL, sizeof(*order->control), PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
	ASSERT(order->control != MAP_FAILED);
	close(fd);
	ASSERT_OK(SYS(setenv(CRASH_CONTROL_VARIABLE, path, 1)));
}

static unsigned order_killed(const struct order *order)
{
	return order->control->points[order->armed].killed;
}

void order_arm(struct order *order, unsigned point, unsigned nth)
{
	order->armed = point;
	order->killed_before = order_killed(order);
	order->control->remaining = nth;
	order->control->armed = point + 1;
}

void order_arm_both(struct order *order, unsigned point, unsigned then)
{
	order->control->then = then + 1;
	order_arm(order, point, 1);
	order->armed = then;
	order->killed_before = order_killed(order);
}

unsigned order_find(const struct order *order, const char *name)
{
	unsigned i = 0;

	while (i < order->n_points && strcmp(order->names[i], name) != 0)
		i++;
	ASSERT(i < order->n_points);
	return i;
}

bool order_is_done(void *data)
{
	struct order *order = data;

	return order_killed(order) > order->killed_before;
}

void order_disarm(struct order *order)
{
	order->control->then = 0;
	order->control->armed = 0;
}
