/* SPDX-License-Identifier: MIT */
/*
 * names.c - the registry of exports
 *
 * An entry is added before its name is made. Of several threads that get the same handle,
 * one makes the name and the others wait; and a free in the meantime is noticed. The lock
 * is not held during requests to the service.
 */
#include "names.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <htab.h>
#include <list.h>
#include <locked.h>
#include <util.h>

#include "export.h"
#include "reason.h"
#include "session.h"

/* Names checked per sweep, so that its duration does not depend on their number. */
#define SWEEP_MAX 64

enum name_state { NAME_MAKING, NAME_READY };

/**
 * struct name - an exported allocation or event
 * @by_id: in the table of ids
 * @by_uuid: in the table of UUIDs, once READY
 * @link: in names_all
 * @session: the name was made with it; a reference once READY
 * @id: of the provider
 * @address: where the allocation begins, for the sweep; 0 for an event
 * @state: NAME_*
 * @freed: the subject was freed while the name was being made
 * @handle: with offset 0, once READY
 */
struct name {
	struct htab_node by_id;
	struct htab_node by_uuid;
	struct list link;
	struct session *session;
	uint64_t id;
	uint64_t address;
	enum name_state state;
	bool freed;
	struct hipipc_handle handle;
};

/* Protects what follows and all names. */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t names_made = PTHREAD_COND_INITIALIZER;
static struct htab names_ids;
static struct htab names_uuids;
static struct list names_all = LIST_INIT(names_all); /* the next ones to sweep first */

/* ---- tables ------------------------------------------------------------------------ */

/* Ids are consecutive: this spreads them over the buckets. */
static uint64_t names_hash_id(uint64_t id)
{
	return id * UINT64_C(0x9e3779b97f4a7c15);
}

static struct name *names_find_id_locked(uint64_t id)
{
	struct name *name;

	ASSERT_LOCKED(&names_lock);
	htab_for_each_hash(name, &names_ids, names_hash_id(id), by_id)
		if (name->id == id)
			break;
	return name;
}

static struct name *names_find_uuid_locked(const dmabuffs_uuid *uuid)
{
	struct name *name;

	ASSERT_LOCKED(&names_lock);
	htab_for_each_hash(name, &names_uuids, handle_hash(uuid), by_uuid)
		if (memcmp(&name->handle.uuid, uuid, sizeof(*uuid)) == 0)
			break;
	return name;
}

static int names_add_locked(const struct subject *subject, struct name **ret_name)
{
	_cleanup_free_ struct name *name = calloc(1, sizeof(*name));
	int r;

	ASSERT_LOCKED(&names_lock);
	if (!name)
		return -ENOMEM;
	name->id = subject->id;
	name->address = subject->allocation ? subject->allocation->base : 0;
	r = htab_insert(&names_ids, &name->by_id, names_hash_id(name->id));
	if (r < 0)
		return r;
	list_add_head(&names_all, &name->link);
	*ret_name = TAKE_PTR(name);
	return 0;
}

static void names_free_locked(struct name *name)
{
	ASSERT_LOCKED(&names_lock);
	htab_remove(&names_ids, &name->by_id);
	list_remove(&name->link);
	free(name);
	pthread_cond_broadcast(&names_made);
}

/* ---- removal of names -------------------------------------------------------------- */

/* A name that is no longer in the registry, but still in the mount. */
struct withdrawal {
	struct session *session;
	dmabuffs_uuid uuid;
};

/* Removes a READY name from the registry. */
static struct withdrawal names_unlink_locked(struct name *name)
{
	struct withdrawal withdrawal = {
		.session = name->session,
		.uuid = name->handle.uuid,
	};

	ASSERT_LOCKED(&names_lock);
	htab_remove(&names_uuids, &name->by_uuid);
	names_free_locked(name);
	return withdrawal;
}

/*
 * Without the lock. The service lets the session that made a name withdraw it, even if
 * the process has lost the permission to remove it.
 */
static void names_withdraw(struct withdrawal *withdrawal)
{
	int r = -ENOTCONN;

	if (session_is_current(withdrawal->session))
		r = dmabuffs_withdraw(withdrawal->session->instance, &withdrawal->uuid);
	if (r == -ENOTCONN)
		session_drop(withdrawal->session);
	else if (r < 0 && r != -ENOENT)
		reason_info("cannot withdraw a name: %s", strerror(-r));
	session_put(withdrawal->session);
}

/* The provider's hook, called from any thread that frees memory or destroys an event. */
static void names_on_freed(uint64_t id)
{
	struct withdrawal withdrawal = {0};
	struct name *name;

	pthread_mutex_lock(&names_lock);
	name = names_find_id_locked(id);
	if (name && name->state == NAME_READY)
		withdrawal = names_unlink_locked(name);
	else if (name)
		name->freed = true;
	pthread_mutex_unlock(&names_lock);
	if (withdrawal.session)
		names_withdraw(&withdrawal);
}

/* The ids and addresses of the next allocations, which move to the end of the list. */
static size_t names_take_sample_locked(uint64_t found_ids[SWEEP_MAX],
				       uint64_t addresses[SWEEP_MAX])
{
	size_t n = 0;

	ASSERT_LOCKED(&names_lock);
	for (size_t left = names_ids.n_nodes; left && n < SWEEP_MAX; left--) {
		struct list *link = list_pop(&names_all);
		const struct name *name = container_of(link, struct name, link);

		list_add_tail(&names_all, link);
		if (name->state != NAME_READY || !name->address)
			continue;
		found_ids[n] = name->id;
		addresses[n++] = name->address;
	}
	return n;
}

