/* SPDX-License-Identifier: MIT */
/*
 * runner-leaks.c - LeakSanitizer looks at the tests, not at Criterion's own process
 *
 * Each test is a process of its own. The one that starts them keeps a list of their time
 * limits, and a thread that removes one can have it while the process exits: 48 bytes
 * that are lost now and then.
 */
#include <stdlib.h>

/* Of <sanitizer/lsan_interface.h>, which not every compiler has. */
int __lsan_is_turned_off(void);

/* Criterion's BoxFort sets this variable for the processes of tests. */
int __lsan_is_turned_off(void)
{
	return getenv("BXFI_MAP") == NULL;
}
