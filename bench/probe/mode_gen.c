/* SPDX-License-Identifier: Apache-2.0 */
/* mode=gen: frames at a rate or flat out. mode=count: what arrives. */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/modes.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"
#include "bench/probe/report.h"
#include "bench/probe/str.h"

#define BURST 32

static struct receiver rx;
static struct sender tx;

/* Before the clock starts: until the device has taken a first frame, which says that somebody serves. */
static bool
wait_served(const struct probe *p)
{
	uint64_t end = rdtsc() + clock_ticks(p->args.wait);
	struct json *j = out_json();

	sender_one(&tx, FRAME_HELLO, 0, tx.dst);
	while (nic_tx_pending(tx.nic)) {
		if (nic_failed(tx.nic))
			return false;
		if (rdtsc() >= end) {
			out_error("nobody takes frames from the NIC within wait=", NULL);
			return false;
		}
	}
	json_open(j, "ready");
	json_close(j);
	return true;
}

bool
mode_gen(struct probe *p)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct args *a = &p->args;
	struct nic *n = nics_get(p, &a->tx);
	struct json *j = out_json();
	uint64_t start, now, end, last, unsent;

	if (!n)
		return false;
	sender_init(&tx, n, a, a->dst.set ? a->dst.mac : broadcast);
	rx = (struct receiver){.nic = n, .deep = a->check, .anybody = true};
	if (!wait_served(p))
		return false;
	start = now = rdtsc();
	end = a->time ? start + clock_ticks(a->time) : UINT64_MAX;
	last = a->time ? end + clock_ticks(a->drain) : end;
	sender_start(&tx, FRAME_DATA, start);
	while (!n->error && !sender_done(&tx, now, end) && now < last) {
		sender_run(&tx, now, end);
		receiver_run(&rx, BURST);
		now = rdtsc();
	}
	unsent = sender_unsent(&tx, end < now ? end : now);
	for (int i = 0; a->stop && i < 3; i++)
		sender_one(&tx, FRAME_STOP, 0, tx.dst);
	for (end = rdtsc() + tsc.hz; nic_tx_pending(n) && rdtsc() < end && !n->error;)
		cpu_pause();
	json_open(j, "result");
	json_str(j, "mode", "gen");
	json_u64(j, "rate", a->rate);
	json_u64(j, "elapsed_ns", clock_ns(now - start));
	report_sender(j, &tx, unsent);
	json_u64(j, "pps",
		 clock_ns(now - start) ? tx.sent * 1000000000ull / clock_ns(now - start) : 0);
	report_receiver(j, &rx);
	json_u64(j, "kicks", nic_kicks(n));
	json_close(j);
	return !nic_failed(n);
}

bool
mode_count(struct probe *p)
{
	const struct args *a = &p->args;
	struct nic *n = nics_get(p, &a->rx);
	uint64_t end = rdtsc() + clock_ticks(a->time), ns;
	struct json *j = out_json();
	bool stopped = false;

	if (!n)
		return false;
	/* One hello, so that a learning switch knows where we are. */
	sender_init(&tx, n, a, (const uint8_t[6]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
	sender_one(&tx, FRAME_HELLO, 0, tx.dst);
	rx = (struct receiver){.nic = n, .deep = a->check, .anybody = true};
	json_open(j, "ready");
	json_close(j);
	if (!a->time)
		end = UINT64_MAX;
	while (rdtsc() < end && !n->error && !(a->count && rx.frames >= a->count)) {
		receiver_run(&rx, BURST);
		/* A stop may overtake frames, on another queue for one. */
		if (rx.stop && !stopped) {
			stopped = true;
			end = rdtsc() + clock_ticks(a->drain);
		}
	}
	ns = rx.frames ? clock_ns(rx.last_tsc - rx.first_tsc) : 0;
	json_open(j, "result");
	json_str(j, "mode", "count");
	report_receiver(j, &rx);
	json_u64(j, "pps", ns ? (rx.frames - 1) * 1000000000ull / ns : 0);
	json_bool(j, "stopped", rx.stop);
	json_u64(j, "kicks", nic_kicks(n));
	json_close(j);
	return !nic_failed(n) && !rx.corrupt;
}
