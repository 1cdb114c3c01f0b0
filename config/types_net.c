/* SPDX-License-Identifier: Apache-2.0 */
#include "config/types_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mac.h"
#include "base/port.h"
#include "config/text.h"
#include "config/types.h"
#include "config/value.h"

static const uint8_t no_mac[6];

/* " or any": the word that stands for nothing, for the end of a sentence. */
static const char *
or_word(const struct config_key *k, char buf[32])
{
	buf[0] = '\0';
	if (k->words)
		snprintf(buf, 32, ", or %s", k->words[0].name);
	return buf;
}

static bool
is_word(const struct config_key *k, const char *text)
{
	return k->words && strcmp(k->words[0].name, text) == 0;
}

static int
refuse(const char *text, const char *what, const struct config_key *k, char *why)
{
	char quoted[QUOTED_LEN], word[32];

	snprintf(why, COMPLAINT_LEN, "%s is not %s%s", text_quote(text, quoted), what,
		 or_word(k, word));
	return -EINVAL;
}

/* Whether a bit behind the prefix is set; cleared in @ret. */
static bool
mask_off(const struct port_ip *ip, struct port_ip *ret)
{
	size_t len = ip->family == 4 ? 4 : 16;
	bool any = false;

	*ret = *ip;
	for (size_t i = 0; i < len; i++) {
		unsigned int kept = ip->prefix > 8 * i ? ip->prefix - 8 * (unsigned int)i : 0;
		uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00u >> kept);

		any |= (ip->addr[i] & ~mask) != 0;
		ret->addr[i] &= mask;
	}
	return any;
}

static void
format_ip(const struct port_ip *ip, bool prefix, char buf[64])
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->addr, addr, sizeof(addr));
	if (prefix)
		snprintf(buf, 64, "%s/%u", addr, ip->prefix);
	else
		snprintf(buf, 64, "%s", addr);
}

static int
read_ip(const char *text, struct port_ip *ret, bool *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct port_ip ip = {0};
	char addr[INET6_ADDRSTRLEN];
	int64_t prefix;

	if (len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET, addr, ip.addr) == 1)
		ip.family = 4;
	else if (inet_pton(AF_INET6, addr, ip.addr) == 1)
		ip.family = 6;
	else
		return -EINVAL;
	prefix = ip.family == 4 ? 32 : 128;
	if (slash && (value_number(slash + 1, &prefix) < 0 || prefix < 0 ||
		      prefix > (ip.family == 4 ? 32 : 128)))
		return -EINVAL;
	ip.prefix = (uint8_t)prefix;
	*ret_prefix = slash != NULL;
	*ret = ip;
	return 0;
}

int
type_parse_ip(const struct config_key *k, const char *text, void *field, char *why)
{
	static const char *const what[] = {
		[IP_NETWORK] = "an address or a network such as 10.0.0.0/8 or 2001:db8::/32",
		[IP_LOCAL] = "an address with the prefix of its network, such as 10.0.0.1/24",
		[IP_HOST] = "an address such as 10.0.0.1 or 2001:db8::1",
	};
	struct port_ip ip = {0}, network;
	bool prefix = false;
	char buf[64];

	if (!is_word(k, text) && (read_ip(text, &ip, &prefix) < 0 ||
				  prefix != (k->min == IP_LOCAL || (k->min != IP_HOST && prefix))))
		return refuse(text, what[k->min], k, why);
	if (k->min == IP_NETWORK && ip.family && mask_off(&ip, &network)) {
		format_ip(&network, true, buf);
		snprintf(why, COMPLAINT_LEN, "%s has bits behind its prefix; %s is the network",
			 text, buf);
		return -EINVAL;
	}
	memcpy(field, &ip, sizeof(ip));
	return 0;
}

static void
print_one_ip(const struct config_key *k, const struct port_ip *ip, FILE *out)
{
	bool whole = ip->prefix == (ip->family == 4 ? 32 : 128);
	char buf[64];

	format_ip(ip, k->min == IP_LOCAL || (k->min == IP_NETWORK && !whole), buf);
	fprintf(out, "\"%s\"", buf);
}

void
type_print_ip(const struct config_key *k, const void *field, FILE *out)
{
	struct port_ip ip;

	memcpy(&ip, field, sizeof(ip));
	if (ip.family)
		print_one_ip(k, &ip, out);
	else
		fputs(k->words ? k->words[0].name : "\"\"", out);
}

/* "5" or "5-9", both within @min..@max. */
static int
read_range(const char *text, int64_t min, int64_t max, int64_t ret[2])
{
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	char first[24];

	if (len >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, len);
	first[len] = '\0';
	if (value_number(first, &ret[0]) < 0 || value_number(dash ? dash + 1 : first, &ret[1]) < 0)
		return -EINVAL;
	return ret[0] >= min && ret[0] <= ret[1] && ret[1] <= max ? 0 : -ERANGE;
}

int
type_parse_ports(const struct config_key *k, const char *text, void *field, char *why)
{
	int64_t range[2] = {0, 0};
	uint16_t ports[2];

	if (!is_word(k, text) && read_range(text, 1, UINT16_MAX, range) < 0)
		return refuse(text, "a port of 1..65535 or a range such as \"1024-2047\"", k, why);
	ports[0] = (uint16_t)range[0];
	ports[1] = (uint16_t)range[1];
	memcpy(field, ports, sizeof(ports));
	return 0;
}

static void
print_range(unsigned int first, unsigned int last, FILE *out)
{
	if (first == last)
		fprintf(out, "%u", first);
	else
		fprintf(out, "\"%u-%u\"", first, last);
}

void
type_print_ports(const struct config_key *k, const void *field, FILE *out)
{
	uint16_t ports[2];

	memcpy(ports, field, sizeof(ports));
	if (ports[1])
		print_range(ports[0], ports[1], out);
	else
		fputs(k->words[0].name, out);
}

