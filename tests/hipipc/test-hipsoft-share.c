/* SPDX-License-Identifier: MIT */
/* test-hipsoft-share.c - export and import by libhipsoft's provider */
#include "hipsoft-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct hipipc_provider *const provider = &hipsoft_provider;

static void two_devices(void)
{
	soft_configure("2", "16");
}

TestSuite(hipsoft_share, .init = two_devices);

static struct hipipc_backing export(const void *pointer)
{
	struct hipipc_allocation allocation = soft_find(pointer);
	struct hipipc_backing backing = {-1, 0, 77};

	cr_assert(zero(int, provider->export_memory(&allocation, &backing)));
	cr_assert(ge(int, backing.fd, 0));
	return backing;
}

static int import(int fd, uint32_t kind, uint64_t offset, uint64_t bytes, void **ret)
{
	const struct hipipc_backing backing = {fd, kind, offset};
	uint64_t pointer = 77;
	int r = provider->import_memory(&backing, bytes, &pointer);

	if (r == 0)
		*ret = (void *)(uintptr_t)pointer;
	else
		cr_assert(eq(u64, pointer, 77));
	return r;
}

static void *import_ok(int fd, uint64_t offset, uint64_t bytes)
{
	void *pointer = NULL;

	cr_assert(zero(int, import(fd, HIPIPC_KIND_MEMFD, offset, bytes, &pointer)));
	return pointer;
}

/* The import is rejected with -EBADMSG, and nothing is leaked. */
static void refused(int fd, uint64_t offset, uint64_t bytes)
{
	unsigned before = count_fds();
	void *pointer;

	cr_assert(eq(int, import(fd, HIPIPC_KIND_MEMFD, offset, bytes, &pointer),
		     -EBADMSG));
	cr_assert(wait_until(has_fds, &before));
}

static int release(void *pointer)
{
	return provider->release_memory((uintptr_t)pointer);
}

static void check_bytes(const void *pointer, const char *expected, size_t n)
{
	char copy[64];

	expect_ok(hipMemcpy(copy, pointer, n, hipMemcpyDeviceToHost));
	cr_assert(zero(int, memcmp(copy, expected, n)));
}

static void set_bytes(void *pointer, const char *bytes, size_t n)
{
	expect_ok(hipMemcpy(pointer, bytes, n, hipMemcpyHostToDevice));
}

/* ---- export ------------------------------------------------------------------------ */

Test(hipsoft_share, exports_memory_that_cannot_be_taken_back)
{
	char *pointer = soft_malloc(PAGE + 1);
	struct hipipc_backing backing = export(pointer);
	char buffer[4];

	cr_assert(eq(u32, backing.kind, HIPIPC_KIND_MEMFD));
	cr_assert(eq(u64, backing.offset, 0));
	cr_assert(eq(int, fcntl(backing.fd, F_GETFD), FD_CLOEXEC));
	cr_assert(eq(int, fcntl(backing.fd, F_GETFL) & O_ACCMODE, O_RDWR));
	cr_assert(eq(int, (int)lseek(backing.fd, 0, SEEK_END), 2 * PAGE));
	cr_assert(eq(int, ftruncate(backing.fd, 0), -1));
	cr_assert(eq(int, ftruncate(backing.fd, 9 * PAGE), -1));
	set_bytes(pointer + PAGE - 2, "abc", 3);
	cr_assert(eq(int, (int)pread(backing.fd, buffer, 3, PAGE - 2), 3));
	cr_assert(zero(int, memcmp(buffer, "abc", 3)));
	close(backing.fd);
	expect_ok(hipFree(pointer));
}

Test(hipsoft_share, exports_only_what_is_there)
{
	struct hipipc_allocation allocation, wrong;
	struct hipipc_backing backing = {77, 77, 77};
	void *pointer = soft_malloc(PAGE);

	allocation = wrong = soft_find(pointer);
	wrong.id++;
	cr_assert(eq(int, provider->export_memory(&wrong, &backing), -ENOENT));
	wrong = allocation;
	wrong.base += PAGE;
	cr_assert(eq(int, provider->export_memory(&wrong, &backing), -ENOENT));
	expect_ok(hipFree(pointer));
	cr_assert(eq(int, provider->export_memory(&allocation, &backing), -ENOENT));
	cr_assert(eq(int, backing.fd, 77));
	cr_assert(eq(u32, backing.kind, 77));
}