void names_sweep(const struct hipipc_provider *provider)
{
	uint64_t found_ids[SWEEP_MAX], addresses[SWEEP_MAX];
	struct hipipc_allocation now;
	size_t n;

	if (provider->watch)
		return;
	pthread_mutex_lock(&names_lock);
	n = names_take_sample_locked(found_ids, addresses);
	pthread_mutex_unlock(&names_lock);
	for (size_t i = 0; i < n; i++) {
		int r = provider->find(addresses[i], &now);

		if (r == -EINVAL || (r == 0 && now.id != found_ids[i]))
			names_on_freed(found_ids[i]);
	}
}

/* ---- get --------------------------------------------------------------------------- */

/* Makes the name of an entry that is MAKING and the caller's. Drops the lock meanwhile.
 */
static int names_make_locked(struct name *name, const struct subject *subject)
{
	struct withdrawal withdrawal = {0};
	struct hipipc_handle handle;
	struct session *session;
	int r;

	ASSERT_LOCKED(&names_lock);
	pthread_mutex_unlock(&names_lock);
	names_sweep(subject->provider);
	reason_begin();
	r = export_subject(subject, &handle, &session);
	pthread_mutex_lock(&names_lock);
	if (r < 0) {
		names_free_locked(name);
		return r;
	}
	name->handle = handle;
	name->session = session;
	name->state = NAME_READY;
	r = htab_insert(&names_uuids, &name->by_uuid, handle_hash(&handle.uuid));
	if (r == 0 && !name->freed) {
		pthread_cond_broadcast(&names_made);
		return 0;
	}
	if (r == 0) {
		withdrawal = names_unlink_locked(name);
		r = reason(-EINVAL, "it was freed while its name was made");
	} else {
		names_free_locked(name);
		withdrawal = (struct withdrawal){session, handle.uuid};
	}
	pthread_mutex_unlock(&names_lock);
	names_withdraw(&withdrawal);
	pthread_mutex_lock(&names_lock);
	return r;
}

/* Names end with the service that they were made with, and have to be made again. */
static bool names_is_stale_locked(const struct name *name)
{
	ASSERT_LOCKED(&names_lock);
	return name->state == NAME_READY && !session_is_current(name->session);
}

/* The READY name of the subject, found or made. Drops the lock while it waits. */
static int names_get_locked(const struct subject *subject, struct name **ret_name)
{
	struct name *name;
	int r;

	ASSERT_LOCKED(&names_lock);
	while ((name = names_find_id_locked(subject->id)) != NULL) {
		if (names_is_stale_locked(name)) {
			struct withdrawal withdrawal = names_unlink_locked(name);

			session_put(withdrawal.session);
		} else if (name->state == NAME_READY) {
			*ret_name = name;
			return 0;
		} else {
			pthread_cond_wait(&names_made, &names_lock);
		}
	}
	r = names_add_locked(subject, &name);
	if (r == 0)
		r = names_make_locked(name, subject);
	if (r == 0)
		*ret_name = name;
	return r;
}

/* The name with this UUID has ended: the next get makes another one. */
static void names_forget(const dmabuffs_uuid *uuid)
{
	struct withdrawal withdrawal = {0};
	struct name *name;

	pthread_mutex_lock(&names_lock);
	name = names_find_uuid_locked(uuid);
	if (name)
		withdrawal = names_unlink_locked(name);
	pthread_mutex_unlock(&names_lock);
	session_put(withdrawal.session);
}

/*
 * Nothing reports that a service has exited, and its names with it, that somebody has
 * removed a name, or that it could not be kept when another service took over.
 */
static void names_verify(uint64_t id)
{
	_cleanup_session_ struct session *session = NULL;
	const struct name *name;
	dmabuffs_uuid uuid;

	pthread_mutex_lock(&names_lock);
	name = names_find_id_locked(id);
	if (name && name->state == NAME_READY) {
		session = session_ref(name->session);
		uuid = name->handle.uuid;
	}
	pthread_mutex_unlock(&names_lock);
	if (!session)
		return;
	session_verify(session);
	if (session_is_current(session) && !export_has_name(session, &uuid))
		names_forget(&uuid);
}

static int names_get_handle(const struct subject *subject,
			    struct hipipc_handle *ret_handle)
{
	struct name *name;
	int r;

	names_verify(subject->id);
	pthread_mutex_lock(&names_lock);
	r = names_get_locked(subject, &name);
	if (r == 0)
		*ret_handle = name->handle;
	pthread_mutex_unlock(&names_lock);
	return r;
}

/* Sets the provider's hook before the first name is made. */
static void names_watch(const struct hipipc_provider *provider)
{
	static atomic_bool watched;

	if (!atomic_load_explicit(&watched, memory_order_relaxed) && provider->watch) {
		provider->watch(names_on_freed);
		atomic_store_explicit(&watched, true, memory_order_relaxed);
	}
}

int names_of_memory(const struct hipipc_provider *provider,
		    const struct hipipc_allocation *allocation,
		    struct hipipc_handle *ret_handle)
{
	const struct subject subject = {provider, allocation, allocation->id};

	names_watch(provider);
	return names_get_handle(&subject, ret_handle);
}

int names_of_event(const struct hipipc_provider *provider, uint64_t id,
		   struct hipipc_handle *ret_handle)
{
	const struct subject subject = {provider, NULL, id};

	names_watch(provider);
	return names_get_handle(&subject, ret_handle);
}

bool names_has(const dmabuffs_uuid *uuid)
{
	bool has;

	pthread_mutex_lock(&names_lock);
	has = names_find_uuid_locked(uuid) != NULL;
	pthread_mutex_unlock(&names_lock);
	return has;
}
