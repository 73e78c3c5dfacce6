/* SPDX-License-Identifier: MIT */
/* relax.h - for loops that wait for another CPU */
#ifndef DMABUFFS_RELAX_H
#define DMABUFFS_RELAX_H

static inline void relax_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#endif
