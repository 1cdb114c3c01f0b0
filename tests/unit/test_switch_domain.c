/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcast domains and who is in them, against a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/domain.h"

static struct domains ds;

static int
fini(void **state)
{
	domains_fini(&ds);
	memset(&ds, 0, sizeof(ds));
	return 0;
}

static void
test_names(void **state)
{
	char name[16];
	int a, b, c;

	a = domain_get(&ds, "net", 0);
	b = domain_get(&ds, "net", 200);
	c = domain_get(&ds, "other", 0);
	assert_true(a > 0 && b > 0 && c > 0 && a != b && a != c && b != c);
	assert_int_equal(domain_get(&ds, "net", 200), b);
	domain_put(&ds, b);
	assert_int_equal(domain_get(&ds, "net", 200), b);
	domain_put(&ds, b);
	domain_put(&ds, b);
	assert_int_not_equal(domain_get(&ds, "net", 7),
			     b); /* an id rests before it is used again */
	for (int i = 0; i < SEGMENTS_MAX - 2; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_true(domain_get(&ds, name, 1) > 0);
	}
	assert_int_equal(domain_get(&ds, "one-too-many", 1), -ENOSPC);
	assert_int_equal(domain_get(&ds, "net", 0), a);
}

static struct port_cfg
port(enum port_vlan_mode mode, uint16_t vlan)
{
	struct port_cfg cfg = {.name = "p", .network = "net", .vlan_mode = mode};

	*(mode == PORT_TRUNK ? &cfg.native_vlan : &cfg.vlan) = vlan;
	return cfg;
}

static void
carry(struct port_cfg *cfg, uint32_t vlan)
{
	cfg->trunk[vlan / 64] |= UINT64_C(1) << vlan % 64;
}

static void
test_full(void **state)
{
	struct membership m[4], more = {.n = 77};
	struct port_cfg cfg = port(PORT_TRUNK, 1);
	struct err e = {0};

	for (uint32_t v = 1; v <= VLAN_MAX; v++)
		carry(&cfg, v);
	for (int i = 0; i < 4; i++) {
		snprintf(cfg.segment, sizeof(cfg.segment), "s%d", i);
		assert_int_equal(domain_join(&ds, &cfg, NULL, &m[i], &e), 0);
		assert_int_equal(m[i].n, VLAN_MAX);
	}
	/* seven ids are left: an eighth VLAN fails, and the first seven are given back */
	cfg = port(PORT_TRUNK, 0);
	for (uint32_t v = 1; v <= 8; v++)
		carry(&cfg, v);
	assert_int_equal(domain_join(&ds, &cfg, NULL, &more, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "p: all 16383 broadcast domains"));
	assert_int_equal(more.n, 77);
	cfg.trunk[0] &= ~(UINT64_C(1) << 8);
	assert_int_equal(domain_join(&ds, &cfg, NULL, &more, &e), 0);
	assert_int_equal(more.n, 7);
	domain_leave(&ds, &more);
	for (int i = 0; i < 4; i++)
		domain_leave(&ds, &m[i]);
	for (int i = 0; i <= DOMAINS_MAX; i++)
		assert_int_equal(ds.d[i].ports, 0);
}

static void
test_service(void **state)
{
	struct port_cfg trunk = port(PORT_TRUNK, 0), qinq = port(PORT_QINQ, 5);
	struct port_cfg access = port(PORT_ACCESS, 5);
	struct membership t, q, a;
	struct err e = {0};

	carry(&trunk, 5);
	carry(&trunk, 6);
	assert_int_equal(domain_join(&ds, &trunk, NULL, &t, &e), 0);
	assert_int_equal(t.untagged, 0);
	assert_int_equal(domain_tag(&ds, t.of[5]), 0x81000005);
	assert_int_equal(domain_join(&ds, &qinq, NULL, &q, &e), 0);
	assert_int_equal(q.untagged, t.of[5]);
	assert_int_equal(domain_tag(&ds, t.of[5]), 0x88a80005);
	assert_int_equal(domain_tag(&ds, t.of[6]), 0x81000006);
	assert_int_equal(domain_join(&ds, &access, NULL, &a, &e), -EBUSY);
	assert_non_null(strstr(e.text, "service VLAN"));
	assert_int_equal(ds.d[q.untagged].ports, 2);
	/* unless it is the port itself that changes */
	assert_int_equal(domain_join(&ds, &access, &q, &a, &e), 0);
	domain_leave(&ds, &q);
	assert_int_equal(domain_tag(&ds, t.of[5]), 0x81000005);
	/* a native VLAN is untagged as well */
	trunk.native_vlan = 6;
	qinq.vlan = 6;
	assert_int_equal(domain_join(&ds, &trunk, NULL, &q, &e), 0);
	domain_leave(&ds, &t);
	assert_int_equal(domain_join(&ds, &qinq, NULL, &t, &e), -EBUSY);
	domain_leave(&ds, &q);
	assert_int_equal(domain_join(&ds, &qinq, NULL, &t, &e), 0);
	domain_leave(&ds, &t);
	domain_leave(&ds, &a);
	/* nothing is tagged where there is no VLAN */
	assert_int_equal(domain_tag(&ds, (uint16_t)domain_get(&ds, "net", 0)), 0);
}

