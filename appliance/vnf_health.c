/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_health.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "appliance/tap.h"
#include "base/log.h"

#define PATIENCE_MS 5000           /* from a request to SIGKILL */
#define QUIET_NS    60000000000ull /* between two lines about what is not acted upon */

void
vnf_health_panic(struct vnf *v, const char *text)
{
	log_err("vnf %s: %s", v->name, text);
}

/* A guest that runs on with such a watchdog lets it expire again and again. */
static void
nothing_is_done(struct vnf *v)
{
	struct vnf_health *h = &v->health;
	uint64_t now = evloop_now();

	h->unheeded++;
	if (h->told_ns && now - h->told_ns < QUIET_NS)
		return;
	if (h->unheeded > 1)
		log_warn("vnf %s: its watchdog expired; nothing is done, as declared; %u times "
			 "since this was last said",
			 v->name, h->unheeded);
	else
		log_warn("vnf %s: its watchdog expired; nothing is done, as declared", v->name);
	h->told_ns = now;
	h->unheeded = 0;
}

void
vnf_health_watchdog(struct vnf *v)
{
	int r = 0;

	/* Who has been asked to end goes on expiring until it does. */
	if (v->stopping || v->health.restart || v->kill_timer.at_ns)
		return;
	switch (v->env->plan->vnf[v->index].vnf->watchdog) {
	case WATCHDOG_NONE:
		nothing_is_done(v);
		break;
	case WATCHDOG_RESTART:
		log_warn("vnf %s: its watchdog expired; starting it again", v->name);
		v->health.restart = true;
		vnf_end(v, VMM_OP_RESET, PATIENCE_MS);
		break;
	case WATCHDOG_POWEROFF:
		log_warn("vnf %s: its watchdog expired; turning it off", v->name);
		vnf_end(v, VMM_OP_STOP, PATIENCE_MS);
		break;
	case WATCHDOG_PAUSE:
		log_warn("vnf %s: its watchdog expired; paused: \"corelane vnf %s resume\" lets it "
			 "go on",
			 v->name, v->name);
		r = vnf_ctl_call(v, VMM_OP_PAUSE, 0, 0, NULL);
		break;
	}
	if (r < 0)
		log_warn("vnf %s: cannot be paused: %s", v->name, strerror(-r));
}

void
vnf_health_fini(struct vnf *v)
{
	for (unsigned int i = 0; i < VMM_NICS_MAX; i++) {
		if (v->health.tap[i] >= 0)
			close(v->health.tap[i]);
		v->health.tap[i] = -1;
	}
}

void
vnf_health_life_begins(struct vnf *v, const struct handin *h)
{
	const struct vmm_start *s = &h->start;

	vnf_health_fini(v);
	for (uint32_t i = 0; i < s->n_fds; i++) {
		uint16_t nic = s->fd[i].index;

		if (s->fd[i].role == VMM_FD_NIC && s->nic[nic].kind == VMM_NIC_TAP)
			v->health.tap[nic] = fcntl(h->fd[i], F_DUPFD_CLOEXEC, 3);
	}
}

/* What the VMM did not fetch in time waited in the tap, until that was full. */
static uint64_t
dropped_by_taps(const struct vnf *v)
{
	uint64_t sum = 0, n;

	for (unsigned int i = 0; i < VMM_NICS_MAX; i++)
		if (v->health.tap[i] >= 0 && tap_dropped(v->health.tap[i], &n) == 0)
			sum += n;
	return sum;
}

bool
vnf_health_life_ended(struct vnf *v)
{
	const struct vmm_stats *s = v->stats;
	struct vnf_health *h = &v->health;
	bool restart = h->restart;

	h->restart = false;
	h->rx_no_buffer += dropped_by_taps(v);
	vnf_health_fini(v);
	if (s && s->magic == VMM_STATS_MAGIC) {
		h->watchdogs += s->watchdogs;
		h->panics += s->panics;
		h->rx_no_buffer += s->rx_no_buffer;
		h->accept_errors += s->accept_errors;
		h->balloon_reported += s->balloon_reported;
	}
	return restart;
}
