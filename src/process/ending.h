/* SPDX-License-Identifier: MIT */
/* ending.h - the progress of an end that takes long, because the instance had many names
 */
#ifndef DMABUFFS_ENDING_H
#define DMABUFFS_ENDING_H

#include <stddef.h>

/*
 * So many names have memory that is still to be released. At most once a second it logs
 * that, and has systemd wait longer. One thread, after the last request was served.
 */
void ending_report(size_t n_left);

#endif
