/* SPDX-License-Identifier: MIT */
/*
 * place.h - on which CPUs clients and servers run
 *
 * To wake another, idle CPU costs several times more than to switch to another process on
 * the same one, and the scheduler's choice between the two is sticky: left alone, it may
 * keep the baseline on one CPU and the subject on two for as long as a run takes, or the
 * other way round, and a ratio then says nothing. So the choice is made here, the same
 * for both.
 */
#ifndef DMABUFFS_BENCH_PLACE_H
#define DMABUFFS_BENCH_PLACE_H

enum place {
	/* The client on one CPU, servers and exporters on the others: as on a machine
	 * with CPUs to spare. What servers do after their answer costs the client nothing,
	 * but each wait includes the wake-up of a CPU. Like PLACE_ONE if there is only one. */
	PLACE_SPLIT,
	/* All on one CPU: as on a busy machine. The CPU time of all, and nothing else. */
	PLACE_ONE,
};

/* Chooses for this process, the client, and for all it starts from now on. */
int place_client(enum place place);

/* In a child that becomes a server: moves it to the servers' CPUs. */
void place_server(void);

#endif
