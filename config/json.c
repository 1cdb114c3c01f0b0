/* SPDX-License-Identifier: Apache-2.0 */
#include "config/json.h"

#include <ctype.h>
#include <string.h>

#include "base/util.h"
#include "config/text.h"

/* Past one or more digits at @p; NULL when there is none. */
static const char *
digits(const char *p)
{
	const char *start = p;

	while (isdigit((unsigned char)*p))
		p++;
	return p > start ? p : NULL;
}

/* RFC 8259, 6. */
static bool
is_number(const char *p)
{
	p += *p == '-';
	if (p[0] == '0' && isdigit((unsigned char)p[1]))
		return false;
	p = digits(p);
	if (p && *p == '.')
		p = digits(p + 1);
	if (p && (*p == 'e' || *p == 'E')) {
		p++;
		p = digits(p + (*p == '+' || *p == '-'));
	}
	return p && *p == '\0';
}

/* YAML 1.1, tag bool, as PyYAML and so cloud-init read it. NULL: it is none. */
static const char *
boolean(const char *text)
{
	static const char *const word[][2] = {
		{"true", "true"}, {"True", "true"},   {"TRUE", "true"},   {"yes", "true"},
		{"Yes", "true"},  {"YES", "true"},    {"on", "true"},     {"On", "true"},
		{"ON", "true"},   {"false", "false"}, {"False", "false"}, {"FALSE", "false"},
		{"no", "false"},  {"No", "false"},    {"NO", "false"},    {"off", "false"},
		{"Off", "false"}, {"OFF", "false"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(word); i++)
		if (strcmp(text, word[i][0]) == 0)
			return word[i][1];
	return NULL;
}

struct sink {
	char *buf; /* NULL: only counts */
	size_t used;
};

static void
put(struct sink *s, const char *text)
{
	size_t len = strlen(text);

	if (s->buf)
		memcpy(s->buf + s->used, text, len);
	s->used += len;
}

static void
put_string(struct sink *s, const char *text)
{
	put(s, "\"");
	for (; *text; text++) {
		const char *escape = text_escape(*text);

		put(s, escape ? escape : (const char[]){*text, '\0'});
	}
	put(s, "\"");
}

static void
put_scalar(struct sink *s, const struct node *n)
{
	const char *word = n->plain ? boolean(n->text) : NULL;

	if (n->null)
		put(s, "null");
	else if (word)
		put(s, word);
	else if (n->plain && is_number(n->text))
		put(s, n->text);
	else
		put_string(s, n->text);
}

/* At most NODE_DEPTH_MAX deep. */
static void
put_node(struct sink *s, const struct node *n)
{
	if (n->kind == NODE_SCALAR) {
		put_scalar(s, n);
		return;
	}
	put(s, n->kind == NODE_MAP ? "{" : "[");
	for (const struct node *c = n->first; c; c = c->next) {
		if (c->key) {
			put_string(s, c->key->text);
			put(s, ": ");
		}
		put_node(s, c);
		put(s, c->next ? ", " : "");
	}
	put(s, n->kind == NODE_MAP ? "}" : "]");
}

size_t
json_write(const struct node *n, char *buf)
{
	struct sink s = {.buf = buf};

	put_node(&s, n);
	return s.used;
}
