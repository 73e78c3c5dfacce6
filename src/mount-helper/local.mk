# SPDX-License-Identifier: MIT
# What mount(8) runs; next to the daemon in the build tree, so that it finds that one.
mounthelper_PROGRAMS = src/mount.dmabuffs
src_mount_dmabuffs_SOURCES = %D%/mount.dmabuffs.c
src_mount_dmabuffs_CPPFLAGS = $(AM_CPPFLAGS) -DSBINDIR='"$(sbindir)"'
