/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-libs: switch_core */
/*
 * Membership messages as any guest may send them, through the parser and into the groups: nothing is
 * read beyond the frame, limits hold, and the table that lanes get says what the groups say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-user/snoop_groups.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_table(const struct snoop_groups *g)
{
	static const uint8_t routers[6];
	struct snoop_table *t;
	bool empty;

	t = snoop_table_make(g, &empty);
	if (!t && !empty)
		abort();
	for (uint16_t domain = 1; t && domain < 4; domain++) {
		const struct snoop_ports *p = snoop_table_find(t, domain, routers);

		for (uint32_t i = 0; p && i < p->n; i++)
			if (p->ref[i] == 0 || (i > 0 && p->ref[i] <= p->ref[i - 1]))
				abort();
	}
	snoop_table_free(t);
}

/* Frames, each behind two bytes: port and domain, length. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snoop_groups *g = snoop_groups_make();
	uint32_t now = 1;

	if (!g)
		return 0;
	while (size > 2) {
		uint32_t ref = 1 + data[0] % 8, len = data[1];
		uint16_t domain = 1 + data[0] / 8 % 3;
		struct snoop_msg m;
		uint8_t *frame;

		data += 2;
		size -= 2;
		len = len < size ? len : (uint32_t)size;
		frame = malloc(len + 1); /* so that a sanitizer sees its end */
		if (!frame)
			break;
		memcpy(frame, data, len);
		if (len >= 14) {
			snoop_may_be(frame, len);
			snoop_is_report(frame, len);
		}
		snoop_parse(frame, len, &m);
		if (m.n > SNOOP_RECORDS_MAX || (m.kind == SNOOP_NOTHING && m.n))
			abort();
		if (m.kind != SNOOP_NOTHING && !snoop_may_be(frame, len))
			abort(); /* a lane would not have passed it on */
		snoop_groups_hear(g, ref, domain, &m, now);
		free(frame);
		data += len;
		size -= len;
		now += 1 + len % 64;
		snoop_groups_age(g, now);
	}
	check_table(g);
	snoop_groups_free(g);
	return 0;
}