#define PORTS 12

static struct port_cfg
random_port(void)
{
	struct port_cfg cfg = port((enum port_vlan_mode)(rand() % 2), (uint16_t)(rand() % 6));

	snprintf(cfg.network, sizeof(cfg.network), "net%d", rand() % 3);
	if (rand() % 3 == 0)
		snprintf(cfg.segment, sizeof(cfg.segment), "net%d", rand() % 3);
	for (int i = 0; cfg.vlan_mode == PORT_TRUNK && i < 4; i++)
		carry(&cfg, (uint32_t)(1 + rand() % 5));
	return cfg;
}

/* What a person would say. */
static bool
naive_carries(const struct port_cfg *cfg, const char *segment, uint16_t vlan)
{
	if (strcmp(cfg->segment[0] ? cfg->segment : cfg->network, segment) != 0)
		return false;
	if (cfg->vlan_mode == PORT_ACCESS)
		return cfg->vlan == vlan;
	return vlan && (cfg->native_vlan == vlan || cfg->trunk[0] >> vlan & 1);
}

static void
compare(const struct port_cfg *cfg, const struct membership *m, const bool *there)
{
	uint16_t seen[3][6] = {0};
	char name[8];

	for (int s = 0; s < 3; s++)
		for (uint16_t v = 0; v < 6; v++) {
			const struct segment *known = NULL;

			snprintf(name, sizeof(name), "net%d", s);
			for (int i = 0; i < SEGMENTS_MAX; i++)
				if (ds.segment[i].domains && !strcmp(ds.segment[i].name, name))
					known = &ds.segment[i];
			seen[s][v] = known ? known->id[v] : 0;
			for (int p = 0; p < PORTS; p++) {
				bool in = there[p] && naive_carries(&cfg[p], name, v);

				assert_true(!in || seen[s][v]);
				if (there[p] && seen[s][v])
					assert_int_equal(domain_is_member(&m[p], seen[s][v]), in);
			}
		}
	/* one number, one domain */
	for (int i = 0; i < 18; i++)
		for (int k = 0; k < i; k++)
			assert_true(!seen[i / 6][i % 6] ||
				    seen[i / 6][i % 6] != seen[k / 6][k % 6]);
}

static void
test_random(void **state)
{
	struct membership m[PORTS] = {0};
	struct port_cfg cfg[PORTS];
	bool there[PORTS] = {false};
	struct err e = {0};

	srand(4);
	for (int round = 0; round < 3000; round++) {
		int p = rand() % PORTS;
		struct membership old = m[p];
		bool change = there[p] && rand() % 2;

		if (!there[p] || change) {
			cfg[p] = random_port();
			assert_int_equal(domain_join(&ds, &cfg[p], change ? &old : NULL, &m[p], &e),
					 0);
			if (change)
				domain_leave(&ds, &old);
			there[p] = true;
		} else {
			domain_leave(&ds, &m[p]);
			there[p] = false;
		}
		compare(cfg, m, there);
	}
	for (int p = 0; p < PORTS; p++)
		if (there[p])
			domain_leave(&ds, &m[p]);
	for (int i = 0; i <= DOMAINS_MAX; i++)
		assert_int_equal(ds.d[i].ports, 0);
	for (int i = 0; i < SEGMENTS_MAX; i++)
		assert_null(ds.segment[i].id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_names, fini),
		cmocka_unit_test_teardown(test_full, fini),
		cmocka_unit_test_teardown(test_service, fini),
		cmocka_unit_test_teardown(test_random, fini),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
