/* SPDX-License-Identifier: MIT */
/* load.h - load a file into a buffer, write a buffer to a file */
#ifndef DMABUFFS_LOAD_H
#define DMABUFFS_LOAD_H

#include "cli.h"

/*
 * Reads a file ("-": standard input) into a new memfd that may be sealed. Returns an exit
 * code, after a report.
 */
int load_file(struct cli *cli, const char *path, int *ret_memfd);

/*
 * Writes the content of an imported descriptor to @out; @what is its name in reports.
 * Returns an exit code.
 */
int unload_buffer(struct cli *cli, const char *what, int fd, int out);

#endif
