/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/out.h"

#include "bench/probe/cpu.h"
#include "bench/probe/str.h"

#define COM1        0x3f8
#define COM1_FCR    (COM1 + 2)
#define COM1_LCR    (COM1 + 3)
#define COM1_LSR    (COM1 + 5)
#define LSR_DATA    0x01
#define LSR_THRE    0x20
#define SERIAL_FIFO 16

static char buffer[4096];
static size_t used;
static void (*redirected)(const char *text, size_t len);
static bool serial_ready;

static void
serial_init(void)
{
	outb(COM1 + 1, 0); /* no interrupts: polled */
	outb(COM1_LCR, 3); /* 8n1 */
	outb(COM1_FCR, 1); /* FIFOs on; what came in already stays, where the UART keeps it */
	outb(COM1 + 4, 3); /* DTR, RTS */
	serial_ready = true;
}

void
serial_reset(void)
{
	serial_ready = false;
}

void
serial_write(const char *text, size_t len)
{
	if (!serial_ready)
		serial_init();
	while (len) {
		size_t n = len < SERIAL_FIFO ? len : SERIAL_FIFO;

		/* Empty means that all 16 places of the FIFO are free. */
		while (!(inb(COM1_LSR) & LSR_THRE))
			cpu_pause();
		outsb(COM1, text, n);
		text += n;
		len -= n;
	}
}

int
serial_read(void)
{
	if (!serial_ready)
		serial_init();
	return inb(COM1_LSR) & LSR_DATA ? inb(COM1) : -1;
}

void
out_flush(void)
{
	if (used && redirected)
		redirected(buffer, used);
	else if (used)
		serial_write(buffer, used);
	used = 0;
}

void
out_write(const char *text, size_t len)
{
	while (len) {
		size_t n = sizeof(buffer) - used;

		if (n > len)
			n = len;
		memcpy(buffer + used, text, n);
		used += n;
		text += n;
		len -= n;
		if (used == sizeof(buffer))
			out_flush();
	}
}

void
out_redirect(void (*write)(const char *text, size_t len))
{
	out_flush();
	redirected = write;
}

static void
put(void *arg, const char *text, size_t len)
{
	(void)arg;
	out_write(text, len);
	if (text[len - 1] == '\n')
		out_flush();
}

struct json *
out_json(void)
{
	static struct json j = {.put = put};

	return &j;
}

void
out_error(const char *text, const char *what)
{
	struct json *j = out_json();

	json_open(j, "error");
	json_str(j, "text", text);
	if (what)
		json_str(j, "what", what);
	json_close(j);
}
