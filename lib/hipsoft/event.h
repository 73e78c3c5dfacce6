/* SPDX-License-Identifier: MIT */
/* event.h - hipEvent_t */
#ifndef HIPSOFT_EVENT_H
#define HIPSOFT_EVENT_H

#include <hipipc-provider.h>

#include "runtime.h"

/* For provider.c; as hipipc_provider says. */
int event_find(void *event, uint64_t *ret_id);
int event_export(uint64_t id, int *ret_fd);
int event_import(int fd, void **ret_event);
void event_watch(hipipc_ended_fn ended);

#endif
