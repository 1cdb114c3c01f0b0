/* SPDX-License-Identifier: Apache-2.0 */
#include "config/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 2048

void
problem_errno(struct problems *p, int error)
{
	if (p->error == 0)
		p->error = error;
}

void
problem_add(struct problems *p, unsigned int file, const struct where *w, const char *who,
	    const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct problem *item;
	size_t len;
	va_list ap;

	p->total++;
	if (p->n == PROBLEMS_KEPT)
		return;
	if (w->line)
		snprintf(text, sizeof(text), "%s:%u:%u: ", w->file, w->line, w->column);
	else
		snprintf(text, sizeof(text), "%s: ", w->file);
	len = strlen(text);
	if (who && who[0])
		snprintf(text + len, sizeof(text) - len, "%s: ", who);
	len = strlen(text);
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	item = &p->kept[p->n];
	item->text = strdup(text);
	if (!item->text) {
		problem_errno(p, -ENOMEM);
		return;
	}
	item->file = file;
	item->line = w->line;
	item->column = w->column;
	item->found = p->total;
	p->n++;
}

static int
compare(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->found < y->found ? -1 : 1;
}

int
problem_finish(struct problems *p, struct config_problems *ret)
{
	*ret = (struct config_problems){.total = p->total};
	if (p->n > 0) {
		qsort(p->kept, p->n, sizeof(p->kept[0]), compare);
		ret->item = calloc(p->n, sizeof(ret->item[0]));
		if (!ret->item)
			problem_errno(p, -ENOMEM);
	}
	for (size_t i = 0; i < p->n; i++) {
		if (ret->item)
			ret->item[ret->n++].text = p->kept[i].text;
		else
			free(p->kept[i].text);
	}
	p->n = 0;
	if (p->error)
		return p->error;
	return p->total ? -EINVAL : 0;
}

void
config_problems_free(struct config_problems *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->item[i].text);
	free(p->item);
	*p = (struct config_problems){0};
}
