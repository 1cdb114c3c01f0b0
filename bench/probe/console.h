/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-console, one port (virtio 1.2, 5.3): output instead of the serial port, and input. */
#ifndef CORELANE_PROBE_CONSOLE_H
#define CORELANE_PROBE_CONSOLE_H

#include "bench/probe/modes.h"

/* Takes the device up and sends the output there. NULL, or what is wrong. */
const char *console_open(const struct probe *p);
/* A byte that came in, or -1. */
int console_read(void);

#endif
