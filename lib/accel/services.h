/* SPDX-License-Identifier: MIT */
/* services.h - what a registry provides to its devices: a log and a thread that frees */
#ifndef ACCEL_SERVICES_H
#define ACCEL_SERVICES_H

#include <accel-records.h>

#include "reaper.h"

struct accel_services {
	accel_log_fn log; /* may be NULL */
	void *log_data;
	struct accel_reaper reaper;
	struct accel_keeper keeper; /* all NULL: none; fixed before the first context */
	_Atomic uint32_t epochs;    /* the last one of mappings, see accel-records.h */
};

#endif