Test(hipsoft_share, does_not_export_what_it_imported)
{
	int fd = new_memfd(PAGE);
	struct hipipc_allocation allocation = soft_find(import_ok(fd, 0, PAGE));
	struct hipipc_backing backing = {77, 77, 77};

	cr_assert(eq(int, provider->export_memory(&allocation, &backing), -EOPNOTSUPP));
	cr_assert(eq(int, backing.fd, 77));
}

/* ---- freeing exported memory ------------------------------------------------------- */

static atomic_int ended;
static _Atomic uint64_t ended_id;
static char *ended_pointer;
static atomic_bool address_was_free, was_found;

/* Inside the hook a look-up fails, and the address is not reused. */
static void on_ended(uint64_t id)
{
	struct hipipc_allocation found;
	void *place = mmap(ended_pointer, PAGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	address_was_free = place != MAP_FAILED;
	was_found = provider->find((uintptr_t)ended_pointer, &found) == 0;
	ended_id = id;
	ended++;
	/* No lock is held: other calls succeed. */
	expect_ok(hipFree(soft_malloc(PAGE)));
}

Test(hipsoft_share, tells_the_end_of_what_was_exported)
{
	struct hipipc_backing backing;
	uint64_t id;

	provider->watch(on_ended);
	ended_pointer = soft_malloc(PAGE);
	id = soft_find(ended_pointer).id;
	backing = export(ended_pointer);
	set_bytes(ended_pointer, "kept", 4);
	expect(hipFree(ended_pointer + 1), hipErrorInvalidValue);
	cr_assert(zero(int, ended));
	expect_ok(hipFree(ended_pointer));
	cr_assert(eq(int, ended, 1));
	cr_assert(eq(u64, ended_id, id));
	cr_assert(not(address_was_free));
	cr_assert(not(was_found));
	/* Importers keep the memory. */
	check_bytes(import_ok(backing.fd, 0, PAGE), "kept", 4);
}

Test(hipsoft_share, tells_no_end_of_anything_else)
{
	int fd = new_memfd(PAGE);

	provider->watch(on_ended);
	ended_pointer = soft_malloc(PAGE);
	expect_ok(hipFree(ended_pointer));
	ended_pointer = import_ok(fd, 0, PAGE);
	cr_assert(zero(int, release(ended_pointer)));
	cr_assert(zero(int, ended));
}

struct contest {
	pthread_barrier_t barrier;
	struct hipipc_allocation allocation;
	int r, fd;
};

static void *export_in_race(void *arg)
{
	struct contest *contest = arg;
	struct hipipc_backing backing = {.fd = -1};

	pthread_barrier_wait(&contest->barrier);
	contest->r = provider->export_memory(&contest->allocation, &backing);
	contest->fd = backing.fd;
	return NULL;
}

static void count_end(uint64_t id)
{
	ended++;
}

/* The allocation is exported and its free reported, or it is not exported. */
Test(hipsoft_share, export_and_free_race)
{
	struct contest contest;

	provider->watch(count_end);
	pthread_barrier_init(&contest.barrier, NULL, 2);
	for (int i = 0; i < 500; i++) {
		void *pointer = soft_malloc(PAGE);
		pthread_t thread;

		ended = 0;
		contest.allocation = soft_find(pointer);
		pthread_create(&thread, NULL, export_in_race, &contest);
		pthread_barrier_wait(&contest.barrier);
		expect_ok(hipFree(pointer));
		pthread_join(thread, NULL);
		cr_assert(contest.r == 0 || contest.r == -ENOENT);
		cr_assert(le(int, ended, 1));
		if (contest.r == 0) {
			cr_assert(eq(int, ended, 1));
			close(contest.fd);
		}
	}
}

/* ---- import ------------------------------------------------------------------------ */

Test(hipsoft_share, imports_a_part)
{
	int fd = new_memfd(4 * PAGE);
	char buffer[4];
	char *pointer;

	cr_assert(eq(int, (int)pwrite(fd, "here", 4, 2 * PAGE), 4));
	expect_ok(hipSetDevice(1));
	pointer = import_ok(fd, 2 * PAGE, PAGE + 7);
	cr_assert(eq(u64, soft_find(pointer + PAGE + 6).base, (uintptr_t)pointer));
	cr_assert(eq(u64, soft_find(pointer).bytes, PAGE + 7));
	check_bytes(pointer, "here", 4);
	set_bytes(pointer + PAGE, "next", 4);
	cr_assert(eq(int, (int)pread(fd, buffer, 4, 3 * PAGE), 4));
	cr_assert(zero(int, memcmp(buffer, "next", 4)));
	/* hipFree() rejects it, and the descriptor is still the caller's. */
	expect(hipFree(pointer), hipErrorInvalidValue);
	cr_assert(zero(int, release(pointer)));
	cr_assert(eq(int, release(pointer), -EINVAL));
	cr_assert(eq(int, fcntl(fd, F_GETFD), FD_CLOEXEC));
}

Test(hipsoft_share, imports_what_was_exported)
{
	char *pointer = soft_malloc(3 * PAGE), *other;
	struct hipipc_backing backing = export(pointer);

	other = import_ok(backing.fd, backing.offset, 3 * PAGE);
	close(backing.fd);
	cr_assert(ne(ptr, other, pointer));
	set_bytes(pointer, "shared", 6);
	check_bytes(other, "shared", 6);
	expect_ok(hipFree(pointer));
	check_bytes(other, "shared", 6);
	cr_assert(zero(int, release(other)));
}

/* A file like a name of an instance. */
static int make_file(const void *bytes, size_t n)
{
	FILE *file = tmpfile();
	int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);

	fclose(file);
	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, (int)pwrite(fd, bytes, n, 0), (int)n));
	cr_assert(zero(int, ftruncate(fd, 2 * PAGE)));
	return fd;
}

