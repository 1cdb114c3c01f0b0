/* SPDX-License-Identifier: Apache-2.0 */
/* A site back to YAML, every default filled in, walked by the same table that read it. */
#include <errno.h>
#include <string.h>

#include "base/port.h"
#include "config/bind.h"
#include "config/load.h"
#include "config/schema.h"
#include "config/text.h"
#include "config/types.h"
#include "config/types_net.h"
#include "config/value.h"

struct dumper {
	const struct site *site;
	FILE *out;
};

static void dump_object(struct dumper *d, const struct config_schema *s, const char *base,
			unsigned int indent, bool in_list);

static void
dump_index_map(struct dumper *d, const struct config_key *k, const char *base)
{
	const int *field = (const int *)(const void *)(base + k->offset);
	bool any = false;

	for (size_t i = 0; i < index_map_size(k); i++) {
		if (field[i] < 0)
			continue;
		fprintf(d->out, "%s%zu: %d", any ? ", " : " {", i, field[i]);
		any = true;
	}
	fputs(any ? "}\n" : " auto\n", d->out);
}

static void
dump_scalar(struct dumper *d, const struct config_key *k, const char *base)
{
	char mac[VALUE_LEN];
	bool is_auto;

	fputc(' ', d->out);
	type_print(k, base, d->site, d->out);
	if (k->type == KEY_MAC && (k->flags & KEY_AUTO)) {
		memcpy(&is_auto, base + k->aux, sizeof(is_auto));
		if (is_auto)
			fprintf(d->out, " # %s",
				value_format_mac((const uint8_t *)base + k->offset, mac));
	}
	fputc('\n', d->out);
}

static void
dump_list(struct dumper *d, const struct config_key *k, const char *base, unsigned int indent)
{
	const char *items;
	size_t n;

	memcpy(&items, base + k->offset, sizeof(items));
	memcpy(&n, base + k->aux, sizeof(n));
	fputs(n ? "\n" : " []\n", d->out);
	for (size_t i = 0; i < n; i++)
		dump_object(d, k->sub, items + i * k->sub->size, indent + 2, true);
}

static void
dump_labels(struct dumper *d, const struct config_key *k, const char *base)
{
	size_t n;

	memcpy(&n, base + k->aux, sizeof(n));
	fputs(" [", d->out);
	for (size_t i = 0; i < n; i++)
		fprintf(d->out, "%s\"%s\"", i ? ", " : "", base + k->offset + i * NAME_MAX_LEN);
	fputs("]\n", d->out);
}

static const char *
text_of(const struct config_key *k, const char *base)
{
	const char *text;

	memcpy(&text, base + k->offset, sizeof(text));
	return text;
}

static void
dump_text(struct dumper *d, const struct config_key *k, const char *base)
{
	fputc(' ', d->out);
	if (k->type == KEY_TREE)
		fputs(text_of(k, base), d->out);
	else
		text_print(text_of(k, base), d->out);
	fputc('\n', d->out);
}

static void
dump_key(struct dumper *d, const struct config_key *k, const char *base, unsigned int indent)
{
	switch (k->type) {
	case KEY_OBJECT:
		fputc('\n', d->out);
		dump_object(d, k->sub, base, indent + 2, false);
		break;
	case KEY_LIST:
		dump_list(d, k, base, indent);
		break;
	case KEY_INDEX_MAP:
		dump_index_map(d, k, base);
		break;
	case KEY_LABELS:
		dump_labels(d, k, base);
		break;
	case KEY_VLANS:
	case KEY_MACS:
	case KEY_IPS:
		fputc(' ', d->out);
		type_print_items(k, base + k->offset, d->out);
		fputc('\n', d->out);
		break;
	case KEY_TEXT:
	case KEY_TREE:
		dump_text(d, k, base);
		break;
	default:
		dump_scalar(d, k, base);
		break;
	}
}

/* Whether the struct at @base has something to say under this key. */
static bool
is_told(const struct config_schema *s, const struct config_key *k, const char *base)
{
	bool given = true;

	if (k->type == KEY_LATER)
		return false;
	if (k->flags & (KEY_ONE_OF | KEY_BELONGS))
		return field_load(base + s->tag, s->tag_width) == k->tag;
	if (k->flags & KEY_GIVEN)
		memcpy(&given, base + k->aux, sizeof(given));
	if (k->type == KEY_TEXT || k->type == KEY_TREE)
		given = text_of(k, base) != NULL;
	return given;
}

/* Each key on a line of its own; in a list the first of them gets the dash. */
static void
dump_object(struct dumper *d, const struct config_schema *s, const char *base, unsigned int indent,
	    bool in_list)
{
	bool dash = in_list;

	for (size_t i = 0; i < s->n; i++) {
		const struct config_key *k = &s->key[i];

		if (!is_told(s, k, base))
			continue;
		fprintf(d->out, "%*s%s%s:", (int)(dash ? indent - 2 : indent), "", dash ? "- " : "",
			k->name);
		dash = false;
		dump_key(d, k, base, indent);
	}
}

static void
dump_document(struct dumper *d, int kind, const void *base)
{
	if (kind != KIND_HOST)
		fputs("---\n", d->out);
	dump_object(d, &config_kind[kind].schema, base, 0, false);
}

int
config_dump(const struct site *s, FILE *out)
{
	struct dumper d = {.site = s, .out = out};

	dump_document(&d, KIND_HOST, &s->host);
	for (size_t i = 0; i < s->n_networks; i++)
		dump_document(&d, KIND_NETWORK, &s->networks[i]);
	for (size_t i = 0; i < s->n_vnfs; i++)
		dump_document(&d, KIND_VNF, &s->vnfs[i]);
	return fflush(out) == EOF || ferror(out) ? -EIO : 0;
}
