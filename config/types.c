/* SPDX-License-Identifier: Apache-2.0 */
#include "config/types.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cpuset.h"
#include "base/mac.h"
#include "base/pci.h"
#include "base/util.h"
#include "config/near.h"
#include "config/text.h"
#include "config/types_net.h"
#include "config/value.h"

struct type {
	const struct unit *units; /* of scaled numbers */
	const char *what;         /* "a size such as 512Mi" */
	int (*parse)(const struct config_key *k, const char *text, void *field, char *why);
	void (*print)(const struct config_key *k, const void *field, FILE *out);
};

static const struct type type[KEY_TYPES];

void
field_store(void *field, size_t width, int64_t v)
{
	/* Little-endian, as x86-64 is: the low bytes come first. */
	memcpy(field, &v, width);
}

int64_t
field_load(const void *field, size_t width)
{
	int64_t v = 0;
	int32_t v32;

	if (width == sizeof(v32)) {
		memcpy(&v32, field, sizeof(v32));
		return v32; /* int fields hold -1 for "auto" */
	}
	memcpy(&v, field, width);
	return v;
}

static const struct config_word *
word_of(const struct config_key *k, const char *text)
{
	for (const struct config_word *w = k->words; w && w->name; w++)
		if (strcmp(w->name, text) == 0)
			return w;
	return NULL;
}

static const char *
word_name(const struct config_key *k, int64_t value)
{
	for (const struct config_word *w = k->words; w && w->name; w++)
		if (w->value == value)
			return w->name;
	return NULL;
}

/* "a, b or c" */
static void
list_words(const struct config_key *k, char *buf, size_t size)
{
	buf[0] = '\0';
	for (const struct config_word *w = k->words; w && w->name; w++) {
		size_t len = strlen(buf);
		const char *glue = w == k->words ? "" : w[1].name ? ", " : " or ";

		snprintf(buf + len, size - len, "%s%s", glue, w->name);
	}
}

/* The complaint about something that is neither a value of the type nor one of the words. */
static int
not_a(const struct config_key *k, const char *text, const char *what, char *why)
{
	char quoted[QUOTED_LEN], words[128];

	list_words(k, words, sizeof(words));
	snprintf(why, COMPLAINT_LEN, "%s is not %s%s%s", text_quote(text, quoted), what,
		 words[0] ? ", or " : "", words);
	return -EINVAL;
}

static int
parse_string(const struct config_key *k, const char *text, void *field, char *why)
{
	char quoted[QUOTED_LEN];
	size_t len = strlen(text);
	const char *wrong;

	if (len < (size_t)k->min) {
		snprintf(why, COMPLAINT_LEN, "is empty");
		return -EINVAL;
	}
	if (len >= k->width) {
		snprintf(why, COMPLAINT_LEN, "is %zu bytes long; at most %zu fit", len,
			 k->width - 1);
		return -EINVAL;
	}
	if (!text_is_plain(text, len)) {
		snprintf(why, COMPLAINT_LEN, "holds a line break or an invisible character");
		return -EINVAL;
	}
	wrong = k->refuse && len > 0 ? k->refuse(text) : NULL;
	if (wrong) {
		snprintf(why, COMPLAINT_LEN, "%s %s", text_quote(text, quoted), wrong);
		return -EINVAL;
	}
	memset(field, 0, k->width);
	memcpy(field, text, len);
	return 0;
}

static void
print_string(const struct config_key *k, const void *field, FILE *out)
{
	text_print(field, out);
}

static int
check_label(const struct config_key *k, const char *text, char *why)
{
	return value_is_label(text)
		       ? 0
		       : not_a(k, text, "a name of a-z, 0-9 and inner \"-\", at most 63 long", why);
}

static int
parse_label(const struct config_key *k, const char *text, void *field, char *why)
{
	int r = check_label(k, text, why);

	return r < 0 ? r : parse_string(k, text, field, why);
}

/* Resolved later, when all documents are known: only the form is checked here. */
static int
parse_ref(const struct config_key *k, const char *text, void *field, char *why)
{
	return check_label(k, text, why);
}

/* Quoted: a name such as 123 or null has to stay a name. */
static void
print_label(const struct config_key *k, const void *field, FILE *out)
{
	fprintf(out, "\"%s\"", (const char *)field);
}

static const char *
format_number(const struct config_key *k, int64_t v, char buf[VALUE_LEN])
{
	if (type[k->type].units)
		return value_format((uint64_t)v, type[k->type].units, buf);
	if (k->type == KEY_HEX) {
		snprintf(buf, VALUE_LEN, "0x%04" PRIx64, v);
		return buf;
	}
	snprintf(buf, VALUE_LEN, "%" PRId64, v);
	return buf;
}