Test(hipsoft_share, imports_files)
{
	int fd = make_file("here", 4);
	void *pointer = import_ok(fd, 0, 2 * PAGE);
	char buffer[4];

	check_bytes(pointer, "here", 4);
	set_bytes(pointer, "next", 4);
	cr_assert(eq(int, (int)pread(fd, buffer, 4, 0), 4));
	cr_assert(zero(int, memcmp(buffer, "next", 4)));
	refused(fd, 0, 2 * PAGE + 1);
	refused(fd, 2 * PAGE, 1);
	cr_assert(zero(int, release(pointer)));
}

Test(hipsoft_share, releases_only_what_it_imported)
{
	char *own = soft_malloc(2 * PAGE), *imported;
	int fd = new_memfd(2 * PAGE);

	imported = import_ok(fd, 0, 2 * PAGE);
	cr_assert(eq(int, release(own), -EINVAL));
	cr_assert(eq(int, release(imported + PAGE), -EINVAL));
	cr_assert(eq(int, release(NULL), -EINVAL));
	cr_assert(zero(int, release(imported)));
	expect_ok(hipFree(own));
}

Test(hipsoft_share, gives_back_all_it_imported)
{
	int fd = new_memfd(PAGE);
	unsigned before;

	expect_ok(hipInit(0));
	before = count_fds();
	for (int i = 0; i < 100; i++)
		cr_assert(zero(int, release(import_ok(fd, 0, PAGE))));
	cr_assert(wait_until(has_fds, &before));
}

/* A call that lacks descriptors waits for those being closed. */
Test(hipsoft_share, imports_with_few_descriptors)
{
	int fd = new_memfd(PAGE);
	struct rlimit limit;

	expect_ok(hipInit(0));
	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = (rlim_t)fcntl(fd, F_DUPFD, 0) + 1;
	close((int)limit.rlim_cur - 1);
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	for (int i = 0; i < 100; i++)
		cr_assert(zero(int, release(import_ok(fd, 0, PAGE))));
}

Test(hipsoft_share, refuses_ranges_outside)
{
	int fd = new_memfd(4 * PAGE);

	expect_ok(hipInit(0));
	refused(fd, 0, 0);
	refused(fd, 1, PAGE);
	refused(fd, PAGE / 2, PAGE);
	refused(fd, 0, 4 * PAGE + 1);
	refused(fd, 4 * PAGE, 1);
	refused(fd, 3 * PAGE, PAGE + 1);
	refused(fd, UINT64_MAX & ~(uint64_t)(PAGE - 1), PAGE);
	refused(fd, UINT64_MAX & ~(uint64_t)(PAGE - 1), 2 * PAGE);
	refused(fd, PAGE, UINT64_MAX);
	refused(fd, PAGE, UINT64_MAX - PAGE + 1);
	refused(fd, 0, UINT64_MAX - PAGE);
}

Test(hipsoft_share, refuses_what_is_no_memory)
{
	int ends[2], path = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int empty = new_memfd(0), null = open("/dev/null", O_RDWR | O_CLOEXEC);

	expect_ok(hipInit(0));
	cr_assert(zero(int, pipe(ends)));
	refused(ends[0], 0, PAGE);
	refused(ends[1], 0, PAGE);
	refused(path, 0, PAGE);
	refused(directory, 0, PAGE);
	refused(null, 0, PAGE);
	refused(empty, 0, PAGE);
	refused(-1, 0, PAGE);
	refused(1000, 0, PAGE);
}