int
type_parse_mac_mask(const struct config_key *k, const char *text, void *field, char *why)
{
	const char *slash = strchr(text, '/');
	uint8_t mac[6] = {0}, mask[6] = {0};
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char first[24];
	bool good = len < sizeof(first);

	if (good) {
		memcpy(first, text, len);
		first[len] = '\0';
		memset(mask, 0xff, sizeof(mask));
		good = mac_parse(first, mac) == 0 && (!slash || mac_parse(slash + 1, mask) == 0);
	}
	if (is_word(k, text)) {
		memset(mac, 0, sizeof(mac));
		memset(mask, 0, sizeof(mask));
	} else if (!good) {
		return refuse(text,
			      "six bytes such as \"02:00:00:00:01:01\", or with a mask "
			      "\"01:00:00:00:00:00/01:00:00:00:00:00\"",
			      k, why);
	} else if (memcmp(mask, no_mac, sizeof(mask)) == 0) {
		return refuse(text, "an address with a mask that leaves something of it", k, why);
	}
	for (size_t i = 0; i < sizeof(mac); i++)
		mac[i] &= mask[i];
	memcpy(field, mac, sizeof(mac));
	memcpy((char *)field + k->aux - k->offset, mask, sizeof(mask));
	return 0;
}

void
type_print_mac_mask(const struct config_key *k, const void *field, FILE *out)
{
	static const uint8_t whole[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const uint8_t *mask = (const uint8_t *)field + k->aux - k->offset;
	char buf[VALUE_LEN], mask_buf[VALUE_LEN];

	if (memcmp(mask, no_mac, sizeof(no_mac)) == 0)
		fputs(k->words[0].name, out);
	else if (memcmp(mask, whole, sizeof(whole)) == 0)
		fprintf(out, "\"%s\"", value_format_mac(field, buf));
	else
		fprintf(out, "\"%s/%s\"", value_format_mac(field, buf),
			value_format_mac(mask, mask_buf));
}

bool
type_is_items(enum key_type t)
{
	return t == KEY_VLANS || t == KEY_MACS || t == KEY_IPS;
}

static int
add_vlans(const struct config_key *k, const char *text, uint64_t *field, char *why)
{
	int64_t range[2];

	if (read_range(text, 1, VLAN_MAX, range) < 0)
		return refuse(text, "a VLAN of 1..4094 or a range such as \"300-310\"", k, why);
	for (int64_t v = range[0]; v <= range[1]; v++)
		field[v / 64] |= UINT64_C(1) << (v % 64);
	return 0;
}

static int
add_mac(const struct config_key *k, const char *text, uint8_t *field, char *why)
{
	size_t n = 0, max = k->width / 6;
	uint8_t mac[6];

	if (mac_parse(text, mac) < 0 || (mac[0] & 1) || memcmp(mac, no_mac, 6) == 0)
		return refuse(text, "an address of its own such as \"02:00:00:00:01:01\"", k, why);
	for (; n < max && memcmp(field + 6 * n, no_mac, 6) != 0; n++)
		if (memcmp(field + 6 * n, mac, 6) == 0) {
			snprintf(why, COMPLAINT_LEN, "has %s twice", text);
			return -EINVAL;
		}
	memcpy(field + 6 * n, mac, sizeof(mac)); /* the binder has counted */
	return 0;
}

static int
add_ip(const struct config_key *k, const char *text, char *field, char *why)
{
	size_t n = 0;
	struct port_ip ip, old;
	int r = type_parse_ip(k, text, &ip, why);

	if (r < 0)
		return r;
	for (;; n++) {
		memcpy(&old, field + n * sizeof(old), sizeof(old));
		if (!old.family)
			break;
		if (memcmp(&old, &ip, sizeof(ip)) == 0) {
			snprintf(why, COMPLAINT_LEN, "has %s twice", text);
			return -EINVAL;
		}
	}
	memcpy(field + n * sizeof(ip), &ip, sizeof(ip));
	return 0;
}

int
type_add_item(const struct config_key *k, const char *text, void *field, char *why)
{
	if (k->type == KEY_VLANS)
		return add_vlans(k, text, field, why);
	return k->type == KEY_MACS ? add_mac(k, text, field, why) : add_ip(k, text, field, why);
}

static void
print_vlans(const uint64_t *field, FILE *out)
{
	const char *sep = "";

	for (unsigned int v = 1; v <= VLAN_MAX; v++) {
		unsigned int last = v;

		if (!(field[v / 64] >> (v % 64) & 1))
			continue;
		while (last < VLAN_MAX && (field[(last + 1) / 64] >> ((last + 1) % 64) & 1))
			last++;
		fputs(sep, out);
		print_range(v, last, out);
		sep = ", ";
		v = last;
	}
}

void
type_print_items(const struct config_key *k, const void *field, FILE *out)
{
	const uint8_t *mac = field;
	char buf[VALUE_LEN];
	struct port_ip ip;

	fputc('[', out);
	if (k->type == KEY_VLANS)
		print_vlans(field, out);
	for (size_t i = 0; k->type == KEY_MACS && i < k->width / 6; i++)
		if (memcmp(mac + 6 * i, no_mac, 6) != 0)
			fprintf(out, "%s\"%s\"", i ? ", " : "", value_format_mac(mac + 6 * i, buf));
	for (size_t i = 0; k->type == KEY_IPS && i < k->width / sizeof(ip); i++) {
		memcpy(&ip, (const char *)field + i * sizeof(ip), sizeof(ip));
		if (!ip.family)
			break;
		fputs(i ? ", " : "", out);
		print_one_ip(k, &ip, out);
	}
	fputc(']', out);
}
