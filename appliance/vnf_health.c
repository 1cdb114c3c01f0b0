/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_health.h"

#include <signal.h>
#include <string.h>

#include "base/log.h"

#define PATIENCE_MS 2000 /* from a request to SIGKILL */

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

bool
vnf_health_life_ended(struct vnf *v)
{
	const struct vmm_stats *s = v->stats;
	struct vnf_health *h = &v->health;
	bool restart = h->restart;

	h->restart = false;
	if (s && s->magic == VMM_STATS_MAGIC) {
		h->watchdogs += s->watchdogs;
		h->panics += s->panics;
		h->rx_no_buffer += s->rx_no_buffer;
		h->accept_errors += s->accept_errors;
		h->balloon_reported += s->balloon_reported;
	}
	return restart;
}
