/* SPDX-License-Identifier: MIT */
/*
 * test-crash-points.c - the service dies at each of its crash points
 *
 * The list is what the build has (order.h), so a new point is tested without a change
 * here. Most are reached by the load; the others by a takeover.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dmabuffs.h>

#include "campaign.h"
#include "order.h"
#include "raw.h"
#include "remains.h"
#include "worker.h"

#define POINTS_WAIT_MS 3000
/* Points of the holder, whose death is another case. */
#define POINTS_HOLDER "holder-"
/* Those that only some mounts or loads reach. */
#define POINTS_IDMAP "idmap-"
#define POINTS_ACCEL "accel-"
/* Those of a kernel that does not send requests again. */
#define POINTS_PENDING "pending-"

struct points {
	struct campaign campaign;
	struct order order;
	unsigned point;
	bool in_takeover; /* no request reaches it */
};

/* Of requests, or of what they cause. */
static bool die_by_load(struct points *points)
{
	struct order *order = &points->order;

	order_arm(order, points->point, 1 + (unsigned)rand_r(&points->campaign.seed) % 3);
	load_run(&points->campaign.load, POINTS_WAIT_MS, order_is_done, order);
	if (!order_is_done(order))
		order_disarm(order);
	return order_is_done(order);
}

/* The successor dies there, and another one takes over. */
static bool die_by_takeover(struct points *points)
{
	struct order *order = &points->order;

	order_arm(order, points->point, 1);
	campaign_replace(&points->campaign);
	load_run(&points->campaign.load, POINTS_WAIT_MS, order_is_done, order);
	if (!order_is_done(order))
		order_disarm(order);
	return order_is_done(order);
}

static bool die_once(struct points *points)
{
	bool done = !points->in_takeover && die_by_load(points);

	if (!done)
		points->in_takeover = done = die_by_takeover(points);
	if (done) {
		tally_killed(points->campaign.load.tally);
		worker_expect_served(&points->campaign.instance,
				     points->order.control->pid);
	}
	return done;
}

/* How often it died there. */
static unsigned die_at(struct points *points, unsigned point, unsigned times)
{
	unsigned done = 0;

	points->point = point;
	points->in_takeover = false;
	while (done < times && die_once(points))
		done++;
	test_note("%s: %u deaths%s", points->order.names[point], done,
		  points->in_takeover ? ", in takeovers" : "");
	return done;
}

static bool is_of(const struct order *order, unsigned point, const char *prefix)
{
	return strncmp(order->names[point], prefix, strlen(prefix)) == 0;
}

/* The points with this prefix; NULL: those that any mount and load reaches. */
static bool is_wanted(const struct order *order, unsigned point, const char *prefix)
{
	if (prefix)
		return is_of(order, point, prefix);
	return !is_of(order, point, POINTS_HOLDER) &&
	       !is_of(order, point, POINTS_IDMAP) && !is_of(order, point, POINTS_ACCEL) &&
	       !is_of(order, point, POINTS_PENDING);
}

static void die_at_all(const char *options, const struct load_config *load,
		       const char *prefix)
{
	unsigned times = campaign_kills(1, 20), n_missed = 0;
	struct points points;

	order_create(&points.order);
	ASSERT(points.order.n_points > 0);
	campaign_begin(&points.campaign, options, load);
	for (unsigned i = 0; i < points.order.n_points; i++)
		if (is_wanted(&points.order, i, prefix))
			n_missed += die_at(&points, i, times) < times;
	campaign_end(&points.campaign);
	if (n_missed)
		test_fail(__FILE__, __LINE__, "%u crash points were not reached",
			  n_missed);
}

static void each_point(struct instance *instance)
{
	die_at_all(NULL, &CAMPAIGN_LOAD, NULL);
}

/* Those that only a mount without ids in its requests reaches. */
static void each_idmap_point(struct instance *instance)
{
	die_at_all("idmap", &CAMPAIGN_LOAD, POINTS_IDMAP);
}

static void each_accel_point(struct instance *instance)
{
	struct load_config load = CAMPAIGN_LOAD;

	load.flags &= ~(unsigned)LOAD_NO_ACCEL;
	load.flags |= LOAD_CONTEXTS_END;
	die_at_all(NULL, &load, POINTS_ACCEL);
}

