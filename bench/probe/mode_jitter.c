/* SPDX-License-Identifier: Apache-2.0 */
/* mode=jitter: reads the TSC for ever and notes every gap: time that somebody took from this vCPU. */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/modes.h"
#include "bench/probe/out.h"
#include "bench/probe/report.h"

static struct hist hist;

bool
mode_jitter(struct probe *p)
{
	uint64_t threshold = clock_ticks(p->args.threshold), stolen = 0, rounds = 0;
	uint64_t start, last, now, end, worst_at = 0, worst = 0;
	struct json *j = out_json();

	hist_reset(&hist);
	start = last = rdtsc();
	end = start + clock_ticks(p->args.time);
	do {
		uint64_t gap;

		now = rdtsc();
		gap = now - last;
		last = now;
		rounds++;
		if (gap <= threshold)
			continue;
		hist_record(&hist, clock_ns(gap));
		stolen += gap;
		if (gap > worst) {
			worst = gap;
			worst_at = now;
		}
		/* The bookkeeping above is ours, not a gap. */
		last = rdtsc();
	} while (now < end);
	json_open(j, "result");
	json_str(j, "mode", "jitter");
	json_u64(j, "threshold_ns", p->args.threshold);
	json_u64(j, "elapsed_ns", clock_ns(now - start));
	json_u64(j, "rounds", rounds);
	json_u64(j, "gaps", hist.count);
	json_u64(j, "stolen_ns", clock_ns(stolen));
	json_u64(j, "worst_at_ns", worst ? clock_ns(worst_at - start) : 0);
	report_hist(j, &hist, p->args.hist);
	json_close(j);
	return true;
}
