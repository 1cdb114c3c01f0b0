/* SPDX-License-Identifier: Apache-2.0 */
/* mode=echo: every frame goes back to where it came from, on the NIC and queue that it came in by. */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/frame.h"
#include "bench/probe/modes.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"
#include "bench/probe/str.h"

#define BURST 32

struct echo {
	uint64_t received, returned, dropped, ignored;
	bool stop;
};

/* Back with the MACs swapped; one that was sent to a group comes from our own address. */
static void
answer(struct nic *n, unsigned int q, const uint8_t *b, uint32_t len, struct echo *e)
{
	struct frame f;
	uint8_t *out;

	e->received++;
	if (memcmp(b, n->mac, 6) && !(b[0] & 1)) {
		e->ignored++;
		return;
	}
	if (frame_read(b, len, false, &f) == FRAME_OK && f.type == FRAME_STOP) {
		e->stop = true;
		return;
	}
	out = nic_tx_buf(n, q);
	if (!out) {
		e->dropped++;
		return;
	}
	memcpy(out + 12, b + 12, len - 12);
	memcpy(out, b + 6, 6);
	memcpy(out + 6, n->mac, 6);
	nic_tx_put(n, q, len);
	e->returned++;
}

static void
poll(struct nic *n, struct echo *e)
{
	for (unsigned int q = 0; q < n->n_pairs; q++) {
		uint32_t len;
		uint8_t *b;

		for (unsigned int i = 0; i < BURST && (b = nic_rx(n, q, &len)); i++)
			answer(n, q, b, len, e);
		nic_tx_flush(n, q);
	}
}

bool
mode_echo(struct probe *p)
{
	static struct echo e;
	uint64_t end = rdtsc() + clock_ticks(p->args.time), kicks = 0;
	unsigned int n = nics_count(p);
	struct json *j = out_json();
	struct nic *nic[NICS_MAX];
	bool ok = n;

	if (!n)
		out_error("there is no NIC", NULL);
	for (unsigned int i = 0; i < n; i++) {
		nic[i] = nics_at(p, i);
		if (!nic[i])
			return false;
	}
	json_open(j, "ready");
	json_close(j);
	while (ok && !e.stop && (!p->args.time || rdtsc() < end)) {
		for (unsigned int i = 0; i < n; i++) {
			poll(nic[i], &e);
			ok &= !nic_failed(nic[i]);
		}
	}
	for (unsigned int i = 0; i < n; i++)
		kicks += nic_kicks(nic[i]);
	json_open(j, "result");
	json_str(j, "mode", "echo");
	json_u64(j, "received", e.received);
	json_u64(j, "returned", e.returned);
	json_u64(j, "dropped", e.dropped);
	json_u64(j, "ignored", e.ignored);
	json_u64(j, "kicks", kicks);
	json_bool(j, "stopped", e.stop);
	json_close(j);
	return ok;
}
