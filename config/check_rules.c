/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: rules that contradict themselves, and what is concluded from those that do not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/draft.h"
#include "config/near.h"
#include "config/rule.h"
#include "config/schema_rows.h"
#include "config/text.h"
#include "config/types.h"

/* 4 or 6 when the rule is about one of them, 0 otherwise; -1 when it is about both. */
static int
family_of(const struct site_rule *r)
{
	int family = 0;
	const int says[] = {
		r->source.family,
		r->target.family,
		r->rule.ether_type == 0x0800   ? 4
		: r->rule.ether_type == 0x86dd ? 6
					       : 0,
		r->protocol == 1    ? 4
		: r->protocol == 58 ? 6
				    : 0,
	};

	for (size_t i = 0; i < ARRAY_SIZE(says); i++) {
		if (!says[i])
			continue;
		if (family && family != says[i])
			return -1;
		family = says[i];
	}
	return family;
}

static bool
has_ports(const struct site_rule *r)
{
	return r->rule.source_port[1] || r->rule.target_port[1];
}

/* What is wrong with a rule, or NULL. */
static const char *
refuse_rule(const struct site_rule *r)
{
	bool ip = r->protocol != RULE_ANY_PROTOCOL || r->source.family || r->target.family;

	if (family_of(r) < 0)
		return "it asks for IPv4 and IPv6 at once, which no frame is; make two rules of it";
	if (has_ports(r) && r->protocol != 6 && r->protocol != 17 && r->protocol != 132)
		return "ports are those of a protocol; say protocol: tcp, udp or sctp";
	if (ip && r->rule.ether_type && r->rule.ether_type != 0x0800 &&
	    r->rule.ether_type != 0x86dd)
		return "frames of this etherType have no IP addresses and no protocol; leave "
		       "etherType out";
	return NULL;
}

static void
finish_rule(struct site_rule *r)
{
	r->rule.family = (uint8_t)MAX_OF(family_of(r), 0);
	r->rule.has_protocol = r->protocol != RULE_ANY_PROTOCOL;
	r->rule.protocol = (uint8_t)(r->rule.has_protocol ? r->protocol : 0);
	memcpy(r->rule.source, r->source.addr, sizeof(r->rule.source));
	memcpy(r->rule.target, r->target.addr, sizeof(r->rule.target));
	r->rule.source_prefix = r->source.prefix;
	r->rule.target_prefix = r->target.prefix;
}

void
rule_init(struct site_rule *r)
{
	char why[COMPLAINT_LEN];

	*r = (struct site_rule){0};
	for (size_t i = 0; i < config_rule.n; i++)
		type_parse(&config_rule.key[i], config_rule.key[i].dflt, r, why);
}

int
rule_set(struct site_rule *r, const char *key, const char *value, char why[RULE_WHY_LEN])
{
	char complaint[COMPLAINT_LEN], quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = key};

	for (size_t i = 0; i < config_rule.n; i++) {
		near_try(&near, config_rule.key[i].name);
		if (strcmp(config_rule.key[i].name, key) != 0)
			continue;
		if (type_parse(&config_rule.key[i], value, r, complaint) == 0)
			return 0;
		snprintf(why, RULE_WHY_LEN, "%s %.400s", key, complaint);
		return -EINVAL;
	}
	snprintf(why, RULE_WHY_LEN, "unknown key %s%s", text_quote(key, quoted),
		 near_hint(&near, hint));
	return -EINVAL;
}

int
rule_finish(struct site_rule *r, char why[RULE_WHY_LEN])
{
	const char *wrong = refuse_rule(r);

	finish_rule(r);
	if (!wrong)
		return 0;
	snprintf(why, RULE_WHY_LEN, "%s", wrong);
	return -EINVAL;
}

void
check_rules(struct draft *d, size_t vnf, size_t i)
{
	const struct site_vnf *v = &d->site->vnfs[vnf];
	struct site_interface *own = &v->interfaces[i];
	struct node *list = node_find(interface_node(d, vnf, i), "switch.filter");
	struct node *n = list ? list->first : NULL;
	size_t len;
	char who[WHO_LEN];

	for (size_t k = 0; k < own->port.n_rules; k++, n = n ? n->next : NULL) {
		struct site_rule *r = &own->port.rule[k];
		const char *key = r->rule.action == FILTER_ALLOW ? "allow" : "deny";
		const char *wrong = refuse_rule(r);

		finish_rule(r);
		if (!wrong || !n || !node_sound(n, key))
			continue;
		who_interface(v, own, who);
		len = strlen(who);
		snprintf(who + len, sizeof(who) - len, ", filter #%zu", k + 1);
		check_fail(d, n, key, who, "%s", wrong);
	}
}
