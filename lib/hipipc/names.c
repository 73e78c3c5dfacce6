/* SPDX-License-Identifier: MIT */
/*
 * names.c - the registry of exports
 *
 * An entry is made before the name is, so that of several threads that want the same
 * handle one makes it and the others wait; and so that what is freed meanwhile is
 * noticed. The lock is not held during round trips to the service.
 */
#include "names.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <htab.h>
#include <util.h>

#include "options.h"
#include "reason.h"
#include "session.h"

/* Names that a sweep looks at; so that its time does not depend on how many there are. */
#define SWEEP_MAX 64

enum name_state { NAME_MAKING, NAME_READY };

/**
 * struct name - an exported allocation or event
 * @by_id: in the table of ids
 * @by_uuid: in the table of UUIDs, once READY
 * @next, @prev: in the ring of all, for the sweep
 * @session: which the name was made with, owned once READY
 * @id: of the provider
 * @address: of the allocation's begin, for the sweep; of an event 0
 * @state: NAME_*
 * @ended: what it names was freed while the name was being made
 * @handle: of offset 0, once READY
 */
struct name {
	struct htab_node by_id;
	struct htab_node by_uuid;
	struct name *next, *prev;
	struct session *session;
	uint64_t id;
	uint64_t address;
	enum name_state state;
	bool ended;
	struct hipipc_handle handle;
};

/* What is to be named. */
struct subject {
	const struct hipipc_provider *provider;
	const struct hipipc_allocation *allocation; /* NULL: an event */
	uint64_t id;
};

/* Protects the tables and all names. */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t names_made = PTHREAD_COND_INITIALIZER;
static struct htab names_ids;
static struct htab names_uuids;
static struct name *names_sweep_at; /* any name of the ring; NULL: it is empty */

/* ---- tables, under the lock -------------------------------------------------------- */

/* Ids count up: this spreads them over the buckets. */
static uint64_t names_hash_id(uint64_t id)
{
	return id * UINT64_C(0x9e3779b97f4a7c15);
}

static struct name *names_find_id(uint64_t id)
{
	struct htab_node *node = htab_first(&names_ids, names_hash_id(id));

	while (node && container_of(node, struct name, by_id)->id != id)
		node = htab_next(node);
	return node ? container_of(node, struct name, by_id) : NULL;
}

static struct name *names_find_uuid(const dmabuffs_uuid *uuid)
{
	struct htab_node *node = htab_first(&names_uuids, handle_hash(uuid));

	while (node && memcmp(&container_of(node, struct name, by_uuid)->handle.uuid,
			      uuid, sizeof(*uuid)) != 0)
		node = htab_next(node);
	return node ? container_of(node, struct name, by_uuid) : NULL;
}

static void names_ring_add(struct name *name)
{
	name->next = names_sweep_at ? names_sweep_at : name;
	name->prev = names_sweep_at ? names_sweep_at->prev : name;
	name->next->prev = name->prev->next = name;
	names_sweep_at = name;
}

static void names_ring_remove(struct name *name)
{
	if (names_sweep_at == name)
		names_sweep_at = name->next == name ? NULL : name->next;
	name->next->prev = name->prev;
	name->prev->next = name->next;
}

static int names_add(const struct subject *subject, struct name **ret_name)
{
	_cleanup_free_ struct name *name = calloc(1, sizeof(*name));
	int r;

	if (!name)
		return -ENOMEM;
	name->id = subject->id;
	name->address = subject->allocation ? subject->allocation->base : 0;
	r = htab_insert(&names_ids, &name->by_id, names_hash_id(name->id));
	if (r < 0)
		return r;
	names_ring_add(name);
	*ret_name = TAKE_PTR(name);
	return 0;
}

static void names_discard(struct name *name)
{
	htab_remove(&names_ids, &name->by_id);
	names_ring_remove(name);
	free(name);
	pthread_cond_broadcast(&names_made);
}

/* ---- ends of names ----------------------------------------------------------------- */

/* What is left of a name that is in no table any more: it may still be in the mount. */
struct ending {
	struct session *session;
	dmabuffs_uuid uuid;
};

/* Under the lock: takes a READY name out of all tables. */
static struct ending names_take_out(struct name *name)
{
	struct ending ending = {
		.session = name->session,
		.uuid = name->handle.uuid,
	};

