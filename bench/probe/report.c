/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/report.h"

#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/out.h"

static void
put(void *arg, const char *text, size_t len)
{
	(void)arg;
	out_write(text, len);
}

void
report_hist(struct json *j, const struct hist *h, bool full)
{
	static const struct {
		const char *key;
		uint32_t per_100k;
	} points[] = {{"min_ns", 0},     {"p50_ns", 50000},   {"p90_ns", 90000},
		      {"p99_ns", 99000}, {"p99.9_ns", 99900}, {"p99.99_ns", 99990},
		      {"max_ns", 100000}};

	json_u64(j, "samples", h->count);
	for (unsigned int i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		json_u64(j, points[i].key, hist_percentile(h, points[i].per_100k));
	if (!full)
		return;
	json_str_begin(j, "hist");
	hist_emit(h, put, NULL);
	json_str_end(j);
}

void
report_sender(struct json *j, struct sender *s, uint64_t unsent)
{
	json_u64(j, "scheduled", s->sent + unsent);
	json_u64(j, "sent", s->sent);
	json_u64(j, "unsent", unsent);
	json_u64(j, "sent_bytes", s->bytes);
	json_u64(j, "ring_full", s->full);
	json_u64(j, "late_max_ns", clock_ns(s->late_max));
}

void
report_receiver(struct json *j, const struct receiver *r)
{
	uint64_t reordered = 0, duplicated = 0;

	for (unsigned int i = 0; i < FRAME_STREAMS; i++) {
		reordered += r->win[i].reordered;
		duplicated += r->win[i].duplicated;
	}
	json_u64(j, "received", r->frames);
	json_u64(j, "received_bytes", r->bytes);
	json_u64(j, "receive_ns", r->frames ? clock_ns(r->last_tsc - r->first_tsc) : 0);
	json_u64(j, "reordered", reordered);
	json_u64(j, "duplicated", duplicated);
	json_u64(j, "corrupted", r->corrupt);
	json_u64(j, "foreign", r->foreign);
}
