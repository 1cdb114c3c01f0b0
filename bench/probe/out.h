/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines go: COM1, polled, or a virtio-console. Buffered to the end of the line. */
#ifndef CORELANE_PROBE_OUT_H
#define CORELANE_PROBE_OUT_H

#include <stddef.h>

#include "bench/probe/json.h"

/* A json whose sink is the output. */
struct json *out_json(void);
/* Sends what is buffered: after json_close(). */
void out_flush(void);
/* Straight through the same buffer. */
void out_write(const char *text, size_t len);
/* Another sink than the serial port; NULL: the serial port again. */
void out_redirect(void (*write)(const char *text, size_t len));

/* {"probe":"error","text":TEXT,"what":WHAT}; @what may be NULL. */
void out_error(const char *text, const char *what);

/* The serial port itself. */
void serial_write(const char *text, size_t len);
/* Sets it up again, after somebody wrote to its registers. */
void serial_reset(void);
/* A byte that came in, or -1. */
int serial_read(void);

#endif
