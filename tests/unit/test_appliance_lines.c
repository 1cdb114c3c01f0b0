/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/lines.h"
#include "appliance/out.h"

struct seen {
	char text[8][64];
	size_t len[8], n;
};

static void
collect(void *arg, const char *line, size_t len)
{
	struct seen *s = arg;

	assert_true(s->n < 8);
	s->len[s->n] = len;
	assert_int_equal(line[len], '\0');
	snprintf(s->text[s->n++], 64, "%s", line);
}

static void
cuts_at_newlines_in_any_portions(void **state)
{
	static const char text[] = "one\r\n\ntwo\nthr";
	struct seen s = {0};
	struct lines l;

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++) {
		memset(&s, 0, sizeof(s));
		lines_init(&l, collect, &s);
		for (size_t at = 0; at < sizeof(text) - 1; at += step) {
			size_t left = sizeof(text) - 1 - at;

			assert_int_equal(lines_feed(&l, text + at, left < step ? left : step), 0);
		}
		assert_int_equal(s.n, 3);
		assert_string_equal(s.text[0], "one");
		assert_string_equal(s.text[1], "");
		assert_string_equal(s.text[2], "two");
		assert_true(lines_pending(&l));
		lines_flush(&l);
		assert_int_equal(s.n, 4);
		assert_string_equal(s.text[3], "thr");
		assert_false(lines_pending(&l));
		lines_flush(&l);
		assert_int_equal(s.n, 4);
		lines_fini(&l);
	}
}

static void
bounds_a_line_without_an_end(void **state)
{
	char block[1000];
	struct seen s = {0};
	struct lines l;

	(void)state;
	memset(block, 'x', sizeof(block));
	lines_init(&l, collect, &s);
	for (size_t fed = 0; fed < 2 * LINES_MAX + 500; fed += sizeof(block))
		assert_int_equal(lines_feed(&l, block, sizeof(block)), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.len[0], LINES_MAX);
	assert_int_equal(s.len[1], LINES_MAX);
	assert_true(l.size <= 2 * LINES_MAX);
	lines_fini(&l);
}

static void
keeps_nul_bytes_inside_a_line(void **state)
{
	struct seen s = {0};
	struct lines l;

	(void)state;
	lines_init(&l, collect, &s);
	lines_feed(&l, "a\0b\n", 4);
	assert_int_equal(s.len[0], 3);
	lines_fini(&l);
}

static void
escapes_what_a_terminal_would_obey(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} c[] = {
		{"plain\ttext", 10, "plain\ttext"},
		{"\x1b[2J", 4, "\\x1b[2J"},
		{"a\0b", 3, "a\\x00b"},
		{"\x7f\r", 2, "\\x7f\\x0d"},
		{"\xc3\xa9t\xc3\xa9", 5, "\xc3\xa9t\xc3\xa9"}, /* letters stay */
		{"\xe2\x82\x9b", 3, "\xe2\x82\x9b"},           /* so does U+209B */
		{"\xc2\x9b"
		 "2J",
		 4,
		 "\\xc2\\x9b"
		 "2J"}, /* CSI in UTF-8 */
		{"\x9b"
		 "2J",
		 3,
		 "\\x9b"
		 "2J"}, /* CSI as one byte */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		char out[64];
		size_t n = lines_escape(c[i].in, c[i].len, out, sizeof(out));

		assert_string_equal(out, c[i].out);
		assert_int_equal(n, strlen(c[i].out));
	}
}

static void
escaping_never_overruns(void **state)
{
	char in[64], out[40];

	(void)state;
	memset(in, 1, sizeof(in));
	for (size_t size = 1; size <= 32; size++) {
		memset(out, '#', sizeof(out));
		assert_true(lines_escape(in, sizeof(in), out, size) < size);
		assert_int_equal(out[size], '#');
	}
}

static void
output_has_the_name_in_front(void **state)
{
	char got[64] = "";
	struct out o;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	out_init(&o, p[1], -1);
	out_line(&o, "fw1", "hello\x1b", 6);
	assert_int_equal(read(p[0], got, sizeof(got)), 12);
	assert_memory_equal(got, "fw1| hello\x1b\n", 12); /* no terminal: as it came */
	close(p[0]);
	close(p[1]);
}

/* A reader that does not read must not keep a signal from being seen. */
static void
output_gives_up_when_asked_to_stop(void **state)
{
	char block[8192];
	struct out o;
	int p[2], sig[2];

	(void)state;
	memset(block, 'x', sizeof(block));
	assert_int_equal(pipe(p), 0);
	assert_int_equal(pipe(sig), 0);
	assert_int_equal(write(sig[1], "s", 1), 1);
	out_init(&o, p[1], sig[0]);
	for (int i = 0; i < 64; i++)
		out_line(&o, "fw1", block, sizeof(block));
	assert_true(o.lost > 0);
	assert_false(o.gone);
	/* The signal has been taken: nothing may wait for the reader from now on. */
	close(sig[0]);
	close(sig[1]);
	o.signal_fd = -1;
	o.hurry = true;
	for (int i = 0; i < 4; i++)
		out_line(&o, "fw1", block, sizeof(block));
	close(p[0]);
	out_line(&o, "fw1", block, 1);
	assert_true(o.gone);
	close(p[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_at_newlines_in_any_portions),
		cmocka_unit_test(bounds_a_line_without_an_end),
		cmocka_unit_test(keeps_nul_bytes_inside_a_line),
		cmocka_unit_test(escapes_what_a_terminal_would_obey),
		cmocka_unit_test(escaping_never_overruns),
		cmocka_unit_test(output_has_the_name_in_front),
		cmocka_unit_test(output_gives_up_when_asked_to_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
