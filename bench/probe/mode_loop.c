/* SPDX-License-Identifier: Apache-2.0 */
/* mode=loop: from one NIC to another. mode=rtt: to a probe in mode=echo and back. */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/modes.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"
#include "bench/probe/report.h"
#include "bench/probe/str.h"

#define HELLO_EVERY_NS 1000000
/* A whole ring: who sends on before the ring is empty again makes it overflow when catching up. */
#define RX_BURST 256

static struct hist hist;
static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct run {
	const struct probe *p;
	bool rtt;
	struct sender tx;      /* measures */
	struct sender back;    /* loop: the receiving NIC announces itself to the switch */
	struct receiver rx;    /* what the measured frames reach */
	struct receiver tx_rx; /* loop: what reaches the sending NIC */
};

/* A hello in each direction, a millisecond apart and never more than one under way. */
static void
say_hello(struct run *r, uint64_t nonce, uint64_t now, uint64_t *next)
{
	if (now < *next || nic_tx_pending(r->tx.nic) || (!r->rtt && nic_tx_pending(r->back.nic)))
		return;
	sender_one(&r->tx, FRAME_HELLO, nonce, r->tx.dst);
	if (!r->rtt)
		sender_one(&r->back, FRAME_HELLO, nonce, r->tx.nic->mac);
	*next = now + clock_ticks(HELLO_EVERY_NS);
}

/* Until the path carries frames: the switch may still be on its way to us. */
static bool
rendezvous(struct run *r)
{
	uint64_t t0 = rdtsc(), end = t0 + clock_ticks(r->p->args.wait), next = t0, nonce = t0;
	struct json *j = out_json();
	uint64_t now;

	for (now = t0; now < end; now = rdtsc()) {
		say_hello(r, nonce, now, &next);
		receiver_run(&r->rx, RX_BURST);
		if (!r->rtt)
			receiver_run(&r->tx_rx, RX_BURST);
		if (nic_failed(r->rx.nic) || nic_failed(r->tx.nic))
			return false;
		if (r->rx.hello && r->rx.hello_frame.seq == nonce && (r->rtt || r->tx_rx.hello))
			break;
	}
	if (now >= end) {
		out_error("no frame came through within wait=", NULL);
		return false;
	}
	if (r->rtt) {
		memcpy(r->tx.dst, r->rx.hello_frame.src, 6);
		memcpy(r->rx.from, r->tx.dst, 6);
		r->rx.n_from = (uint32_t)r->p->args.macs;
	}
	json_open(j, "ready");
	json_mac(j, "peer", r->tx.dst);
	json_u64(j, "wait_ns", clock_ns(now - t0));
	json_close(j);
	return true;
}

/*
 * Sends frames of @type for @ns and takes what comes; then @drain ns more for what was due before the
 * end and has not left yet, and for what has not arrived yet. Returns how many never left.
 */
static uint64_t
phase(struct run *r, uint8_t type, uint64_t ns, uint64_t drain)
{
	uint64_t now = rdtsc(), end = now + clock_ticks(ns), last = end + clock_ticks(drain);

	sender_start(&r->tx, type, now);
	for (; now < last && !r->tx.nic->error && !r->rx.nic->error; now = rdtsc()) {
		sender_run(&r->tx, now, end);
		receiver_run(&r->rx, RX_BURST);
		if (sender_done(&r->tx, now, end) && r->rx.frames >= r->tx.sent)
			break;
	}
	return sender_unsent(&r->tx, end);
}

static void
report(struct run *r, uint64_t unsent, uint64_t elapsed, uint64_t kicks)
{
	struct json *j = out_json();
	const struct args *a = &r->p->args;
	uint64_t scheduled = r->tx.sent + unsent;

	json_open(j, "result");
	json_str(j, "mode", r->rtt ? "rtt" : "loop");
	json_u64(j, "rate", a->rate);
	json_u64(j, "size", a->size[0]);
	json_u64(j, "time_ns", a->time);
	json_u64(j, "elapsed_ns", clock_ns(elapsed));
	report_sender(j, &r->tx, unsent);
	report_receiver(j, &r->rx);
	json_u64(j, "lost", scheduled > r->rx.frames ? scheduled - r->rx.frames : 0);
	json_u64(j, "kicks", kicks);
	json_u64(j, "merged", r->rx.nic->merged);
	report_hist(j, &hist, a->hist);
	json_close(j);
}

static void
stop_peer(struct run *r)
{
	uint64_t end = rdtsc() + tsc.hz;

	if (!r->p->args.stop)
		return;
	for (int i = 0; i < 3; i++)
		sender_one(&r->tx, FRAME_STOP, 0, r->tx.dst);
	while (rdtsc() < end && nic_tx_pending(r->tx.nic))
		cpu_pause();
}

static bool
measure(struct run *r)
{
	const struct args *a = &r->p->args;
	uint64_t t0, unsent, elapsed, kicks;

	if (!rendezvous(r))
		return false;
	hist_reset(&hist);
	phase(r, FRAME_WARM, a->warmup, 0);
	kicks = nic_kicks(r->tx.nic) + (r->rtt ? 0 : nic_kicks(r->rx.nic));
	t0 = rdtsc();
	unsent = phase(r, FRAME_DATA, a->time, a->drain);
	elapsed = rdtsc() - t0;
	kicks = nic_kicks(r->tx.nic) + (r->rtt ? 0 : nic_kicks(r->rx.nic)) - kicks;
	report(r, unsent, elapsed, kicks);
	if (r->rtt)
		stop_peer(r);
	return !nic_failed(r->tx.nic) && !nic_failed(r->rx.nic) && !r->rx.corrupt;
}

static struct run run;

bool
mode_loop(struct probe *p)
{
	struct nic_name rx_name = p->args.rx;
	struct nic *tx, *rx;

	if (!rx_name.set)
		rx_name.index = 1;
	tx = nics_get(p, &p->args.tx);
	rx = tx ? nics_get(p, &rx_name) : NULL;
	if (!rx)
		return false;
	if (rx == tx) {
		out_error("tx= and rx= are the same NIC: that is mode=rtt", NULL);
		return false;
	}
	run = (struct run){.p = p,
			   .rx = {.nic = rx, .deep = p->args.check, .hist = &hist},
			   .tx_rx = {.nic = tx}};
	sender_init(&run.tx, tx, &p->args, rx->mac);
	sender_init(&run.back, rx, &p->args, tx->mac);
	memcpy(run.rx.from, run.tx.src, 6);
	run.rx.n_from = (uint32_t)p->args.macs;
	return measure(&run);
}

bool
mode_rtt(struct probe *p)
{
	struct nic *nic = nics_get(p, &p->args.tx);

	if (!nic)
		return false;
	run = (struct run){.p = p,
			   .rtt = true,
			   .rx = {.nic = nic, .deep = p->args.check, .hist = &hist}};
	sender_init(&run.tx, nic, &p->args, p->args.dst.set ? p->args.dst.mac : broadcast);
	return measure(&run);
}
