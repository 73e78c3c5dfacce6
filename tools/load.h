/* SPDX-License-Identifier: MIT */
/* load.h - a file becomes a buffer, a buffer becomes output */
#ifndef DMABUFFS_LOAD_H
#define DMABUFFS_LOAD_H

#include "cli.h"

/*
 * Reads a file ("-": standard input) into a new memfd that may be sealed. An exit code;
 * failures are reported.
 */
int load_file(struct cli *cli, const char *path, int *ret_memfd);

/*
 * Writes the content of an imported descriptor to @out; @what names it in messages. An
 * exit code.
 */
int unload_buffer(struct cli *cli, const char *what, int fd, int out);

#endif
