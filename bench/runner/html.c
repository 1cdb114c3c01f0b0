/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/runner/html.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/runner/table.h"

static const char head[] =
	"<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
	"<meta name=viewport content=\"width=device-width\">\n<title>corelane-bench</title>\n"
	"<style>\n"
	":root{color-scheme:light dark;--line:#8886;--bad:#b3261e;--good:#1b6e3c}\n"
	"@media(prefers-color-scheme:dark){:root{--bad:#ffb4ab;--good:#7ddba0}}\n"
	"body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}\n"
	"table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}\n"
	"th,td{padding:.25rem .7rem;border-bottom:1px solid var(--line);text-align:right;"
	"white-space:nowrap;font-variant-numeric:tabular-nums}\n"
	"th:first-child,td:first-child,.text td{text-align:left}\n"
	".text td{white-space:normal;overflow-wrap:anywhere}"
	".text td:first-child{white-space:nowrap}\n"
	".bad{color:var(--bad)}.good{color:var(--good)}\n"
	"svg{width:100%;height:auto}svg text{fill:currentColor;font-size:12px}\n"
	".grid{stroke:var(--line)}polyline{fill:none;stroke-width:2;stroke:var(--c)}\n"
	".key{display:inline-block;width:1.2em;height:.3em;vertical-align:middle;background:var(--"
	"c)"
	"}\n"
	".c0{--c:#3b82f6}.c1{--c:#e07b00}.c2{--c:#16a34a}.c3{--c:#d6409f}\n"
	".c4{--c:#8b5cf6}.c5{--c:#0d9da4}.c6{--c:#b58900}.c7{--c:#e5484d}\n"
	"</style>\n<h1>corelane-bench</h1>\n";

void
html_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
			break;
		}
	}
}

static void
print_verdict(const struct results *r, FILE *out)
{
	const json_t *reasons = json_object_get(r->report, "reasons");

	if (json_is_true(json_object_get(r->report, "eligible"))) {
		fputs("<p class=good>Eligible for a real-time claim.</p>\n", out);
		return;
	}
	fputs("<p class=bad>Not eligible for a real-time claim:</p>\n<ul>\n", out);
	for (size_t i = 0; i < json_array_size(reasons); i++) {
		const char *text = json_string_value(json_array_get(reasons, i));

		fputs("<li>", out);
		html_text(text ? text : "?", out);
		fputc('\n', out);
	}
	fputs("</ul>\n", out);
}

static void
print_latency(const struct results *r, FILE *out)
{
	fputs("<table><tr><th>Time of<th>Samples", out);
	for (size_t p = 0; p < RESULTS_POINTS; p++)
		fprintf(out, "<th>%s", results_point_name[p]);
	fputc('\n', out);
	for (size_t i = 0; i < r->n; i++) {
		const struct series *s = &r->series[i];
		char buf[32];

		if (!s->has_hist)
			continue;
		fputs("<tr><td>", out);
		html_text(s->label, out);
		fprintf(out, "<td>%" PRIu64, s->hist.count);
		for (size_t p = 0; p < RESULTS_POINTS; p++)
			fprintf(out, "<td>%s",
				table_time(hist_percentile(&s->hist, results_point[p]), buf,
					   sizeof(buf)));
		fputc('\n', out);
	}
	fputs("</table>\n", out);
}

static void
print_traffic(const struct results *r, FILE *out)
{
	fputs("<table><tr><th>Frames of<th>Bytes<th>Due<th>Sent<th>Received<th>Lost"
	      "<th>Received/s\n",
	      out);
	for (size_t i = 0; i < r->n; i++) {
		const struct series *s = &r->series[i];

		if (!s->has_traffic)
			continue;
		fputs("<tr><td>", out);
		html_text(s->label, out);
		fprintf(out,
			"<td>%" PRIu64 "<td>%" PRIu64 "<td>%" PRIu64 "<td>%" PRIu64
			"<td class=%s>%" PRIu64 "<td>%.0f\n",
			s->size, s->scheduled, s->sent, s->received, s->lost ? "bad" : "good",
			s->lost, s->pps);
	}
	fputs("</table>\n<p>Sending is open-loop on a schedule: a frame that was due and could not "
	      "be sent counts as lost, and time runs from the moment it was due.</p>\n",
	      out);
}

static void
print_value(const char *key, const json_t *v, FILE *out)
{
	char *text;

	fputs("<tr><td>", out);
	html_text(key, out);
	fputs("<td>", out);
	text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY);
	html_text(text ? text : json_is_string(v) ? json_string_value(v) : "?", out);
	free(text);
	fputc('\n', out);
}

static void
print_machine(const struct results *r, FILE *out)
{
	json_t *machine = json_object_get(r->report, "machine");
	const char *key;
	json_t *v;

	fputs("<h2>Settings</h2>\n<table class=text>\n", out);
	json_object_foreach(r->report, key, v)
	{
		if (json_is_string(v) || json_is_integer(v))
			print_value(key, v, out);
	}
	json_object_foreach(machine, key, v)
	{
		print_value(key, v, out);
	}
	fputs("</table>\n", out);
}

int
html_print(const struct results *r, FILE *out)
{
	fputs(head, out);
	print_verdict(r, out);
	svg_curves(r, out);
	print_latency(r, out);
	print_traffic(r, out);
	if (r->bad)
		fprintf(out, "<p class=bad>%zu results were malformed and are left out.</p>\n",
			r->bad);
	print_machine(r, out);
	fputs("</html>\n", out);
	return fflush(out) == EOF || ferror(out) ? -EIO : 0;
}