/* Which ones killed, of which process, if that was too much. */
static void by_chance_print(const struct campaign *campaign, const struct order *order)
{
	const struct crash_control *control = order->control;

	for (unsigned i = 0; i < order->n_points; i++)
		if (control->points[i].killed)
			test_note("%s: %u deaths", order->names[i],
				  control->points[i].killed);
	test_note("the last one was of %d", control->pid);
	worker_print(&campaign->instance);
}

/* Any point, one in so many times: also several deaths in a row. */
static void die_by_chance(const char *options, const struct load_config *load)
{
	unsigned kills = campaign_kills(20, 200);
	uint64_t end = now_ms() + 1000 * campaign_scale(30, 300);
	struct campaign campaign;
	struct order order;
	pid_t last = -1;

	order_create(&order);
	campaign_begin(&campaign, options, load);
	order.control->one_in = 300;
	for (unsigned n = 0;
	     n < kills && now_ms() < end && !campaign.load.tally->failures;) {
		load_run(&campaign.load, 20, NULL, NULL);
		if (order.control->pid == last)
			continue;
		last = order.control->pid;
		tally_killed(campaign.load.tally);
		n++;
	}
	order.control->one_in = 0;
	ASSERT(last > 0);
	if (campaign.load.tally->failures)
		by_chance_print(&campaign, &order);
	campaign_end(&campaign);
}

/* ---- clients that are killed while nobody reads their request again ---------------- */

struct opening {
	const char *point; /* between its record and its reply */
	const char *name;  /* in the mount */
	int flags;         /* of open(2) */
};

static const struct opening openings[] = {
	{"root-opened", "", O_RDONLY | O_DIRECTORY},
	{"root-opened", ".control", O_RDWR},
	{"accel-opened", ".accel/soft0", O_RDWR},
	{"idmap-opened", ".idmap", O_RDWR | O_TMPFILE},
};

struct opener {
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];
	int flags;
};

static void be_opener(int peer, void *data)
{
	const struct opener *opener = data;

	(void)open(opener->path, opener->flags, 0600);
	pause();
}

/*
 * The kernel has put the request back into its queue, from where it goes with the client,
 * so nobody closes what it opened.
 */
static void die_between(const struct instance *instance, struct order *order,
			const char *point, struct opener *opener)
{
	struct child child;

	order_arm_both(order, order_find(order, point),
		       order_find(order, "takeover-resent"));
	child_start(&child, NULL, be_opener, opener);
	ASSERT(wait_until(order_is_done, order));
	child_kill(&child, SIGKILL);
	worker_expect_served(instance, order->control->pid);
}

static void killed_openers_of(const char *options, const struct opening *opening,
			      size_t n)
{
	struct instance instance;
	struct opener opener;
	struct order order;

	order_create(&order);
	instance_start(&instance, options);
	for (; n > 0; n--, opening++) {
		snprintf(opener.path, sizeof(opener.path), "%s/%s", instance.dir,
			 opening->name);
		opener.flags = opening->flags;
		die_between(&instance, &order, opening->point, &opener);
		remains_expect_nothing(&instance);
	}
	instance_stop(&instance);
}

static void killed_openers(struct instance *unused)
{
	killed_openers_of(NULL, openings, 3);
}

static void killed_idmap_openers(struct instance *unused)
{
	killed_openers_of("idmap", openings + 3, 1);
}

/* Without passthrough, as of a dma-buf, nothing but the close says that it is closed. */
static void killed_importers(struct instance *unused)
{
	struct instance instance;
	struct opener opener = {.flags = O_RDWR};
	struct shared shared;
	struct order order;

	order_create(&order);
	instance_start(&instance, "nopassthrough");
	share(&shared, &instance, PAGE, 0, 0);
	memcpy(opener.path, shared.path, sizeof(opener.path));
	die_between(&instance, &order, "open-stored", &opener);
	remains_expect(&instance, 1, 0);
	unshare_buffer(&shared);
	remains_expect_nothing(&instance);
	instance_stop(&instance);
}

static void by_chance(struct instance *instance)
{
	die_by_chance(NULL, &CAMPAIGN_LOAD);
}

/* ---- kernels that do not send requests again --------------------------------------- */

static void without_resend(void)
{
	ASSERT_OK(SYS(setenv(CRASH_CONTROL_SWITCH, "no-resend", 1)));
}

