/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events to a tree of nodes. Stops at the first thing that is not YAML; what is YAML but
 * not welcome here (aliases, tags, duplicate keys) is reported and reading goes on.
 */
#include "config/node.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "config/text.h"

/* Internal: stop reading this file; the reason has been reported. */
#define STOP (-ECANCELED)

struct reader {
	yaml_parser_t parser;
	const char *file_name;
	const unsigned char *data;
	size_t size;
	struct arena *arena;
	struct problems *p;
	size_t *budget;
};

static struct where
at(const struct reader *r, const yaml_mark_t *m)
{
	return (struct where){.file = r->file_name,
			      .line = (unsigned int)m->line + 1,
			      .column = (unsigned int)m->column + 1};
}

/* Where byte @offset is: libyaml gives no line for bytes that it cannot decode. */
static struct where
at_offset(const struct reader *r, size_t offset)
{
	struct where w = {.file = r->file_name, .line = 1, .column = 1};

	for (size_t i = 0; i < offset && i < r->size; i++) {
		bool cr = r->data[i] == '\r' && (i + 1 == r->size || r->data[i + 1] != '\n');

		if (cr || r->data[i] == '\n') {
			w.line++;
			w.column = 1;
		} else if ((r->data[i] & 0xc0) != 0x80) {
			w.column++;
		}
	}
	return w;
}

static int
stop(struct reader *r)
{
	r->p->cut_short = true;
	return STOP;
}

