/* SPDX-License-Identifier: MIT */
/* test-buffer-share.c - separate open file descriptions, revocation, leases */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "buffers/buffer.h"
#include "fd_identity.h"
#include "fixture.h"

#define SIZE 8192

static struct buffer buffer;
static int memfd; /* the exporter's descriptor */

static void init(void)
{
	cr_assert(zero(int, buffer_setup()));
	/* As in the daemon: SIGIO of a lease that an open breaks must not kill it. */
	signal(SIGIO, SIG_IGN);
	memfd = new_memfd(SIZE);
	cr_assert(zero(int, buffer_init(&buffer, fcntl(memfd, F_DUPFD_CLOEXEC, 0), false,
					NULL)));
}

static void finish(void)
{
	buffer_finish(&buffer);
	close(memfd);
}

TestSuite(share, .init = init, .fini = finish);

static uint32_t seals(void)
{
	return (uint32_t)fcntl(memfd, F_GET_SEALS);
}

/* Whether an address is mapped: EFAULT instead of a signal. */
static bool is_mapped(const void *address)
{
	int fds[2];
	bool mapped;

	cr_assert(zero(int, pipe(fds)));
	mapped = write(fds[1], address, 1) == 1;
	close(fds[0]);
	close(fds[1]);
	return mapped;
}

/* ---- open -------------------------------------------------------------------------- */

Test(share, importers_get_descriptions_of_their_own)
{
	static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};
	uint64_t dev, ino;

	cr_assert(eq(long, lseek(buffer.fd, 100, SEEK_SET), 100));
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		int fd = buffer_open(&buffer, accesses[i]);

		cr_assert(ge(int, fd, 0));
		cr_assert(zero(int, fd_identity(fd, &dev, &ino)));
		cr_assert(eq(u64, dev, buffer.dev));
		cr_assert(eq(u64, ino, buffer.ino));
		cr_assert(eq(int,
			     fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND),
			     accesses[i]));
		cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
		cr_assert(zero(long, lseek(fd, 0, SEEK_CUR)));
		cr_assert(eq(long, lseek(fd, 5, SEEK_SET), 5));
		cr_assert(eq(long, lseek(buffer.fd, 0, SEEK_CUR), 100));
		close(fd);
	}
}

Test(share, the_access_mode_is_the_kernels)
{
	int readonly = buffer_open(&buffer, O_RDONLY);
	int writeonly = buffer_open(&buffer, O_WRONLY);
	char byte = 'x';

	cr_assert(eq(long, write(writeonly, &byte, 1), 1));
	cr_assert(eq(long, read(readonly, &byte, 1), 1));
	cr_assert(eq(long, write(readonly, &byte, 1), -1));
	cr_assert(eq(long, read(writeonly, &byte, 1), -1));
	cr_assert(eq(ptr, mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, readonly, 0),
		     MAP_FAILED));
	close(readonly);
	close(writeonly);
}

/* ---- revocation -------------------------------------------------------------------- */

Test(share, revocation_zaps_mappings)
{
	int fd = buffer_open(&buffer, O_RDWR);
	char *mapped = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *exporters = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	uint64_t size;
	char byte;

	mapped[SIZE - 1] = exporters[0] = 1;
	cr_assert(is_mapped(mapped));
	cr_assert(is_mapped(exporters));
	cr_assert(zero(int, buffer_revoke(&buffer)));
	cr_assert(not(is_mapped(mapped)));
	cr_assert(not(is_mapped(mapped + SIZE - 1)));
	cr_assert(not(is_mapped(exporters)));
	cr_assert(zero(long, read(fd, &byte, 1)));
	cr_assert(zero(int, buffer_size(&buffer, &size)));
	cr_assert(zero(u64, size));
	cr_assert(zero(int, buffer_revoke(&buffer)), "a second call fails");
	munmap(mapped, SIZE);
	munmap(exporters, SIZE);
	close(fd);
}

/* ---- held -------------------------------------------------------------------------- */

Test(share, held_while_open)
{
	static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};

	cr_assert(zero(int, buffer_held(&buffer)), "the exporter's description counts");
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		int fd = buffer_open(&buffer, accesses[i]);

		cr_assert(eq(int, buffer_held(&buffer), 1));
		cr_assert(eq(int, buffer_held(&buffer), 1), "a second query differs");
		close(fd);
		cr_assert(zero(int, buffer_held(&buffer)));
	}
}

Test(share, held_while_mapped)
{
	static const struct {
		int access, protection;
	} ways[] = {{O_RDWR, PROT_READ | PROT_WRITE}, {O_RDONLY, PROT_READ}};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int fd = buffer_open(&buffer, ways[i].access);
		void *mapped = mmap(NULL, SIZE, ways[i].protection, MAP_SHARED, fd, 0);

		cr_assert(ne(ptr, mapped, MAP_FAILED));
		close(fd);
		cr_assert(eq(int, buffer_held(&buffer), 1));
		munmap(mapped, SIZE);
		cr_assert(zero(int, buffer_held(&buffer)));
	}
}

Test(share, not_held_without_a_writable_description)
{
	struct buffer readonly;

	cr_assert(zero(int, buffer_init(&readonly, reopen(memfd, O_RDONLY), true, NULL)));
	cr_assert(eq(int, buffer_held(&readonly), -EOPNOTSUPP));
	buffer_finish(&readonly);
}

/*
 * buffer_held() takes a lease for a moment; a concurrent open must not fail because of
 * it.
 */
