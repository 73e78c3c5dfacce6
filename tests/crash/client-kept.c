/* SPDX-License-Identifier: MIT */
/* client-kept.c - the names of a client that stay for the whole run */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "acl.h"
#include "client.h"

/* The first one has an ACL; the others are for everybody to read. */
static const uint16_t client_modes[] = {0644, 0664, 0646, 0666, 0604};

const uint8_t *client_uuid(const struct client *client, int number, unsigned nth)
{
	const struct load *load = client->load;

	return load->board->uuids[(unsigned)number * load->config.n_kept + nth];
}

static dmabuffs_uuid client_name(const struct client *client, int number, unsigned nth)
{
	dmabuffs_uuid uuid;

	memcpy(uuid.bytes, client_uuid(client, number, nth), sizeof(uuid.bytes));
	return uuid;
}

/* ---- begin and end ----------------------------------------------------------------- */

static void client_keep(struct client *client, unsigned nth)
{
	const struct dmabuffs_export_options options = {
		.size = sizeof(options), .flags = DMABUFFS_EXPORT_MODE, .mode = 0644};
	dmabuffs_uuid uuid;
	uint64_t *words;
	int fd = client_buffer(client, client_kept_key(client->number, nth), &words);

	ASSERT_OK(dmabuffs_export(client->library, fd, &options, &uuid));
	memcpy((uint8_t *)client_uuid(client, client->number, nth), uuid.bytes,
	       sizeof(uuid.bytes));
	client->kept[nth].mode = 0644;
	client->load->board->n_kept[client->number] = nth + 1;
	client_unmap(client, words);
	close(fd);
}

static void client_hold(struct client *client, unsigned nth)
{
	const dmabuffs_uuid uuid = client_name(client, client->number, nth);
	struct client_held *held = &client->held[nth];

	ASSERT_OK(dmabuffs_import(client->library, &uuid, O_RDWR, &held->fd));
	if (client_maps(client))
		ASSERT_OK(raw_map(held->fd, client->load->config.bytes,
				  PROT_READ | PROT_WRITE, (void **)&held->words));
}

void client_kept_begin(struct client *client)
{
	unsigned n = client->load->config.n_kept;

	client->kept = calloc(n, sizeof(*client->kept));
	ASSERT(client->kept && n >= CLIENT_HELD);
	for (unsigned i = 0; i < n; i++)
		client_keep(client, i);
	for (unsigned i = 0; i < CLIENT_HELD; i++)
		client_hold(client, i);
}

void client_kept_end(struct client *client)
{
	for (unsigned i = 0; i < CLIENT_HELD; i++) {
		if (client->held[i].words)
			client_unmap(client, client->held[i].words);
		close(client->held[i].fd);
	}
	free(client->kept);
}

/* ---- attributes -------------------------------------------------------------------- */

/* Rootless, no user is known but this one. */
static struct acl client_acl(const struct client *client, const struct client_kept *kept)
{
	const bool alone = client->load->config.flags & LOAD_ONE_USER;

	return acl_for_user(alone ? geteuid() : LOAD_UID(kept->named - 1), 4, 7);
}

static void client_change_acl(struct client *client)
{
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];
	struct client_kept new = {0670, (uint16_t)(1 + client_draw(client, 8))};
	const struct acl acl = client_acl(client, &new);

	raw_path(client->load->instance, client_uuid(client, client->number, 0), path);
	if (CLIENT_DO(client, TALLY_ACL,
		      SYS(setxattr(path, ACL_XATTR, &acl, sizeof(acl), 0))) == 0)
		client->kept[0] = new;
}

static void client_change_mode(struct client *client, unsigned nth)
{
	uint16_t mode = client_modes[client_draw(client, ARRAY_SIZE(client_modes))];
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];

	raw_path(client->load->instance, client_uuid(client, client->number, nth), path);
	if (CLIENT_DO(client, TALLY_CHMOD, SYS(chmod(path, mode))) == 0)
		client->kept[nth].mode = mode;
}

static void client_check_attributes(struct client *client, unsigned nth)
{
	const struct client_kept *kept = &client->kept[nth];
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];
	struct acl got, expected;
	struct stat st;

	raw_path(client->load->instance, client_uuid(client, client->number, nth), path);
	if (CLIENT_DO(client, TALLY_STAT, SYS(stat(path, &st))) < 0)
		return;
	if ((st.st_mode & 07777) != kept->mode ||
	    st.st_size != (off_t)client->load->config.bytes || st.st_uid != geteuid())
		client_fail(client, TALLY_KEPT_MODE, -EILSEQ);
	if (!kept->named)
		return;
	expected = client_acl(client, kept);
	if (CLIENT_DO(client, TALLY_ACL,
		      SYS(getxattr(path, ACL_XATTR, &got, sizeof(got)))) >= 0 &&
	    memcmp(&got, &expected, sizeof(got)) != 0)
		client_fail(client, TALLY_KEPT_MODE, -EBADMSG);
}

/* ---- use --------------------------------------------------------------------------- */

static void client_open_kept(struct client *client, int number, unsigned nth, int access,
			     enum tally_op open_op, enum tally_op content_op)
{
	const dmabuffs_uuid uuid = client_name(client, number, nth);
	int fd;

	client->tally->clients[client->number].subject = (unsigned)number * 10000 + nth;
	if (CLIENT_DO(client, open_op,
		      dmabuffs_import(client->library, &uuid, access, &fd)) < 0)
		return;
	client_check_opened(client, content_op, fd, client_kept_key(number, nth));
	close(fd);
}

void client_kept_visit(struct client *client)
{
	unsigned n = client->load->config.n_kept, nth = 1 + client_draw(client, n - 1);
	int other = (int)client_draw(client, client->load->config.n_clients);

	if (client->load->board->n_kept[other] == n)
		client_open_kept(client, other, nth, O_RDONLY, TALLY_OPEN_OTHER,
				 TALLY_CONTENT_OTHER);
	nth = 1 + client_draw(client, n - 1);
	if (client_draw(client, 4) == 0)
		client_change_acl(client);
	else
		client_change_mode(client, nth);
	client_check_attributes(client, client_draw(client, 4) == 0 ? 0 : nth);
}

void client_kept_check_held(struct client *client)
{
	for (unsigned i = 0; i < CLIENT_HELD; i++) {
		const struct client_held *held = &client->held[i];
		uint64_t key = client_kept_key(client->number, i);

		if (held->words)
			client_check(client, TALLY_HELD, held->words, key);
		else
			client_check_opened(client, TALLY_HELD, held->fd, key);
	}
}

static int client_count_name(const dmabuffs_uuid *uuid, void *data)
{
	++*(unsigned *)data;
	return 0;
}

/* Root sees the names of all, which change. */
static void client_check_list(struct client *client)
{
	unsigned n = 0;

	if (CLIENT_DO(client, TALLY_LIST,
		      dmabuffs_list(client->library, client_count_name, &n)) == 0 &&
	    !client_is_root(client) && n != client->load->config.n_kept)
		client_fail(client, TALLY_LIST, n);
}

void client_kept_verify(struct client *client)
{
	struct stat st;

	for (unsigned i = 0; i < client->load->config.n_kept; i++) {
		client_open_kept(client, client->number, i, O_RDWR, TALLY_KEPT_NAME,
				 TALLY_KEPT_CONTENT);
		client_check_attributes(client, i);
	}
	client_kept_check_held(client);
	for (unsigned i = 0; i < CLIENT_HELD; i++)
		CLIENT_DO(client, TALLY_HELD, SYS(fstat(client->held[i].fd, &st)));
	client_check_list(client);
}
