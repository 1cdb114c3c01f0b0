/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/runner/table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What a reader must know beside the figures; the rest is in the report. */
static const char *const shown[] = {"kernel",   "cpuModel", "isolated",   "nohzFull",
				    "governor", "smt",      "clocksource"};

char *
table_time(uint64_t ns, char *buf, size_t size)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	size_t u = 0;
	double v;

	while (u + 1 < ARRAY_SIZE(units) && (double)ns >= units[u + 1].ns)
		u++;
	v = (double)ns / units[u].ns;
	snprintf(buf, size, "%.*f %s", u == 0 || v >= 100 ? 0 : v >= 10 ? 1 : 2, v, units[u].unit);
	return buf;
}

static void
print_latency(const struct results *r, FILE *out)
{
	bool head = false;

	for (size_t i = 0; i < r->n; i++) {
		const struct series *s = &r->series[i];
		char buf[32];

		if (!s->has_hist)
			continue;
		if (!head) {
			fprintf(out, "\n%-28s %12s", "time of", "samples");
			for (size_t p = 0; p < RESULTS_POINTS; p++)
				fprintf(out, " %9s", results_point_name[p]);
			fputc('\n', out);
			head = true;
		}
		fprintf(out, "%-28s %12" PRIu64, s->label, s->hist.count);
		for (size_t p = 0; p < RESULTS_POINTS; p++)
			fprintf(out, " %9s",
				table_time(hist_percentile(&s->hist, results_point[p]), buf,
					   sizeof(buf)));
		fputc('\n', out);
	}
}

static void
print_traffic(const struct results *r, FILE *out)
{
	bool head = false;

	for (size_t i = 0; i < r->n; i++) {
		const struct series *s = &r->series[i];

		if (!s->has_traffic)
			continue;
		if (!head)
			fprintf(out, "\n%-28s %6s %12s %12s %12s %12s %9s %12s\n", "frames of",
				"bytes", "due", "sent", "received", "lost", "lost %", "received/s");
		head = true;
		fprintf(out,
			"%-28s %6" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64
			" %9.4f %12.0f\n",
			s->label, s->size, s->scheduled, s->sent, s->received, s->lost,
			s->scheduled ? 100.0 * (double)s->lost / (double)s->scheduled : 0, s->pps);
	}
	if (head)
		fputs("lost includes frames that were due and could not be sent\n", out);
}

static void
print_verdict(const struct results *r, FILE *out)
{
	const json_t *reasons = json_object_get(r->report, "reasons");

	fputc('\n', out);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		if (results_machine(r, shown[i])[0])
			fprintf(out, "%-12s %s\n", shown[i], results_machine(r, shown[i]));
	if (json_is_true(json_object_get(r->report, "eligible"))) {
		fputs("eligible for a real-time claim\n", out);
		return;
	}
	fputs("not eligible for a real-time claim:\n", out);
	for (size_t i = 0; i < json_array_size(reasons); i++) {
		const char *text = json_string_value(json_array_get(reasons, i));

		fprintf(out, "  - %s\n", text ? text : "?");
	}
}

int
table_print(const struct results *r, FILE *out)
{
	print_latency(r, out);
	print_traffic(r, out);
	if (r->bad)
		fprintf(out, "%zu results were malformed and are left out\n", r->bad);
	if (r->n == 0)
		fputs("\nno probe reported a result\n", out);
	print_verdict(r, out);
	return fflush(out) == EOF || ferror(out) ? -EIO : 0;
}

static json_t *
series_json(const struct series *s)
{
	json_t *j = json_pack("{s:s}", "name", s->label);
	json_t *times = json_object();

	for (size_t p = 0; s->has_hist && p < RESULTS_POINTS; p++)
		json_object_set_new(times, results_point_name[p],
				    json_integer((json_int_t)hist_percentile(&s->hist,
									     results_point[p])));
	if (s->has_hist) {
		json_object_set_new(j, "samples", json_integer((json_int_t)s->hist.count));
		json_object_set(j, "ns", times);
	}
	json_decref(times);
	if (s->has_traffic)
		json_object_set_new(j, "traffic",
				    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "rate",
					      (json_int_t)s->rate, "size", (json_int_t)s->size,
					      "scheduled", (json_int_t)s->scheduled, "sent",
					      (json_int_t)s->sent, "unsent", (json_int_t)s->unsent,
					      "received", (json_int_t)s->received, "lost",
					      (json_int_t)s->lost, "pps", s->pps));
	return j;
}

json_t *
table_json(const struct results *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(all, series_json(&r->series[i]));
	return json_pack("{s:i, s:s, s:O?, s:O?, s:O?, s:O?, s:b, s:o}", "format", 1,
			 "corelane-bench", CORELANE_VERSION, "eligible",
			 json_object_get(r->report, "eligible"), "reasons",
			 json_object_get(r->report, "reasons"), "machine",
			 json_object_get(r->report, "machine"), "started",
			 json_object_get(r->report, "started"), "probesOk", (int)r->probes_ok,
			 "series", all);
}