Test(hipsoft_share, refuses_another_kind)
{
	static const uint32_t kinds[] = {0, HIPIPC_KIND_DMABUF, HIPIPC_KIND_CUDA_VMM,
					 HIPIPC_KIND_EVENT, 99};
	int fd = new_memfd(PAGE);
	unsigned before;
	void *pointer;

	expect_ok(hipInit(0));
	before = count_fds();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		cr_assert(eq(int, import(fd, kinds[i], 0, PAGE, &pointer), -EBADMSG));
	cr_assert(wait_until(has_fds, &before));
}

Test(hipsoft_share, keeps_to_the_descriptors_rights)
{
	int fd = new_memfd(PAGE), reader = reopen(fd, O_RDONLY);
	char buffer[4];
	void *pointer;

	expect_ok(hipInit(0));
	refused(reopen(fd, O_WRONLY), 0, PAGE);
	cr_assert(eq(int, (int)pwrite(fd, "here", 4, 0), 4));
	pointer = import_ok(reader, 0, PAGE);
	check_bytes(pointer, "here", 4);
	expect(hipMemset(pointer, 1, 4), hipErrorIllegalAddress);
	cr_assert(eq(int, (int)pread(fd, buffer, 4, 0), 4));
	cr_assert(zero(int, memcmp(buffer, "here", 4)));
}

Test(hipsoft_share, survives_that_it_is_taken_back)
{
	int fd = new_memfd(2 * PAGE);
	void *pointer = import_ok(fd, 0, 2 * PAGE);
	char byte;

	cr_assert(zero(int, ftruncate(fd, 0)));
	expect(hipMemcpy(&byte, pointer, 1, hipMemcpyDeviceToHost),
	       hipErrorIllegalAddress);
	/* Enabling a peer succeeds although it cannot reach the truncated memory. */
	expect_ok(hipSetDevice(1));
	expect_ok(hipDeviceEnablePeerAccess(0, 0));
	cr_assert(zero(int, release(pointer)));
}

static struct sigaction runtimes_handler;
static atomic_uint n_handed_on;

static void hand_on(int number, siginfo_t *info, void *data)
{
	atomic_fetch_add(&n_handed_on, 1);
	runtimes_handler.sa_sigaction(number, info, data);
}

/* The program's own handler runs first and forwards unknown signals. */
Test(hipsoft_share, a_handler_that_hands_on_is_fine)
{
	const struct sigaction own = {.sa_sigaction = hand_on, .sa_flags = SA_SIGINFO};
	int fd = new_memfd(4 * PAGE);
	void *memory = import_ok(fd, 0, 4 * PAGE);

	cr_assert(zero(int, sigaction(SIGBUS, &own, &runtimes_handler)));
	expect_ok(hipMemset(memory, 1, PAGE));
	cr_assert(zero(uint, atomic_load(&n_handed_on)));
	cr_assert(zero(int, ftruncate(fd, 0)));
	expect(hipMemset(memory, 1, PAGE), hipErrorIllegalAddress);
	cr_assert(gt(uint, atomic_load(&n_handed_on), 0));
}

Test(hipsoft_share, peers_reach_what_is_imported)
{
	float values[4] = {1, 2, 3, 4}, *out, *before, *after;
	int fd = new_memfd(PAGE), reader = reopen(fd, O_RDONLY);
	int file = make_file(values, sizeof(values));

	cr_assert(eq(int, (int)pwrite(fd, values, sizeof(values), 0), sizeof(values)));
	before = import_ok(reader, 0, PAGE);
	expect_ok(hipSetDevice(1));
	out = soft_malloc(PAGE);
	expect_ok(hipDeviceEnablePeerAccess(0, 0));
	expect_ok(hipSetDevice(0));
	after = import_ok(file, 0, PAGE);
	expect_ok(hipSetDevice(1));
	expect_ok(hipsoftVectorAdd(out, before, after, 4, NULL));
	expect_ok(hipMemcpy(values, out, sizeof(values), hipMemcpyDeviceToHost));
	cr_assert(epsilon_eq(flt, values[3], 8, 0.001f));
	cr_assert(zero(int, release(before)));
	cr_assert(zero(int, release(after)));
}
