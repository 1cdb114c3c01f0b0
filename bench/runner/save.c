/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/runner/save.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/runner/html.h"
#include "bench/runner/table.h"

static int
save_json(json_t *j, const char *dir, const char *name, struct err *e)
{
	char path[PATH_MAX];
	int r = 0;

	if (!j)
		return err_set(e, ENOMEM, "no memory for %s", name);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		r = err_sys(e, ENAMETOOLONG, "%s", dir);
	else if (json_dump_file(j, path, JSON_INDENT(1)) < 0)
		r = err_sys(e, errno ? errno : EIO, "%s", path);
	json_decref(j);
	return r;
}

/* hist_parse() reads it back; "#" lines say what it is. */
static int
save_histogram(const struct series *s, const char *dir, struct err *e)
{
	char path[PATH_MAX], name[sizeof(s->label)];
	char *text;
	int r = 0;
	FILE *f;

	snprintf(name, sizeof(name), "%s", s->label);
	for (char *c = name; *c; c++)
		if (*c == ' ')
			*c = '-';
	if ((size_t)snprintf(path, sizeof(path), "%s/%s.hist", dir, name) >= sizeof(path))
		return err_sys(e, ENAMETOOLONG, "%s", dir);
	text = malloc(HIST_TEXT_MAX);
	if (!text)
		return err_set(e, ENOMEM, "no memory for %s", path);
	hist_format(&s->hist, text, HIST_TEXT_MAX);
	f = fopen(path, "we");
	if (!f) {
		r = err_sys(e, errno, "%s", path);
		goto free_text;
	}
	fprintf(f, "# %s: nanoseconds; minimum, maximum, then bucket:count (bench/hist.h)\n%s\n",
		s->label, text);
	if (fclose(f) == EOF)
		r = err_sys(e, errno, "%s", path);
free_text:
	free(text);
	return r;
}

static int
save_html(const struct results *r, const char *dir, struct err *e)
{
	char path[PATH_MAX];
	FILE *f;
	int n;

	if ((size_t)snprintf(path, sizeof(path), "%s/report.html", dir) >= sizeof(path))
		return err_sys(e, ENAMETOOLONG, "%s", dir);
	f = fopen(path, "we");
	if (!f)
		return err_sys(e, errno, "%s", path);
	n = html_print(r, f);
	if (fclose(f) == EOF || n < 0)
		return err_sys(e, EIO, "%s", path);
	return 0;
}

int
save_results(const struct results *r, const char *dir, struct err *e)
{
	int n;

	n = save_json(table_json(r), dir, "results.json", e);
	if (n == 0)
		n = save_json(json_incref(r->report), dir, "report.json", e);
	for (size_t i = 0; n == 0 && i < r->n; i++)
		if (r->series[i].has_hist)
			n = save_histogram(&r->series[i], dir, e);
	return n < 0 ? n : save_html(r, dir, e);
}
