/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <locked.h>
#include <util.h>

#include "../support/fd-message.h"
#include "broker.h"
#include "fake-broker.h"

void fake_send(int connection, const void *data, size_t bytes, int fd, unsigned int count)
{
	int n = send_fd_copies(connection, data, bytes, fd, count);

	cr_assert(n == (int)bytes || n == -EPIPE);
}

bool fake_answer_echo(int connection, unsigned int number, int fd)
{
	struct dmabuffs_broker_reply reply = {
		.size = sizeof(reply),
		.kind = DMABUFFS_KIND_MEMFD,
		.access = O_RDWR,
	};

	fake_send(connection, &reply, sizeof(reply), fd, 1);
	return true;
}

struct served {
	struct fake_broker *broker;
	int connection;
	unsigned int number;
};

/* Receives a request; all but FETCH and READY carry a descriptor. False: end of file. */
static bool receive(struct fake_broker *broker, int connection, int *ret_fd)
{
	struct dmabuffs_broker_request request;
	size_t n_fds;

	if (receive_fds(connection, &request, sizeof(request), ret_fd, 1, &n_fds) !=
	    sizeof(request))
		return false;
	cr_assert(request.size == sizeof(request) && !request.flags && !request.reserved);
	broker->op = request.op;
	broker->ticket = request.ticket[0];
	if (request.op == DMABUFFS_BROKER_FETCH || request.op == DMABUFFS_BROKER_READY) {
		cr_assert(n_fds == 0);
		*ret_fd = -1;
		return true;
	}
	cr_assert(!request.ticket[0]);
	cr_assert(n_fds == 1);
	return true;
}

/* The place of @fd + 1, or of 0: a free one. */
static int *find_open_locked(struct fake_broker *broker, int word)
{
	int i = 0;

	ASSERT_LOCKED(&broker->lock);
	while (broker->open[i] != word)
		cr_assert(++i < FAKE_CONNECTIONS);
	return &broker->open[i];
}

static void close_connection(struct fake_broker *broker, int connection)
{
	SCOPED_LOCK(&broker->lock);

	*find_open_locked(broker, connection + 1) = 0;
	close(connection);
}

/* One that sends nothing is not counted. */
static bool must_leave_unread(struct fake_broker *broker, int connection)
{
	unsigned int left = broker->unread;
	struct pollfd request = {.fd = connection, .events = POLLIN};

	if (!left)
		return false;
	poll(&request, 1, -1);
	return !(request.revents & POLLHUP) &&
	       atomic_compare_exchange_strong(&broker->unread, &left, left - 1);
}

static void *serve(void *data)
{
	struct served *served = data;
	bool more = !must_leave_unread(served->broker, served->connection);
	int fd = -1;

	while (more && receive(served->broker, served->connection, &fd)) {
		fake_answer answer = served->broker->answer;

		served->broker->requests++;
		more = answer(served->connection, served->number, fd);
		close(fd);
	}
	close_connection(served->broker, served->connection);
	free(served);
	return NULL;
}

/* Until then connections stay in the backlog. */
static int accept_alive(struct fake_broker *broker)
{
	struct pollfd listener = {.events = POLLIN};
	int connection;

	pthread_mutex_lock(&broker->lock);
	listener.fd = broker->listener;
	pthread_mutex_unlock(&broker->lock);
	poll(&listener, 1, -1);
	pthread_mutex_lock(&broker->lock);
	while (broker->dead)
		pthread_cond_wait(&broker->restarted, &broker->lock);
	connection = accept4(broker->listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection >= 0)
		*find_open_locked(broker, 0) = connection + 1;
	pthread_mutex_unlock(&broker->lock);
	return connection;
}

static void *listen_for_clients(void *data)
{
	struct fake_broker *broker = data;
	int connection;

	while ((connection = accept_alive(broker)) >= 0) {
		struct served *served = malloc(sizeof(*served));
		pthread_t thread;

		*served = (struct served){broker, connection, ++broker->connections};
		cr_assert(pthread_create(&thread, NULL, serve, served) == 0);
		pthread_detach(thread);
	}
	return NULL;
}

void fake_broker_kill(struct fake_broker *broker)
{
	SCOPED_LOCK(&broker->lock);

	broker->dead = true;
	for (int i = 0; i < FAKE_CONNECTIONS; i++)
		if (broker->open[i])
			shutdown(broker->open[i] - 1, SHUT_RDWR);
}

void fake_broker_restart(struct fake_broker *broker)
{
	SCOPED_LOCK(&broker->lock);

	broker->dead = false;
	pthread_cond_signal(&broker->restarted);
}

void fake_broker_bury(struct fake_broker *broker)
{
	SCOPED_LOCK(&broker->lock);

	cr_assert(broker->dead);
	/* The thread may still poll it. */
	shutdown(broker->listener, SHUT_RDWR);
	close(TAKE_FD(broker->listener));
}

static int bind_at(int directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path),
		 "/proc/self/fd/%d/" DMABUFFS_BROKER_NAME, directory);
	cr_assert(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	cr_assert(listen(listener, 100) == 0);
	return listener;
}

void fake_broker_start(struct fake_broker *broker, fake_answer answer, bool deep)
{
	pthread_t thread;

	*broker = (struct fake_broker){
		.answer = answer,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.restarted = PTHREAD_COND_INITIALIZER,
	};
	strcpy(broker->path, "/tmp/dmabuffs-test-XXXXXX");
	cr_assert(mkdtemp(broker->path) != NULL);
	if (deep) {
		strcat(broker->path, "/");
		memset(broker->path + strlen(broker->path), 'd', 200);
		cr_assert(mkdir(broker->path, 0700) == 0);
	}
	broker->instance.root_fd = open(broker->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	broker->listener = bind_at(broker->instance.root_fd);
	cr_assert(broker_slot_init(&broker->instance) == 0);
	cr_assert(pthread_create(&thread, NULL, listen_for_clients, broker) == 0);
	pthread_detach(thread);
}

void fake_broker_stop(struct fake_broker *broker)
{
	char *slash;

	broker_slot_finish(&broker->instance);
	unlinkat(broker->instance.root_fd, DMABUFFS_BROKER_NAME, 0);
	close(broker->instance.root_fd);
	shutdown(broker->listener, SHUT_RDWR);
	fake_broker_restart(broker);
	rmdir(broker->path);
	slash = strrchr(broker->path, '/');
	if (slash != broker->path + strlen("/tmp")) {
		*slash = '\0';
		rmdir(broker->path);
	}
}
