/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/args.h"

#include "bench/probe/str.h"

#define S  1000000000ull
#define MS 1000000ull

enum kind { K_ENUM, K_NUMBER, K_TIME, K_BOOL, K_NIC, K_MAC, K_SIZES };

static const char *const mode_names[] = {"boot",  "loop",   "rtt",   "echo",    "gen",
					 "count", "jitter", "exits", "garbage", "triplefault",
					 "flood", "hlt",    "smp",   "console", "irq",
					 "rng",   "pci",    "reset", "mem",     "fault",
					 NULL};
static const char *const out_names[] = {"serial", "console", NULL};
static const char *const ring_names[] = {"split", "packed", NULL};
static const char *const what_names[] = {"rings", "config", "msix", "pio", "mmio", NULL};

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min, max;
	const char *const *names;
};

#define FIELD(f) offsetof(struct args, f)

static const struct key keys[] = {
	{"mode", K_ENUM, FIELD(mode), 0, 0, mode_names},
	{"out", K_ENUM, FIELD(out), 0, 0, out_names},
	{"rings", K_ENUM, FIELD(rings), 0, 0, ring_names},
	{"what", K_ENUM, FIELD(what), 0, 0, what_names},
	{"tx", K_NIC, FIELD(tx), 0, 15, NULL},
	{"rx", K_NIC, FIELD(rx), 0, 15, NULL},
	{"src", K_MAC, FIELD(src), 0, 0, NULL},
	{"dst", K_MAC, FIELD(dst), 0, 0, NULL},
	{"rate", K_NUMBER, FIELD(rate), 0, 1000000000, NULL},
	{"size", K_SIZES, FIELD(size), 60, 9216, NULL},
	{"time", K_TIME, FIELD(time), 0, 1000000 * S, NULL},
	{"warmup", K_TIME, FIELD(warmup), 0, 1000 * S, NULL},
	{"wait", K_TIME, FIELD(wait), 0, 100000 * S, NULL},
	{"drain", K_TIME, FIELD(drain), 0, 1000 * S, NULL},
	{"threshold", K_TIME, FIELD(threshold), 1, 1000 * S, NULL},
	{"count", K_NUMBER, FIELD(count), 0, UINT64_MAX, NULL},
	{"queues", K_NUMBER, FIELD(queues), 1, 8, NULL},
	{"macs", K_NUMBER, FIELD(macs), 1, 65536, NULL},
	{"burst", K_NUMBER, FIELD(burst), 1, 256, NULL},
	{"ring", K_NUMBER, FIELD(ring), 2, 1024, NULL},
	{"tsc", K_NUMBER, FIELD(tsc_hz), 1000000, 100000000000, NULL},
	{"seed", K_NUMBER, FIELD(seed), 0, UINT64_MAX, NULL},
	{"ecam", K_NUMBER, FIELD(ecam), 0, 0xfff00000, NULL},
	{"cpus", K_NUMBER, FIELD(cpus), 1, 64, NULL},
	{"indirect", K_BOOL, FIELD(indirect), 0, 0, NULL},
	{"chain", K_BOOL, FIELD(chain), 0, 0, NULL},
	{"stop", K_BOOL, FIELD(stop), 0, 0, NULL},
	{"mrg", K_BOOL, FIELD(mrg), 0, 0, NULL},
	{"check", K_BOOL, FIELD(check), 0, 0, NULL},
	{"hist", K_BOOL, FIELD(hist), 0, 0, NULL},
};

void
args_default(struct args *a)
{
	*a = (struct args){
		.mode = MODE_BOOT,
		.tx = {.index = 0},
		.rx = {.index = 0},
		.rate = 100000,
		.size = {64},
		.n_sizes = 1,
		.time = 1 * S,
		.warmup = 100 * MS,
		.wait = 10 * S,
		.drain = 100 * MS,
		.threshold = 1000,
		.queues = 1,
		.macs = 1,
		.burst = 32,
		.ring = 256,
		.seed = 1,
		.cpus = 1,
		.mrg = true,
		.check = true,
		.hist = true,
		.stop = true,
	};
}

const char *
args_mode_name(uint32_t mode)
{
	return mode < sizeof(mode_names) / sizeof(mode_names[0]) - 1 ? mode_names[mode] : "?";
}

/* "0x1f", "100", "1k", "2.5M" is not: a number and at most one suffix. */
static int
number(const char *s, size_t len, const char **ret_rest, uint64_t *ret)
{
	uint64_t v = 0, base = 10;
	size_t i = 0;

	if (len > 2 && s[0] == '0' && s[1] == 'x') {
		base = 16;
		i = 2;
	}
	size_t first = i;
	for (; i < len; i++) {
		unsigned int d;

		if (s[i] >= '0' && s[i] <= '9')
			d = (unsigned int)(s[i] - '0');
		else if (base == 16 && s[i] >= 'a' && s[i] <= 'f')
			d = (unsigned int)(s[i] - 'a' + 10);
		else
			break;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return -1;
	}
	if (i == first)
		return -1;
	*ret_rest = s + i;
	*ret = v;
	return 0;
}

