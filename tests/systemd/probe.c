/* SPDX-License-Identifier: MIT */
/*
 * probe.c - what a process that has the options of the unit cannot do
 *
 * Started by systemd in place of the service; prints what it can do and must not. Exits
 * with the number of these.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int probe_failed;

#define ANY_ERROR 0

/* What a call returned, and the error that it must have. */
static void probe_expect(const char *what, long result, int error)
{
	if (result < 0 && (errno == error || error == ANY_ERROR))
		return;
	printf("%s: %s instead of %s\n", what, result < 0 ? strerror(errno) : "success",
	       strerror(error));
	probe_failed++;
}

static void probe_fail(const char *what)
{
	printf("%s\n", what);
	probe_failed++;
}

/* RestrictAddressFamilies= */
static void probe_sockets(void)
{
	const int families[] = {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		probe_expect("socket of a network", socket(families[i], SOCK_RAW, 0),
			     EAFNOSUPPORT);
}

/* RestrictNamespaces=; the service has a use for four of them. */
static void probe_namespaces(void)
{
	const int kinds[] = {CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWCGROUP};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		probe_expect("namespace", unshare(kinds[i]), EPERM);
}

/* MemoryDenyWriteExecute= */
static void probe_memory(void)
{
	const int all = PROT_READ | PROT_WRITE | PROT_EXEC;
	void *data = mmap(NULL, 4096, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	probe_expect("memory to write and execute", data == MAP_FAILED ? -1 : 0,
		     ANY_ERROR);
	data = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	probe_expect("memory made executable", mprotect(data, 4096, PROT_EXEC),
		     ANY_ERROR);
}

/* RestrictRealtime=, LockPersonality=, RestrictSUIDSGID=, ProtectHostname= */
static void probe_restrictions(void)
{
	const struct sched_param first = {.sched_priority = 1};
	int file = memfd_create("probe", MFD_CLOEXEC);

	probe_expect("real-time priority", sched_setscheduler(0, SCHED_FIFO, &first),
		     EPERM);
	probe_expect("personality", personality(PER_LINUX32), EPERM);
	probe_expect("set-user-ID file", fchmod(file, 04755), EPERM);
	probe_expect("host name", sethostname("probe", 5), ANY_ERROR);
	close(file);
}

/* DevicePolicy= and DeviceAllow=; @device is a node of another one. */
static void probe_devices(const char *device)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fuse < 0)
		probe_fail("/dev/fuse cannot be opened");
	probe_expect("another device", open(device, O_RDONLY | O_CLOEXEC), EPERM);
	close(fuse);
}

/* SystemCallFilter= and SystemCallErrorNumber= */
static void probe_calls(void)
{
	const long calls[] = {
		SYS_bpf,          SYS_init_module, SYS_kexec_load,     SYS_keyctl,
		SYS_io_setup,     SYS_swapon,      SYS_reboot,         SYS_ptrace,
		SYS_settimeofday, SYS_acct,        SYS_io_uring_setup,
	};
	char name[40];

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		snprintf(name, sizeof(name), "system call %ld", calls[i]);
		probe_expect(name, syscall(calls[i], 0, 0, 0, 0, 0), ENOSYS);
	}
}

/* CapabilityBoundingSet=, NoNewPrivileges= */
static void probe_state(void)
{
	if (prctl(PR_CAPBSET_READ, CAP_NET_ADMIN) != 0)
		probe_fail("has a capability that the unit does not list");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		probe_fail("execve(2) gives privileges");
}

int main(int argc, char *argv[])
{
	probe_sockets();
	probe_namespaces();
	probe_memory();
	probe_restrictions();
	probe_devices(argc > 1 ? argv[1] : "");
	probe_calls();
	probe_state();
	return probe_failed;
}
