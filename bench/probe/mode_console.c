/* SPDX-License-Identifier: Apache-2.0 */
/* mode=console: every line that comes in goes out as a line of JSON, until "quit". */
#include "bench/probe/clock.h"
#include "bench/probe/console.h"
#include "bench/probe/cpu.h"
#include "bench/probe/modes.h"
#include "bench/probe/out.h"

#define LINE_MAX 512
/* Each look at the serial port is an exit; a person or a test can wait that long. */
#define POLL_NS 200000

static void
say(const char *line, bool cut)
{
	struct json *j = out_json();

	json_open(j, "line");
	json_str(j, "text", line);
	if (cut)
		json_bool(j, "cut", true);
	json_close(j);
}

bool
mode_console(struct probe *p)
{
	int (*read)(void) = p->args.out == OUT_CONSOLE ? console_read : serial_read;
	uint64_t end = rdtsc() + clock_ticks(p->args.time), lines = 0, bytes = 0;
	static char line[LINE_MAX];
	struct json *j = out_json();
	bool quit = false, cut = false;
	size_t n = 0;

	json_open(j, "ready");
	json_close(j);
	while (!quit && (!p->args.time || rdtsc() < end) &&
	       !(p->args.count && lines >= p->args.count)) {
		int c = read();

		if (c < 0) {
			for (uint64_t t = rdtsc() + clock_ticks(POLL_NS); rdtsc() < t;)
				cpu_pause();
			continue;
		}
		bytes++;
		if (c != '\n' && c != '\r') {
			cut |= n == LINE_MAX - 1;
			if (n < LINE_MAX - 1)
				line[n++] = (char)c;
			continue;
		}
		if (!n)
			continue;
		line[n] = '\0';
		quit = n == 4 && !__builtin_memcmp(line, "quit", 4);
		say(line, cut);
		lines++;
		n = 0;
		cut = false;
	}
	json_open(j, "result");
	json_str(j, "mode", "console");
	json_u64(j, "lines", lines);
	json_u64(j, "bytes", bytes);
	json_close(j);
	return true;
}