static _Atomic bool asking;

static void *check_held(void *data)
{
	while (asking)
		buffer_held(&buffer);
	return NULL;
}

Test(share, asking_does_not_disturb_opening)
{
	pthread_t thread;

	asking = true;
	cr_assert(zero(int, pthread_create(&thread, NULL, check_held, NULL)));
	for (int i = 0; i < 5000; i++) {
		int fd = buffer_open(&buffer, O_RDWR);
		struct buffer again;

		cr_assert(ge(int, fd, 0), "open %d", i);
		cr_assert(zero(int, buffer_init(&again, fd, false, NULL)), "export %d",
			  i);
		buffer_finish(&again);
	}
	asking = false;
	pthread_join(thread, NULL);
}

/* ---- leases ------------------------------------------------------------------------ */

/* Starts a process that holds a lease until it is stopped. */
static pid_t lease_in_child(int fd, int access, int lease, int *ret_stop)
{
	int ready[2], stop[2];
	char byte = 0;
	pid_t pid;

	cr_assert(zero(int, pipe(ready)));
	cr_assert(zero(int, pipe(stop)));
	pid = fork();
	cr_assert(ge(int, pid, 0));
	if (pid == 0) {
		int own = reopen(fd, access);

		close(stop[1]);
		/* The inherited descriptions would count as other opens. */
		close(buffer.fd);
		if (own < 0 || fcntl(own, F_SETLEASE, lease) < 0)
			_exit(1);
		(void)!write(ready[1], &byte, 1);
		(void)!read(stop[0], &byte, 1);
		_exit(0);
	}
	close(ready[1]);
	close(stop[0]);
	cr_assert(eq(long, read(ready[0], &byte, 1), 1), "the kernel refuses the lease");
	close(ready[0]);
	*ret_stop = stop[1];
	return pid;
}

static void end_lease(pid_t pid, int stop)
{
	int status;

	close(stop);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
}

/* A blocking open would wait for up to /proc/sys/fs/lease-break-time. */
Test(share, a_lease_does_not_make_us_wait)
{
	int fd = new_memfd(SIZE), stop;
	pid_t pid = lease_in_child(fd, O_RDWR, F_WRLCK, &stop);
	struct buffer other = {.fd = 77};
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	cr_assert(eq(int, buffer_init(&other, fd, false, NULL), -EAGAIN));
	cr_assert(eq(int, buffer_init(&other, fd, false, NULL), -EAGAIN));
	clock_gettime(CLOCK_MONOTONIC, &after);
	cr_assert(lt(long, after.tv_sec - before.tv_sec, 30));
	cr_assert(eq(int, other.fd, 77));
	cr_assert(is_open(fd));
	end_lease(pid, stop);
	cr_assert(zero(int, buffer_init(&other, fd, false, NULL)));
	buffer_finish(&other);
}

/* An importer can take a lease against writers on a read-only export. */
Test(share, a_lease_does_not_make_importers_wait)
{
	struct buffer readonly;
	int fd, stop;
	pid_t pid;

	buffer_finish(&buffer);
	cr_assert(zero(int, buffer_init(&readonly, reopen(memfd, O_RDONLY), true, NULL)));
	pid = lease_in_child(memfd, O_RDONLY, F_RDLCK, &stop);
	fd = buffer_open(&readonly, O_RDONLY);
	cr_assert(ge(int, fd, 0), "a reader does not break it");
	close(fd);
	cr_assert(eq(int, buffer_open(&readonly, O_RDWR), -EAGAIN));
	end_lease(pid, stop);
	buffer_finish(&readonly);
}

/* ---- dma-bufs, without a device ---------------------------------------------------- */

Test(share, the_only_description_of_a_dmabuf_is_not_widened)
{
	static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};

	for (size_t own = 0; own < 3; own++)
		for (size_t wanted = 0; wanted < 3; wanted++) {
			/*
			 * Only the kind matters here; a memfd stands in for the dma-buf.
			 */
			struct buffer dmabuf = {.fd = reopen(memfd, accesses[own]),
						.access = accesses[own],
						.kind = DMABUFFS_KIND_DMABUF};
			int fd = buffer_open(&dmabuf, accesses[wanted]);

			if (wanted == 2 || wanted == own) {
				cr_assert(ge(int, fd, 0));
				cr_assert(ne(int, fd, dmabuf.fd));
				cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
				cr_assert(eq(int, fcntl(fd, F_GETFL) & O_ACCMODE,
					     accesses[own]));
				close(fd);
			} else {
				cr_assert(eq(int, fd, -EACCES));
			}
			buffer_finish(&dmabuf);
		}
}

Test(share, a_dmabuf_is_pinned)
{
	struct buffer dmabuf = buffer;

	dmabuf.kind = DMABUFFS_KIND_DMABUF;
	cr_assert(not(buffer_is_revocable(&dmabuf)));
	cr_assert(eq(int, buffer_revoke(&dmabuf), -EBUSY));
	cr_assert(eq(int, buffer_held(&dmabuf), -EOPNOTSUPP));
	cr_assert(zero(int, buffer_freeze(&dmabuf, false)));
	cr_assert(not(buffer_needs_freeze(&dmabuf, false)));
	cr_assert(zero(u32, seals()), "nothing was frozen");
	cr_assert(not(buffer_can_grow(&dmabuf)));
	cr_assert(buffer_size_is_fixed(&dmabuf));
	cr_assert(zero(u32, buffer_seals(&dmabuf)));
}
