/* SPDX-License-Identifier: MIT */
#include "process/ending.h"

#include <stdint.h>

#include "base/log.h"
#include "process/keeper.h"
#include "clock.h"

#define ENDING_MS 1000

void ending_report(size_t n_left)
{
	static uint64_t next_ms;
	uint64_t now = now_ms();

	if (now < next_ms)
		return;
	next_ms = now + ENDING_MS;
	/* The budget of information can be used up by the names that came and went. */
	log_warning("ending: %zu names left", n_left);
	keeper_report_ending();
}
