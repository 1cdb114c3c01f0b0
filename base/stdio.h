/* SPDX-License-Identifier: Apache-2.0 */
/* The three standard descriptors, which whoever starts a program may have closed. */
#ifndef CORELANE_BASE_STDIO_H
#define CORELANE_BASE_STDIO_H

/*
 * First thing in main(): else the next descriptor that is opened, a lock file for instance, becomes
 * standard output. A closed one is replaced by one on which reading (0) or writing (1, 2) fails, so that
 * the loss is noticed. 0 or -errno.
 */
int stdio_reserve(void);

#endif
