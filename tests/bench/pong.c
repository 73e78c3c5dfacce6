/* SPDX-License-Identifier: MIT */
/* pong.c - the fastest round trip between two threads on two CPUs */
#include "pong.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <relax.h>

#include "bench.h"
#include "../support/place.h"
#include "contest.h"

#define SPINS_PER_CLOCK 32 /* loads between two readings of the clock */

struct word {
	_Alignas(64) _Atomic uint32_t value;
	_Alignas(64) _Atomic uint32_t sleepers;
};

struct pong_page {
	struct word ping, pong;
	_Atomic uint32_t spin_ns;
};

static bool spin(struct word *word, uint32_t seen, uint32_t ns)
{
	double end = ns ? now_us() + ns / 1e3 : 0;

	do {
		for (unsigned int i = 0; i < SPINS_PER_CLOCK; i++) {
			if (word->value != seen)
				return true;
			if (ns)
				relax_cpu();
		}
	} while (ns && now_us() < end);
	return false;
}

/* Waits while the word is @seen. */
static void await(struct word *word, uint32_t seen, uint32_t ns)
{
	if (spin(word, seen, ns))
		return;
	word->sleepers++;
	while (word->value == seen)
		(void)syscall(SYS_futex, &word->value, FUTEX_WAIT, seen, NULL, NULL, 0);
	word->sleepers--;
}

static void step(struct word *word)
{
	word->value++;
	if (word->sleepers)
		(void)syscall(SYS_futex, &word->value, FUTEX_WAKE, INT_MAX, NULL, NULL,
			      0);
}

static void answer(struct pong_page *page)
{
	for (uint32_t seen = 0;; seen++) {
		await(&page->ping, seen, page->spin_ns);
		step(&page->pong);
	}
}

int pong_start(struct pong *pong)
{
	void *page = mmap(NULL, sizeof(*pong->page), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return complain(-errno, "mmap");
	pong->page = page;
	pong->pid = place_fork(STDERR_FILENO);
	if (pong->pid == 0)
		answer(pong->page);
	if (pong->pid < 0) {
		pong->pid = 0;
		return complain(-errno, "fork");
	}
	return 0;
}

void pong_stop(struct pong *pong)
{
	if (pong->pid > 0) {
		(void)kill(pong->pid, SIGKILL);
		(void)waitpid(pong->pid, NULL, 0);
	}
	if (pong->page)
		(void)munmap(pong->page, sizeof(*pong->page));
	*pong = (struct pong){0};
}

void pong_set_spin(struct pong *pong, uint32_t ns)
{
	pong->page->spin_ns = ns;
}

void pong_play(struct pong *pong)
{
	struct pong_page *page = pong->page;
	uint32_t seen = page->pong.value;

	step(&page->ping);
	await(&page->pong, seen, page->spin_ns);
}