static int
out_of_range(const struct config_key *k, const char *text, char *why)
{
	char quoted[QUOTED_LEN], lo[VALUE_LEN], hi[VALUE_LEN];

	text = text_quote(text, quoted);
	if (k->min == k->max)
		snprintf(why, COMPLAINT_LEN, "%s is not %s", text, format_number(k, k->min, lo));
	else
		snprintf(why, COMPLAINT_LEN, "%s is not %s..%s", text, format_number(k, k->min, lo),
			 format_number(k, k->max, hi));
	return -EINVAL;
}

static int
parse_number(const struct config_key *k, const char *text, void *field, char *why)
{
	const struct config_word *w = word_of(k, text);
	const struct type *t = &type[k->type];
	char quoted[QUOTED_LEN], step[VALUE_LEN];
	int64_t v = w ? w->value : 0;
	uint64_t scaled = 0;
	int r = 0;

	if (!w && t->units) {
		r = value_scaled(text, t->units, &scaled);
		v = (int64_t)scaled;
	} else if (!w) {
		r = k->type == KEY_HEX ? value_hex(text, &v) : value_number(text, &v);
	}
	if (r == -EINVAL)
		return not_a(k, text, t->what, why);
	if (r < 0 || (!w && (v < k->min || v > k->max)))
		return out_of_range(k, text, why);
	if (!w && k->step && v % k->step != 0) {
		snprintf(why, COMPLAINT_LEN, "%s is not a multiple of %s", text_quote(text, quoted),
			 format_number(k, k->step, step));
		return -EINVAL;
	}
	field_store(field, k->width, k->scale ? v / k->scale : v);
	return 0;
}

static void
print_number(const struct config_key *k, const void *field, FILE *out)
{
	int64_t v = field_load(field, k->width);
	const char *name = word_name(k, v);
	char buf[VALUE_LEN];

	if (v < 0 && k->min >= 0)
		v &= UINT32_MAX; /* an unsigned field of 4 bytes */
	v *= k->scale ? k->scale : 1;
	fputs(name ? name : format_number(k, v, buf), out);
}

static int
parse_enum(const struct config_key *k, const char *text, void *field, char *why)
{
	const struct config_word *w = word_of(k, text);
	char quoted[QUOTED_LEN], words[128], hint[NEAR_HINT_LEN];
	struct near near = {.word = text};

	if (w) {
		field_store(field, k->width, w->value);
		return 0;
	}
	for (w = k->words; w->name; w++)
		if (k->words[1].name)
			near_try(&near, w->name);
	list_words(k, words, sizeof(words));
	snprintf(why, COMPLAINT_LEN, "%s is not %s%s", text_quote(text, quoted), words,
		 near_hint(&near, hint));
	return -EINVAL;
}

static void
print_enum(const struct config_key *k, const void *field, FILE *out)
{
	fputs(word_name(k, field_load(field, k->width)), out);
}

static int
parse_bool(const struct config_key *k, const char *text, void *field, char *why)
{
	return value_bool(text, field) < 0 ? not_a(k, text, "true or false", why) : 0;
}

static void
print_bool(const struct config_key *k, const void *field, FILE *out)
{
	bool v;

	memcpy(&v, field, sizeof(v));
	fputs(v ? "true" : "false", out);
}

static int
parse_cpus(const struct config_key *k, const char *text, void *field, char *why)
{
	bool none = (k->flags & KEY_NONE) && strcmp(text, "none") == 0;
	char quoted[QUOTED_LEN];
	struct cpuset set = {0};
	int r = none ? 0 : cpuset_parse(text, &set);

	if (r == -EINVAL || (!none && !text[0])) {
		snprintf(why, COMPLAINT_LEN, "%s is not a CPU list such as \"0-3,8\"%s%s",
			 text_quote(text, quoted), k->flags & KEY_AUTO ? ", or auto" : "",
			 k->flags & KEY_NONE ? ", or none" : "");
		return -EINVAL;
	}
	if (r < 0 || cpuset_next(&set, (unsigned int)k->max + 1) >= 0) {
		snprintf(why, COMPLAINT_LEN, "%s names a CPU above %" PRId64,
			 text_quote(text, quoted), k->max);
		return -EINVAL;
	}
	memcpy(field, &set, sizeof(set));
	return 0;
}

static void
print_cpus(const struct config_key *k, const void *field, FILE *out)
{
	char buf[CPUSET_TEXT_MAX];

	if (cpuset_empty(field))
		fputs("none", out);
	else
		fprintf(out, "\"%s\"", cpuset_format(field, buf, sizeof(buf)));
}