static int
scaled(const char *s, size_t len, bool time, uint64_t *ret)
{
	static const struct {
		const char *suffix;
		bool time;
		uint64_t factor;
	} units[] = {{"", false, 1},           {"k", false, 1000}, {"M", false, 1000000},
		     {"G", false, 1000000000}, {"", true, S},      {"s", true, S},
		     {"ms", true, MS},         {"us", true, 1000}, {"ns", true, 1}};
	const char *rest;
	uint64_t v;

	if (number(s, len, &rest, &v))
		return -1;
	len -= (size_t)(rest - s);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].time != time || strlen(units[i].suffix) != len ||
		    memcmp(units[i].suffix, rest, len) != 0)
			continue;
		return __builtin_mul_overflow(v, units[i].factor, ret) ? -1 : 0;
	}
	return -1;
}

static int
hexdigit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int
parse_mac(const char *s, size_t len, uint8_t mac[6])
{
	uint8_t m[6];

	if (len != 17)
		return -1;
	for (size_t i = 0; i < 6; i++) {
		int hi = hexdigit(s[i * 3]), lo = hexdigit(s[i * 3 + 1]);

		if (hi < 0 || lo < 0 || (i < 5 && s[i * 3 + 2] != ':'))
			return -1;
		m[i] = (uint8_t)(hi << 4 | lo);
	}
	memcpy(mac, m, 6);
	return 0;
}

static int
parse_nic(const char *s, size_t len, struct nic_name *n)
{
	uint64_t v;

	if (len == 17) {
		if (parse_mac(s, len, n->mac))
			return -1;
		n->set = true;
		n->by_mac = true;
		return 0;
	}
	if (scaled(s, len, false, &v) || v > 15)
		return -1;
	n->set = true;
	n->by_mac = false;
	n->index = (uint32_t)v;
	return 0;
}

/* "64" or "64,570,1514" */
static int
parse_sizes(struct args *a, const struct key *k, const char *s, size_t len)
{
	uint32_t n = 0;

	for (size_t start = 0, i = 0; i <= len; i++) {
		uint64_t v;

		if (i < len && s[i] != ',')
			continue;
		if (n == ARGS_SIZES_MAX || scaled(s + start, i - start, false, &v) || v < k->min ||
		    v > k->max)
			return -1;
		a->size[n++] = v;
		start = i + 1;
	}
	a->n_sizes = n;
	return 0;
}

static int
set(struct args *a, const struct key *k, const char *s, size_t len)
{
	void *p = (char *)a + k->offset;
	struct mac_arg *mac = p;
	uint64_t v;

	switch (k->kind) {
	case K_ENUM:
		for (uint32_t i = 0; k->names[i]; i++) {
			if (strlen(k->names[i]) == len && !memcmp(k->names[i], s, len)) {
				*(uint32_t *)p = i;
				return 0;
			}
		}
		return -1;
	case K_BOOL:
		if (len != 1 || (*s != '0' && *s != '1'))
			return -1;
		*(bool *)p = *s == '1';
		return 0;
	case K_NIC:
		return parse_nic(s, len, p);
	case K_MAC:
		mac->set = true;
		return parse_mac(s, len, mac->mac);
	case K_SIZES:
		return parse_sizes(a, k, s, len);
	case K_NUMBER:
	case K_TIME:
		if (scaled(s, len, k->kind == K_TIME, &v) || v < k->min || v > k->max)
			return -1;
		*(uint64_t *)p = v;
		return 0;
	}
	return -1;
}

static int
fail(char error[ARGS_ERROR_MAX], const char *what, const char *word, size_t len)
{
	size_t n = strlen(what);

	memcpy(error, what, n);
	if (len > ARGS_ERROR_MAX - n - 1)
		len = ARGS_ERROR_MAX - n - 1;
	memcpy(error + n, word, len);
	error[n + len] = '\0';
	return -1;
}

static int
parse_word(struct args *a, const char *w, size_t len, char error[ARGS_ERROR_MAX])
{
	size_t eq = 0;

	while (eq < len && w[eq] != '=')
		eq++;
	if (eq == len)
		return fail(error, "not of the form key=value: ", w, len);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].name) != eq || memcmp(keys[i].name, w, eq) != 0)
			continue;
		if (set(a, &keys[i], w + eq + 1, len - eq - 1))
			return fail(error, "malformed or out of range: ", w, len);
		return 0;
	}
	return fail(error, "unknown key: ", w, len);
}

int
args_parse(struct args *a, const char *cmdline, char error[ARGS_ERROR_MAX])
{
	const char *s = cmdline;

	for (;;) {
		size_t len = 0;

		while (*s == ' ' || *s == '\t' || *s == '\n')
			s++;
		if (!*s)
			return 0;
		while (s[len] && s[len] != ' ' && s[len] != '\t' && s[len] != '\n')
			len++;
		if (parse_word(a, s, len, error))
			return -1;
		s += len;
	}
}
