/* SPDX-License-Identifier: MIT */
#include "base/request.h"

static _Thread_local uint64_t request_current;
static _Thread_local uint64_t request_poll_handle;
static _Thread_local bool request_went_on;

void request_set(uint64_t unique)
{
	request_current = unique;
	request_poll_handle = 0;
	request_went_on = false;
}

void request_set_again(uint64_t unique)
{
	request_set(unique | REQUEST_RESENT);
}

void request_set_poll(uint64_t handle)
{
	request_poll_handle = handle;
}

uint64_t request_poll(void)
{
	return request_poll_handle;
}

void request_hand_over(void)
{
	request_went_on = true;
}

bool request_is_handed_over(void)
{
	return request_went_on;
}

uint64_t request_get(void)
{
	return request_current;
}

uint64_t request_unique(void)
{
	return request_current & ~REQUEST_RESENT;
}

bool request_is_resent(void)
{
	return (request_current & REQUEST_RESENT) != 0;
}