static int
parser_error(struct reader *r)
{
	const yaml_parser_t *y = &r->parser;
	struct where w;

	if (y->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (y->error == YAML_READER_ERROR) {
		w = at_offset(r, y->problem_offset);
		if (y->problem_value >= 0)
			problem_add(r->p, r->p->file, &w, NULL, "not UTF-8 text: %s (byte 0x%02x)",
				    y->problem, (unsigned int)y->problem_value);
		else
			problem_add(r->p, r->p->file, &w, NULL, "not UTF-8 text: %s", y->problem);
		return stop(r);
	}
	w = at(r, &y->problem_mark);
	if (y->context)
		problem_add(r->p, r->p->file, &w, NULL, "not YAML: %s (%s from line %zu)",
			    y->problem, y->context, y->context_mark.line + 1);
	else
		problem_add(r->p, r->p->file, &w, NULL, "not YAML: %s", y->problem);
	return stop(r);
}

static int
next_event(struct reader *r, yaml_event_t *ret)
{
	return yaml_parser_parse(&r->parser, ret) ? 0 : parser_error(r);
}

static int
make_node(struct reader *r, enum node_kind kind, const yaml_mark_t *mark, struct node **ret)
{
	struct where w = at(r, mark);
	struct node *n;

	if (*r->budget == 0) {
		problem_add(r->p, r->p->file, &w, NULL, "more than %u values in one site",
			    NODE_COUNT_MAX);
		return stop(r);
	}
	--*r->budget;
	n = arena_alloc(r->arena, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->kind = kind;
	n->where = w;
	n->file = r->p->file;
	*ret = n;
	return 0;
}

/*
 * No declaration needs anchors or tags. A tag changes what its value means; an anchor does not, so
 * that what it stands before can still be judged.
 */
static void
refuse_properties(struct reader *r, struct node *n, const yaml_char_t *anchor,
		  const yaml_char_t *tag)
{
	if (anchor)
		problem_add(r->p, n->file, &n->where, NULL,
			    "anchors (&) are not supported; write the value out");
	if (tag)
		problem_add(r->p, n->file, &n->where, NULL,
			    "tags (!) are not supported; leave the tag out");
	if (tag)
		n->bad = true;
}

static int
read_scalar(struct reader *r, const yaml_event_t *ev, struct node **ret)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	struct node *n;
	int e;

	e = make_node(r, NODE_SCALAR, &ev->start_mark, &n);
	if (e < 0)
		return e;
	refuse_properties(r, n, ev->data.scalar.anchor, ev->data.scalar.tag);
	if (memchr(text, '\0', len)) {
		problem_add(r->p, n->file, &n->where, NULL, "a NUL byte in a text");
		n->bad = true;
	}
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (n->plain)
		n->null = len == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
	n->text = arena_text(r->arena, text, len);
	if (!n->text)
		return -ENOMEM;
	*ret = n;
	return 0;
}

static void
append(struct node *parent, struct node *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->n++;
}

/* Checks a key. Returns whether its value should be kept. */
static bool
check_key(struct reader *r, const struct node *map, const struct node *key)
{
	char buf[QUOTED_LEN];
	const struct node *twin;

	if (key->kind != NODE_SCALAR) {
		problem_add(r->p, key->file, &key->where, NULL, "a key has to be a plain word");
		return false;
	}
	if (key->bad)
		return false;
	twin = node_get(map, key->text);
	if (twin) {
		problem_add(r->p, key->file, &key->where, NULL,
			    "key %s is already given at line %u; keep one of them",
			    text_quote(key->text, buf), twin->key->where.line);
		return false;
	}
	return true;
}

static int read_node(struct reader *r, yaml_event_t *ev, unsigned int depth, struct node **ret);

static int
read_value(struct reader *r, unsigned int depth, struct node **ret)
{
	yaml_event_t ev;
	int e;

	e = next_event(r, &ev);
	if (e < 0)
		return e;
	e = read_node(r, &ev, depth, ret);
	yaml_event_delete(&ev);
	return e;
}

/* One key and its value; the event of the key is @ev. */
static int
read_pair(struct reader *r, yaml_event_t *ev, unsigned int depth, struct node *map)
{
	struct node *key, *value;
	int e;

	e = read_node(r, ev, depth, &key);
	if (e < 0)
		return e;
	e = read_value(r, depth, &value);
	if (e < 0)
		return e;
	if (!check_key(r, map, key))
		return 0;
	if (map->n == NODE_KEYS_MAX) {
		problem_add(r->p, key->file, &key->where, NULL, "more than %u keys in one mapping",
			    NODE_KEYS_MAX);
		return stop(r);
	}
	value->key = key;
	append(map, value);
	return 0;
}

static int
read_children(struct reader *r, unsigned int depth, struct node *parent)
{
	yaml_event_type_t end =
		parent->kind == NODE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
	struct node *child;
	yaml_event_t ev;
	bool more;
	int e;

	do {
		e = next_event(r, &ev);
		if (e < 0)
			return e;
		more = ev.type != end;
		if (more && parent->kind == NODE_MAP) {
			e = read_pair(r, &ev, depth + 1, parent);
		} else if (more) {
			e = read_node(r, &ev, depth + 1, &child);
			if (e == 0)
				append(parent, child);
		}
		yaml_event_delete(&ev);
	} while (e == 0 && more);
	return e;
}

static int
read_collection(struct reader *r, const yaml_event_t *ev, unsigned int depth, struct node **ret)
{
	bool map = ev->type == YAML_MAPPING_START_EVENT;
	struct node *n;
	int e;

	e = make_node(r, map ? NODE_MAP : NODE_LIST, &ev->start_mark, &n);
	if (e < 0)
		return e;
	if (depth >= NODE_DEPTH_MAX) {
		problem_add(r->p, n->file, &n->where, NULL, "nested more than %d levels deep",
			    NODE_DEPTH_MAX);
		return stop(r);
	}
	if (map)
		refuse_properties(r, n, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
	else
		refuse_properties(r, n, ev->data.sequence_start.anchor,
				  ev->data.sequence_start.tag);
	e = read_children(r, depth, n);
	if (e < 0)
		return e;
	*ret = n;
	return 0;
}

static int
read_node(struct reader *r, yaml_event_t *ev, unsigned int depth, struct node **ret)
{
	int e;

	if (ev->type == YAML_SCALAR_EVENT)
		return read_scalar(r, ev, ret);
	if (ev->type != YAML_ALIAS_EVENT)
		return read_collection(r, ev, depth, ret);
	e = make_node(r, NODE_SCALAR, &ev->start_mark, ret);
	if (e < 0)
		return e;
	(*ret)->bad = true;
	(*ret)->text = "";
	problem_add(r->p, (*ret)->file, &(*ret)->where, NULL,
		    "aliases (*) are not supported; write the value out");
	return 0;
}

/* Adds the root of every document to @list. */
static int
read_stream(struct reader *r, struct node *list)
{
	struct node *root;
	yaml_event_t ev;
	bool more;
	int e;

	do {
		e = next_event(r, &ev);
		if (e < 0)
			return e;
		more = ev.type != YAML_STREAM_END_EVENT;
		if (ev.type == YAML_DOCUMENT_START_EVENT) {
			e = read_value(r, 0, &root);
			if (e == 0)
				append(list, root);
		}
		yaml_event_delete(&ev);
	} while (e == 0 && more);
	return e;
}

/*
 * libyaml compares every %TAG line with all that came before it, so that a file of them would keep
 * it busy for minutes; and tags are not supported in the first place. Lines may end in CR, LF, NEL,
 * LS or PS: the last bytes of these in UTF-8 are looked for.
 */
static bool
refuse_directives(struct reader *r)
{
	static const char word[] = "%TAG", line_ends[] = "\n\r\x85\xa8\xa9";
	const unsigned char *p = r->data, *end = r->data + r->size;
	struct where w;

	for (; (p = memmem(p, (size_t)(end - p), word, sizeof(word) - 1)) != NULL; p++) {
		if (p > r->data && !memchr(line_ends, p[-1], sizeof(line_ends) - 1))
			continue;
		w = at_offset(r, (size_t)(p - r->data));
		problem_add(r->p, r->p->file, &w, NULL,
			    "tags (!) are not supported; leave the %%TAG line out");
		stop(r);
		return true;
	}
	return false;
}

int
node_read(const char *file_name, const void *data, size_t size, struct arena *arena, size_t *budget,
	  struct problems *p, struct node **ret)
{
	static const unsigned char bom[] = {0xef, 0xbb, 0xbf};
	struct reader r = {.file_name = file_name, .arena = arena, .budget = budget, .p = p};
	bool has_bom = size >= sizeof(bom) && memcmp(data, bom, sizeof(bom)) == 0;
	struct node *list;
	int e;

	r.data = (const unsigned char *)data + (has_bom ? sizeof(bom) : 0);
	r.size = size - (has_bom ? sizeof(bom) : 0);
	list = arena_alloc(arena, sizeof(*list));
	if (!list)
		return -ENOMEM;
	list->kind = NODE_LIST;
	list->where = (struct where){.file = file_name};
	list->file = p->file;
	*ret = list;
	if (r.size > 0 && refuse_directives(&r))
		return 0;
	if (!yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	/* Said in so many words: libyaml would also guess UTF-16, and columns would be wrong. */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, r.size ? r.data : bom, r.size);
	e = read_stream(&r, list);
	yaml_parser_delete(&r.parser);
	return e < 0 && e != STOP ? e : 0;
}
