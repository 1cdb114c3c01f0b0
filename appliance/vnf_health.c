/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_health.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "appliance/tap.h"
#include "base/log.h"

#define PATIENCE_MS 5000 /* from a request to SIGKILL */

void
vnf_health_panic(struct vnf *v, const char *text)
{
	log_err("vnf %s: %s", v->name, text);
}

static void
kill_now(void *arg)
{
	struct vnf *v = arg;

	log_warn("vnf %s: its VMM does not end; killed", v->name);
	child_kill(&v->child, SIGKILL);
}

static void
end_vmm(struct vnf *v, enum vmm_op op)
{
	if (vnf_ctl_call(v, op, 0, 0, NULL) < 0)
		child_kill(&v->child, SIGKILL);
	else
		evloop_timer(v->env->loop, &v->kill_timer, PATIENCE_MS, kill_now, v);
}

void
vnf_health_watchdog(struct vnf *v)
{
	int r = 0;

	if (v->stopping || v->health.restart)
		return;
	switch (v->env->plan->vnf[v->index].vnf->watchdog) {
	case WATCHDOG_NONE:
		log_warn("vnf %s: its watchdog expired; nothing is done, as declared", v->name);
		break;
	case WATCHDOG_RESTART:
		log_warn("vnf %s: its watchdog expired; starting it again", v->name);
		v->health.restart = true;
		end_vmm(v, VMM_OP_RESET);
		break;
	case WATCHDOG_POWEROFF:
		log_warn("vnf %s: its watchdog expired; turning it off", v->name);
		end_vmm(v, VMM_OP_STOP);
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
