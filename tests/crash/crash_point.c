/* SPDX-License-Identifier: MIT */
/* crash_point.c - of the service's build for crash tests: what CRASH_POINT() does */
#include "crash_point.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"

/* Made by the linker. */
extern const struct crash_point __start_crash_points[] __attribute__((weak));
extern const struct crash_point __stop_crash_points[] __attribute__((weak));

static struct crash_control *crash_point_control;

static _Noreturn void crash_point_list(void)
{
	for (const struct crash_point *p = __start_crash_points; p < __stop_crash_points;
	     p++)
		puts(p->name);
	exit(EXIT_SUCCESS);
}

/* Before main(), which closes descriptors and leaves the root of the host. */
static __attribute__((constructor)) void crash_point_begin(void)
{
	const char *path = getenv(CRASH_CONTROL_VARIABLE);
	void *page;
	int fd;

	if (!path)
		return;
	if (strcmp(path, CRASH_CONTROL_LIST) == 0)
		crash_point_list();
	fd = open(path, O_RDWR | O_CLOEXEC);
	page = mmap(NULL, sizeof(struct crash_control), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED) {
		fprintf(stderr, "cannot map %s: %m\n", path);
		_exit(EXIT_FAILURE);
	}
	crash_point_control = page;
}

/* A child draws other numbers than its parent, or both would die at the same draw. */
static bool crash_point_by_chance(uint32_t one_in)
{
	static _Thread_local unsigned seed;
	static _Thread_local pid_t drawer;

	if (one_in == 0)
		return false;
	if (drawer != getpid()) {
		drawer = getpid();
		seed = (unsigned)(now_ns() ^ (uint64_t)drawer << 16);
	}
	return (unsigned)rand_r(&seed) % one_in == 0;
}

static bool crash_point_is_due(struct crash_control *control, uint32_t number,
			       const char *name)
{
	if (atomic_load(&control->armed) == number &&
	    atomic_fetch_sub(&control->remaining, 1) == 1) {
		atomic_store(&control->remaining, 1);
		if (atomic_load(&control->repeat))
			atomic_fetch_sub(&control->repeat, 1);
		else
			atomic_store(&control->armed, atomic_exchange(&control->then, 0));
		return true;
	}
	/* Without a spare yet, its death is the end of the mount. */
	return strcmp(name, "holder-continued") != 0 &&
	       crash_point_by_chance(atomic_load(&control->one_in));
}

static bool crash_point_stops(struct crash_control *control)
{
	uint32_t stops = atomic_load(&control->stops);

	return stops > 0 &&
	       atomic_compare_exchange_strong(&control->stops, &stops, stops - 1);
}

void crash_point(const struct crash_point *point)
{
	struct crash_control *control = crash_point_control;
	uint32_t number = (uint32_t)(point - __start_crash_points) + 1;

	if (!control || number > CRASH_CONTROL_POINTS)
		return;
	atomic_fetch_add(&control->points[number - 1].reached, 1);
	if (!crash_point_is_due(control, number, point->name))
		return;
	atomic_fetch_add(&control->points[number - 1].killed, 1);
	atomic_store(&control->when_ns, now_ns());
	atomic_store(&control->pid, getpid());
	/* By tgkill(2), which the service's filter permits. */
	raise(crash_point_stops(control) ? SIGSTOP : SIGKILL);
}

bool crash_switch(const char *name)
{
	const char *on = getenv(CRASH_CONTROL_SWITCH);

	return on && strcmp(on, name) == 0;
}