/* Reads and writes go on in other threads then. */
static struct load_config without_mappings(void)
{
	struct load_config load = CAMPAIGN_LOAD;

	load.flags |= LOAD_NO_MAP;
	return load;
}

static void each_pending_point(struct instance *instance)
{
	struct load_config load = without_mappings();

	without_resend();
	die_at_all("nopassthrough", &load, POINTS_PENDING);
}

static void pending_by_chance(struct instance *instance)
{
	struct load_config load = without_mappings();

	without_resend();
	die_by_chance("nopassthrough", &load);
}

/* All others, which are in requests that come again. */
static void pending_at_each_point(struct instance *instance)
{
	if (!campaign_scale(0, 1)) {
		test_note("skipped pending_at_each_point: it takes a minute, make "
			  "check-crash runs it");
		return;
	}
	without_resend();
	die_at_all(NULL, &CAMPAIGN_LOAD, NULL);
}

/* ---- a request that kills the service ---------------------------------------------- */

static void export_deadly(int peer, void *data)
{
	const struct instance *service = data;
	struct dmabuffs *library;
	dmabuffs_uuid uuid;
	int fd = new_memfd(PAGE);

	ASSERT_OK(dmabuffs_open(service->dir, &library));
	ASSERT_ERR(dmabuffs_export(library, fd, NULL, &uuid), EIO);
	ASSERT_OK(dmabuffs_export(library, fd, NULL, &uuid));
	dmabuffs_close(library);
	close(fd);
}

static void kill_by_request(void)
{
	struct instance service;
	struct order order;
	struct child child;
	unsigned point;

	order_create(&order);
	point = order_find(&order, "export-stored");
	instance_start(&service, NULL);
	order.control->repeat = 2;
	order_arm(&order, point, 1);
	child_start(&child, USER(1001), export_deadly, &service);
	child_wait(&child);
	ASSERT_EQ(order.control->points[point].killed, order.killed_before + 3);
	instance_stop(&service);
}

static void deadly_request(struct instance *instance)
{
	kill_by_request();
	without_resend();
	kill_by_request();
}

/* ---- a successor that comes to nothing --------------------------------------------- */

/* It neither serves nor dies: the holder gives it up. */
static void stopped_successor(struct instance *unused)
{
	struct instance service;
	struct shared shared;
	struct order order;
	pid_t dead;

	ASSERT_OK(SYS(setenv(CRASH_CONTROL_SWITCH, "serves-soon", 1)));
	order_create(&order);
	instance_start(&service, NULL);
	share(&shared, &service, PAGE, 0, 0);
	for (unsigned i = 0; i < campaign_scale(1, 3); i++) {
		order.control->stops = 1;
		order_arm(&order, order_find(&order, "takeover-restored"), 1);
		dead = worker_expect();
		worker_kill(dead);
		ASSERT(wait_until(order_is_done, &order));
		worker_expect_served(&service, dead);
		close(ASSERT_OK(raw_open(&service, shared.uuid, O_RDWR)));
	}
	ASSERT(instance_logged(&service, "takes too long to take over"));
	unshare_buffer(&shared);
	instance_stop(&service);
}

const struct test_case test_cases[] = {
	{"each_point", each_point, NULL, 3000, CASE_NO_INSTANCE},
	{"each_idmap_point", each_idmap_point, NULL, 600, CASE_NO_INSTANCE},
	{"each_accel_point", each_accel_point, NULL, 600, CASE_NO_INSTANCE},
	{"by_chance", by_chance, NULL, 600, CASE_NO_INSTANCE},
	{"killed_openers", killed_openers, NULL, 300, CASE_NO_INSTANCE},
	{"killed_idmap_openers", killed_idmap_openers, NULL, 300, CASE_NO_INSTANCE},
	{"killed_importers", killed_importers, NULL, 300, CASE_NO_INSTANCE},
	{"each_pending_point", each_pending_point, NULL, 600, CASE_NO_INSTANCE},
	{"pending_by_chance", pending_by_chance, NULL, 600, CASE_NO_INSTANCE},
	{"pending_at_each_point", pending_at_each_point, NULL, 3000, CASE_NO_INSTANCE},
	{"deadly_request", deadly_request, NULL, 60, CASE_NO_INSTANCE},
	{"stopped_successor", stopped_successor, NULL, 60, CASE_NO_INSTANCE},
	{0},
};