static int
parse_mac(const struct config_key *k, const char *text, void *field, char *why)
{
	static const uint8_t zero[6];
	char quoted[QUOTED_LEN];
	uint8_t mac[6];

	if (mac_parse(text, mac) < 0) {
		snprintf(why, COMPLAINT_LEN, "%s is not six bytes such as \"02:00:00:00:01:01\"%s",
			 text_quote(text, quoted), k->flags & KEY_AUTO ? ", or auto" : "");
		return -EINVAL;
	}
	if ((mac[0] & 1) || memcmp(mac, zero, sizeof(mac)) == 0) {
		snprintf(why, COMPLAINT_LEN, "%s is %s; an interface needs one of its own", text,
			 mac[0] & 1 ? "a group address" : "no address");
		return -EINVAL;
	}
	memcpy(field, mac, sizeof(mac));
	return 0;
}

static void
print_mac(const struct config_key *k, const void *field, FILE *out)
{
	char buf[VALUE_LEN];

	fprintf(out, "\"%s\"", value_format_mac(field, buf));
}

static int
parse_pci(const struct config_key *k, const char *text, void *field, char *why)
{
	char quoted[QUOTED_LEN];

	if (pci_addr_parse(text, field) == 0)
		return 0;
	snprintf(why, COMPLAINT_LEN, "%s is not a PCI address such as \"0000:01:00.0\"",
		 text_quote(text, quoted));
	return -EINVAL;
}

static void
print_pci(const struct config_key *k, const void *field, FILE *out)
{
	char buf[PCI_ADDR_LEN];

	fprintf(out, "\"%s\"", pci_addr_format(field, buf));
}

static const char *
ref_name(const struct config_key *k, const struct site *site, size_t i)
{
	return k->ref == REF_DEVICE ? site->host.devices[i].name : site->networks[i].name;
}

static const struct type type[KEY_TYPES] = {
	[KEY_STRING] = {.parse = parse_string, .print = print_string},
	[KEY_LABEL] = {.parse = parse_label, .print = print_label},
	[KEY_REF] = {.parse = parse_ref},
	[KEY_NUMBER] = {NULL, "a number", parse_number, print_number},
	[KEY_SIZE] = {unit_size, "a size such as 512Mi", parse_number, print_number},
	[KEY_BYTES] = {unit_bytes, "a number of bytes such as 1MB or 512Ki", parse_number,
		       print_number},
	[KEY_HEX] = {NULL, "a number such as 0x88cc", parse_number, print_number},
	[KEY_IP] = {.parse = type_parse_ip, .print = type_print_ip},
	[KEY_PORTS] = {.parse = type_parse_ports, .print = type_print_ports},
	[KEY_MAC_MASK] = {.parse = type_parse_mac_mask, .print = type_print_mac_mask},
	[KEY_DURATION] = {unit_duration, "a time such as 300s, 20ms or 50us", parse_number,
			  print_number},
	[KEY_RATE] = {unit_rate, "a rate such as 500Mbps", parse_number, print_number},
	[KEY_ENUM] = {.parse = parse_enum, .print = print_enum},
	[KEY_BOOL] = {.parse = parse_bool, .print = print_bool},
	[KEY_CPUS] = {.parse = parse_cpus, .print = print_cpus},
	[KEY_MAC] = {.parse = parse_mac, .print = print_mac},
	[KEY_PCI] = {.parse = parse_pci, .print = print_pci},
};

bool
type_is_scalar(enum key_type t)
{
	return type[t].parse != NULL;
}

int
type_parse(const struct config_key *k, const char *text, void *base, char why[COMPLAINT_LEN])
{
	bool is_auto = (k->flags & KEY_AUTO) && strcmp(text, "auto") == 0;
	int r = 0;

	if (!is_auto)
		r = type[k->type].parse(k, text, (char *)base + k->offset, why);
	if (r == 0 && (k->flags & KEY_AUTO))
		memcpy((char *)base + k->aux, &is_auto, sizeof(is_auto));
	return r;
}

void
type_print(const struct config_key *k, const void *base, const struct site *site, FILE *out)
{
	const char *field = (const char *)base + k->offset;
	bool is_auto = false;
	size_t i;

	if (k->flags & KEY_AUTO)
		memcpy(&is_auto, (const char *)base + k->aux, sizeof(is_auto));
	if (is_auto) {
		fputs("auto", out);
	} else if (k->type == KEY_REF) {
		memcpy(&i, field, sizeof(i));
		fprintf(out, "\"%s\"", ref_name(k, site, i));
	} else {
		type[k->type].print(k, field, out);
	}
}
