/* SPDX-License-Identifier: MIT */
/* event.h - hipEvent_t */
#ifndef HIPSOFT_EVENT_H
#define HIPSOFT_EVENT_H

#include <hipipc-provider.h>

#include "runtime.h"

/* Callbacks of provider.c; see struct hipipc_provider. */
int event_find(void *event, uint64_t *ret_id);
int event_export(uint64_t id, int *ret_fd);
int event_import(int fd, void **ret_event);
void event_watch(hipipc_freed_fn freed);

#endif
