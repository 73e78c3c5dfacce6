/* SPDX-License-Identifier: MIT */
/* share.h - memory of other processes here, and ours there */
#ifndef HIPSOFT_SHARE_H
#define HIPSOFT_SHARE_H

#include "allocation.h"

/*
 * Tells libhipipc that an allocation, which is in no table any more, has ended. It asks a
 * service then, so no lock may be held.
 */
void share_ended(const struct allocation *allocation);

#endif