	htab_remove(&names_uuids, &name->by_uuid);
	names_discard(name);
	return ending;
}

/*
 * Without the lock. Withdrawing takes no permission, which the process may not have any
 * more, only the session that made the name.
 */
static void names_finish(struct ending *ending)
{
	int r = -ENOTCONN;

	if (session_is_current(ending->session))
		r = dmabuffs_withdraw(ending->session->instance, &ending->uuid);
	if (r == -ENOTCONN)
		session_forget(ending->session);
	else if (r < 0 && r != -ENOENT)
		reason_info("a name could not be ended: %s", strerror(-r));
	session_put(ending->session);
}

/* The provider's hook: frees and destroys come here from any thread. */
static void names_on_ended(uint64_t id)
{
	struct ending ending = {0};
	struct name *name;

	pthread_mutex_lock(&names_lock);
	name = names_find_id(id);
	if (name && name->state == NAME_READY)
		ending = names_take_out(name);
	else if (name)
		name->ended = true;
	pthread_mutex_unlock(&names_lock);
	if (ending.session)
		names_finish(&ending);
}

/* Under the lock: the ids and addresses of the next ones. */
static size_t names_take_sample(uint64_t found_ids[SWEEP_MAX],
				uint64_t addresses[SWEEP_MAX])
{
	const struct name *begin = names_sweep_at;
	size_t n = 0;

	while (names_sweep_at && n < SWEEP_MAX) {
		if (names_sweep_at->state == NAME_READY && names_sweep_at->address) {
			found_ids[n] = names_sweep_at->id;
			addresses[n++] = names_sweep_at->address;
		}
		names_sweep_at = names_sweep_at->next;
		if (names_sweep_at == begin)
			break;
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
	n = names_take_sample(found_ids, addresses);
	pthread_mutex_unlock(&names_lock);
	for (size_t i = 0; i < n; i++) {
		int r = provider->find(addresses[i], &now);

		if (r == -EINVAL || (r == 0 && now.id != found_ids[i]))
			names_on_ended(found_ids[i]);
	}
}

/* ---- making them ------------------------------------------------------------------- */

static int names_get_backing(const struct subject *subject,
			     struct hipipc_backing *ret_backing)
{
	const struct hipipc_provider *provider = subject->provider;
	int r;

	if (subject->allocation) {
		r = provider->export_memory(subject->allocation, ret_backing);
	} else {
		ret_backing->kind = HIPIPC_KIND_EVENT;
		r = provider->export_event(subject->id, &ret_backing->fd);
	}
	if (r == -ENOENT)
		return reason(-EINVAL, "it was freed meanwhile");
	if (r == -EOPNOTSUPP)
		return reason(r, "it was opened from a handle: pass that one on");
	return r;
}

/*
 * Looks the name up once, so that the kernel knows it when importers come: for them it is
 * one round trip less. Entries are the mount's, in all namespaces it is seen in.
 */
static void names_prime(struct session *session, const dmabuffs_uuid *uuid)
{
	char name[DMABUFFS_UUID_TEXT_SIZE];
	struct stat unused;

	dmabuffs_uuid_format(uuid, name);
	(void)fstatat(dmabuffs_root_fd(session->instance), name, &unused,
		      AT_SYMLINK_NOFOLLOW);
}

/* What names_export_backing() is given, and its answer. */
struct exporting {
	const struct hipipc_backing *backing;
	dmabuffs_uuid uuid;
};

/* Two allocations in one buffer are two names, of which each ends by itself. */
static int names_export_backing(struct session *session, void *data)
{
	struct exporting *exporting = data;
	const struct dmabuffs_export_options how = {
		.size = sizeof(how),
		.flags = DMABUFFS_EXPORT_MODE | DMABUFFS_EXPORT_ANOTHER,
		.mode = options_get()->mode,
		.label = exporting->backing->kind == HIPIPC_KIND_EVENT ? "hipipc event"
								       : "hipipc memory",
	};
	int r = dmabuffs_export(session->instance, exporting->backing->fd, &how,
				&exporting->uuid);

	if (r == 0)
		names_prime(session, &exporting->uuid);
	return r;
}

static int names_explain(int r, const struct hipipc_backing *backing)
{
	switch (r) {
	case -EBADFD:
		return reason(-EOPNOTSUPP, "the service takes no such descriptor%s",
			      backing->kind == HIPIPC_KIND_CUDA_VMM
				      ? ": mount the instance with "
					"drivers=nvidia-frontend:nvidia"
				      : "");
	case -EACCES:
	case -EPERM:
		return reason(-EACCES, "this user may not export in the instance: %s",
			      strerror(-r));
	case -ENOMEM:
	case -ENOSPC:
	case -EDQUOT:
	case -EMFILE:
	case -ENFILE:
	case -ENOTCONN:
		return reason(r, "the service did not export it: %s", strerror(-r));
	default:
		return reason(-EIO, "the service did not export it: %s", strerror(-r));
	}
}

/* Without the lock: the name, of which the caller owns the session then. */
static int names_make(const struct subject *subject, struct hipipc_handle *ret_handle,
		      struct session **ret_session)
{
	struct hipipc_backing backing = {.fd = -1};
	struct exporting exporting = {.backing = &backing};
	int r = names_get_backing(subject, &backing);

	if (r < 0)
		return r;
	r = session_call(names_export_backing, &exporting, ret_session);
	close_keep_errno(backing.fd);
	if (r < 0)
		return names_explain(r, &backing);
	*ret_handle = (struct hipipc_handle){
		.kind = (uint16_t)backing.kind,
		.uuid = exporting.uuid,
		.base = backing.offset,
		.bytes = subject->allocation ? subject->allocation->bytes : 1,
	};
	return 0;
}

/* Under the lock, which is let go meanwhile; @name is MAKING and the caller's. */
static int names_make_name(struct name *name, const struct subject *subject)
{
	struct hipipc_handle handle;
	struct ending ending = {0};
	struct session *session;
	int r;

	pthread_mutex_unlock(&names_lock);
	names_sweep(subject->provider);
	reason_begin();
	r = names_make(subject, &handle, &session);
	pthread_mutex_lock(&names_lock);
	if (r < 0) {
		names_discard(name);
		return r;
	}
	name->handle = handle;
	name->session = session;
	name->state = NAME_READY;
	r = htab_insert(&names_uuids, &name->by_uuid, handle_hash(&handle.uuid));
	if (r == 0 && !name->ended) {
		pthread_cond_broadcast(&names_made);
		return 0;
	}
	if (r == 0) {
		ending = names_take_out(name);
		r = reason(-EINVAL, "it was freed while its name was made");
	} else {
		names_discard(name);
		ending = (struct ending){session, handle.uuid};
	}
	pthread_mutex_unlock(&names_lock);
	names_finish(&ending);
	pthread_mutex_lock(&names_lock);
	return r;
}

/* Names made with a service that has ended are no more, and are made again. */
static bool names_is_lost(const struct name *name)
{
	return name->state == NAME_READY && !session_is_current(name->session);
}

/* Under the lock: the READY name of the subject, found or made. */
static int names_get_name(const struct subject *subject, struct name **ret_name)
{
	struct name *name;
	int r;

	while ((name = names_find_id(subject->id)) != NULL) {
		if (names_is_lost(name)) {
			struct ending ending = names_take_out(name);

			session_put(ending.session);
		} else if (name->state == NAME_READY) {
			*ret_name = name;
			return 0;
		} else {
			pthread_cond_wait(&names_made, &names_lock);
		}
	}
	r = names_add(subject, &name);
	if (r == 0)
		r = names_make_name(name, subject);
	if (r == 0)
		*ret_name = name;
	return r;
}

static int names_get_handle(const struct subject *subject,
			    struct hipipc_handle *ret_handle)
{
	struct name *name;
	int r;

	pthread_mutex_lock(&names_lock);
	r = names_get_name(subject, &name);
	if (r == 0)
		*ret_handle = name->handle;
	pthread_mutex_unlock(&names_lock);
	return r;
}

/* The hook is the provider's from the first name on. */
static void names_watch(const struct hipipc_provider *provider)
{
	static atomic_bool watched;

	if (!atomic_load_explicit(&watched, memory_order_relaxed) && provider->watch) {
		provider->watch(names_on_ended);
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
	has = names_find_uuid(uuid) != NULL;
	pthread_mutex_unlock(&names_lock);
	return has;
}
