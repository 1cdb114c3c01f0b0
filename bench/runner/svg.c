/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-percentile curves: x is 1 / (1 - quantile), so that p90, p99, p99.9 lie at equal distances and
 * the tail has as much room as the body; y is the time. A curve ends at 1 / count, its last sample.
 */
#include <math.h>
#include <string.h>

#include "bench/runner/html.h"
#include "bench/runner/table.h"

#define WIDTH  960.0
#define HEIGHT 460.0
#define LEFT   80.0
#define RIGHT  48.0
#define TOP    20.0
#define BOTTOM 50.0

struct axes {
	double x_max;        /* decades of 1 / (1 - q) */
	double y_min, y_max; /* decades of nanoseconds */
};

static double
x_at(const struct axes *a, double decades)
{
	return LEFT + (WIDTH - LEFT - RIGHT) * decades / a->x_max;
}

static double
y_at(const struct axes *a, double ns)
{
	double d = log10(ns < 1 ? 1 : ns);

	return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (d - a->y_min) / (a->y_max - a->y_min);
}

static bool
find_axes(const struct results *r, struct axes *ret)
{
	struct axes a = {.x_max = 2, .y_min = 99, .y_max = 0};
	bool any = false;

	for (size_t i = 0; i < r->n; i++) {
		const struct hist *h = &r->series[i].hist;

		if (!r->series[i].has_hist || h->count == 0)
			continue;
		any = true;
		a.x_max = fmax(a.x_max, ceil(log10((double)h->count)));
		a.y_min = fmin(a.y_min, floor(log10((double)(h->min ? h->min : 1))));
		a.y_max = fmax(a.y_max, ceil(log10((double)h->max + 1)));
	}
	if (a.y_max <= a.y_min)
		a.y_max = a.y_min + 1;
	*ret = a;
	return any;
}

static void
print_grid(const struct axes *a, FILE *out)
{
	for (int d = 0; d <= (int)a->x_max; d++) {
		double x = x_at(a, d);

		fprintf(out, "<line class=grid x1=%.1f y1=%.1f x2=%.1f y2=%.1f />", x, TOP, x,
			HEIGHT - BOTTOM);
		fprintf(out, "<text x=%.1f y=%.1f text-anchor=middle>", x, HEIGHT - BOTTOM + 18);
		if (d < 2)
			fputs(d == 0 ? "min" : "p90", out);
		else
			fprintf(out, d == 2 ? "p99" : "p99.%.*s", d - 2, "999999999999999999");
		fputs("</text>\n", out);
	}
	for (int d = (int)a->y_min; d <= (int)a->y_max; d++) {
		double ns = pow(10, d), y = y_at(a, ns);
		char buf[32];

		fprintf(out, "<line class=grid x1=%.1f y1=%.1f x2=%.1f y2=%.1f />", LEFT, y,
			WIDTH - RIGHT, y);
		fprintf(out, "<text x=%.1f y=%.1f text-anchor=end>%s</text>\n", LEFT - 8, y + 4,
			table_time((uint64_t)ns, buf, sizeof(buf)));
	}
}

/* A staircase, thinned to half a pixel: up to the bucket's time at the share of values below it. */
static void
print_curve(const struct axes *a, const struct hist *h, size_t colour, FILE *out)
{
	double last_x = -1, count = (double)h->count;
	uint64_t below = 0;

	fprintf(out, "<polyline class=c%zu points=\"", colour);
	for (unsigned int b = 0; b < HIST_BUCKETS; b++) {
		double x, y;
		bool last;

		if (!h->bucket[b])
			continue;
		below += h->bucket[b];
		last = below >= h->count;
		x = x_at(a, last ? log10(count) : log10(count / (count - (double)below)));
		if (!last && last_x >= 0 && x - last_x < 0.5)
			continue;
		y = y_at(a, (double)(last ? h->max : hist_high(b)));
		if (last_x < 0)
			fprintf(out, "%.1f,%.1f ", x_at(a, 0), y);
		fprintf(out, "%.1f,%.1f ", x, y);
		last_x = x;
	}
	fputs("\"/>\n", out);
}

void
svg_curves(const struct results *r, FILE *out)
{
	struct axes a;
	size_t colour = 0;

	if (!find_axes(r, &a))
		return;
	fprintf(out,
		"<svg viewBox=\"0 0 %.0f %.0f\" role=img aria-label=\"Time over percentile, both "
		"logarithmic\">\n",
		WIDTH, HEIGHT);
	print_grid(&a, out);
	fprintf(out, "<text x=%.1f y=%.1f text-anchor=middle>percentile</text>\n",
		LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8);
	for (size_t i = 0; i < r->n; i++)
		if (r->series[i].has_hist && r->series[i].hist.count)
			print_curve(&a, &r->series[i].hist, colour++ % SVG_COLOURS, out);
	fputs("</svg>\n<p class=legend>", out);
	colour = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (!r->series[i].has_hist || !r->series[i].hist.count)
			continue;
		fprintf(out, "<span class=\"key c%zu\"></span> ", colour++ % SVG_COLOURS);
		html_text(r->series[i].label, out);
		fputs(" &emsp;", out);
	}
	fputs("</p>\n", out);
}
