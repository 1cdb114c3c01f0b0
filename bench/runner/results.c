/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/runner/results.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX 4096

const char *const results_point_name[RESULTS_POINTS] = {"p50",   "p90",    "p99",
							"p99.9", "p99.99", "max"};
const uint32_t results_point[RESULTS_POINTS] = {50000, 90000, 99000, 99900, 99990, 100000};

static uint64_t
number(const json_t *j, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(j, key));

	return v > 0 ? (uint64_t)v : 0;
}

static const char *
text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

/* A label becomes a file name and a part of a page: nothing else than these characters gets in. */
static void
set_label(struct series *s, const char *vnf, const json_t *line)
{
	const char *what = text(line, "kind");

	snprintf(s->label, sizeof(s->label), "%.63s %.12s%s%.16s", vnf, text(line, "mode"),
		 what[0] ? " " : "", what);
	for (char *c = s->label; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._ ", *c))
			*c = '_';
}

static void
read_traffic(struct series *s, const json_t *line)
{
	uint64_t ns = number(line, "receive_ns");

	s->rate = number(line, "rate");
	s->size = number(line, "size");
	s->scheduled = number(line, "scheduled");
	s->sent = number(line, "sent");
	s->unsent = number(line, "unsent");
	s->received = number(line, "received");
	s->lost = number(line, "lost");
	s->has_traffic = json_object_get(line, "sent") || json_object_get(line, "received");
	s->pps = ns ? (double)s->received * 1e9 / (double)ns : (double)number(line, "pps");
}

static int
read_series(struct series *s, const char *vnf, const json_t *line)
{
	const json_t *h = json_object_get(line, "hist");

	memset(s, 0, sizeof(*s));
	set_label(s, vnf, line);
	read_traffic(s, line);
	if (json_is_string(h)) {
		if (hist_parse(&s->hist, json_string_value(h), json_string_length(h)) < 0)
			return -EINVAL;
		s->has_hist = true;
	}
	return s->has_hist || s->has_traffic ? 0 : -ENODATA;
}

/* Two results of one kind: "fw1 loop", "fw1 loop 2", ... for each becomes a file. */
static void
make_unique(const struct results *r, struct series *s)
{
	size_t len = strlen(s->label), nth = 1;

	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->series[i].label, s->label) != 0)
			continue;
		snprintf(s->label + len, sizeof(s->label) - len, " %zu", ++nth);
		i = SIZE_MAX; /* the new one may be there too: from the start */
	}
}

/* Makes room for one more; NULL without memory. Counted in steps: a series is large. */
static struct series *
next_series(struct results *r)
{
	struct series *s;

	if (r->n == SERIES_MAX)
		return NULL;
	s = realloc(r->series, (r->n + 1) * sizeof(*s));
	if (!s)
		return NULL;
	r->series = s;
	return &s[r->n];
}

static int
read_line(struct results *r, const char *vnf, const json_t *line, bool *ended)
{
	const char *event = text(line, "probe");
	struct series *s;
	int n;

	if (strcmp(event, "end") == 0) {
		*ended = true;
		if (!json_is_true(json_object_get(line, "ok")))
			r->probes_ok = false;
	}
	if (strcmp(event, "result") != 0)
		return 0;
	s = next_series(r);
	if (!s)
		return -ENOMEM;
	n = read_series(s, vnf, line);
	if (n == 0) {
		make_unique(r, s);
		r->n++;
	} else if (n == -EINVAL) {
		r->bad++;
	}
	return 0;
}

static int
read_vnf(struct results *r, const json_t *vnf)
{
	const json_t *lines = json_object_get(vnf, "lines");
	bool ended = false;

	for (size_t i = 0; i < json_array_size(lines); i++) {
		int n = read_line(r, text(vnf, "name"), json_array_get(lines, i), &ended);

		if (n < 0)
			return n;
	}
	if (!ended)
		r->probes_ok = false;
	return 0;
}

int
results_read(json_t *report, struct results *ret, struct err *e)
{
	struct results r = {.report = report, .probes_ok = true};
	const json_t *vnfs = json_object_get(report, "vnfs");
	int n = 0;

	if (!json_is_array(vnfs) || json_integer_value(json_object_get(report, "format")) != 1) {
		results_free(&r);
		return err_set(e, EINVAL, "this is no report of corelane run, format 1");
	}
	for (size_t i = 0; n == 0 && i < json_array_size(vnfs); i++)
		n = read_vnf(&r, json_array_get(vnfs, i));
	if (n < 0) {
		results_free(&r);
		return err_set(e, -n, "too many results for the memory there is");
	}
	*ret = r;
	return 0;
}

int
results_load(const char *path, struct results *ret, struct err *e)
{
	json_error_t je;
	json_t *j = json_load_file(path, 0, &je);
	int r;

	if (!j)
		return err_set(e, EINVAL, "%s:%d: %s", path, je.line, je.text);
	r = results_read(j, ret, e);
	return r < 0 ? err_prefix(e, "%s", path) : 0;
}

void
results_free(struct results *r)
{
	json_decref(r->report);
	free(r->series);
	*r = (struct results){0};
}

const char *
results_machine(const struct results *r, const char *key)
{
	return text(json_object_get(r->report, "machine"), key);
}
