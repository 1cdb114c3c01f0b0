/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/send_offload.h"

struct job {
	struct lane *lane;
	struct swport *out;
	send_fn *send;
};

static void
emit(void *arg, struct pkt *const *pkt, uint32_t n)
{
	const struct job *j = arg;

	j->send(j->lane, j->out, pkt, n);
}

void
send_finished(struct lane *lane, struct swport *out, struct pkt *const *pkt, uint32_t n,
	      uint32_t takes, send_fn *send)
{
	struct job job = {.lane = lane, .out = out, .send = send};
	uint32_t from = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!(offload_needs(pkt[i]) & ~takes))
			continue;
		if (i > from)
			send(lane, out, pkt + from, i - from);
		from = i + 1;
		/* whoever sent it asked for what cannot be done */
		if (offload_finish(&lane->offload, pkt[i], emit, &job) < 0)
			swport_drop(lane->current ? lane->current : out, lane, DROP_OFFLOAD, 1);
	}
	if (n > from)
		send(lane, out, pkt + from, n - from);
}
