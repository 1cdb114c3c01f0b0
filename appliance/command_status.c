/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of VNFs that run. */
#include <string.h>
#include <unistd.h>

#include "appliance/command_priv.h"

const char *
command_state(const struct vnf *v, const struct vmm_reply *reply)
{
	static const char *const state[] = {[VMM_STATE_STARTING] = "starting",
					    [VMM_STATE_RUNNING] = "running",
					    [VMM_STATE_PAUSED] = "paused",
					    [VMM_STATE_STOPPING] = "stopping"};

	if (v->result == VNF_RUNNING && v->child.pid <= 0)
		return "starting again";
	if (v->result != VNF_RUNNING || !reply)
		return vnf_result_name(v->result);
	/* What the VMM says is not believed beyond its words. */
	return reply->state >= VMM_STATE_STARTING && reply->state <= VMM_STATE_STOPPING
		       ? state[reply->state]
		       : "unknown";
}

json_t *
command_list(const struct commands *c)
{
	json_t *all = json_array();

	for (size_t i = 0; i < c->env->plan->n_vnfs; i++) {
		const struct vnf *v = &c->vnf[i];

		json_array_append_new(all, json_pack("{s:s, s:s, s:i, s:i}", "name", v->name,
						     "state", command_state(v, NULL), "pid",
						     (int)MAX_OF(v->child.pid, 0), "restarts",
						     (int)v->resets));
	}
	return json_pack("{s:b, s:s, s:i, s:o}", "ok", 1, "host", c->env->plan->site->host.name,
			 "pid", (int)getpid(), "vnfs", all);
}

static const char *
kind_name(enum interface_kind kind)
{
	static const char *const name[] = {[IF_SWITCH] = "switch",
					   [IF_TAP] = "tap",
					   [IF_VHOST_USER] = "vhostUser",
					   [IF_SRIOV] = "sriov"};

	return name[kind];
}

static json_t *
interfaces_json(const struct vnf *v, const struct vmm_reply *reply)
{
	const struct site_vnf *site = v->env->plan->vnf[v->index].vnf;
	json_t *all = json_array();

	for (size_t i = 0; i < site->n_interfaces; i++) {
		const struct site_interface *own = &site->interfaces[i];
		bool up = own->kind == IF_SRIOV ? !v->detached[i] : reply->nic_up[i] == 1;

		json_array_append_new(all,
				      json_pack("{s:s, s:s, s:b, s:I}", "name", own->name, "kind",
						kind_name(own->kind),
						own->kind == IF_SRIOV ? "attached" : "up", (int)up,
						"connects", (json_int_t)reply->nic_connects[i]));
	}
	return all;
}

static json_t *
exits_json(const struct vnf *v, const struct vmm_reply *reply)
{
	uint32_t n = v->env->plan->vnf[v->index].vnf->cpu.vcpus;
	json_t *j = json_object();

	for (int r = 0; r < VMM_EXIT_REASONS; r++) {
		uint64_t sum = 0;

		for (uint32_t i = 0; i < n && i < VMM_VCPUS_MAX; i++)
			sum += reply->stats.vcpu[i].exits[r];
		json_object_set_new(j, vmm_exit_name((enum vmm_exit)r),
				    json_integer((json_int_t)sum));
	}
	return j;
}

static json_t *
balloon_json(const struct vnf *v, const struct vmm_reply *reply)
{
	if (!v->env->plan->vnf[v->index].vnf->memory.balloon)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "target", (json_int_t)reply->balloon.target,
			 "actual", (json_int_t)reply->balloon.actual, "free",
			 (json_int_t)reply->balloon.free, "available",
			 (json_int_t)reply->balloon.available, "reported",
			 (json_int_t)reply->balloon.reported);
}

/* A VNF that has no VMM now. */
static json_t *
brief_status(const struct vnf *v)
{
	return json_pack("{s:s, s:s, s:s, s:i}", "name", v->name, "state", command_state(v, NULL),
			 "detail", v->detail, "restarts", (int)v->resets);
}

json_t *
command_status(const struct vnf *v, const struct vmm_reply *reply)
{
	const struct vmm_stats *s;

	if (!reply)
		return brief_status(v);
	s = &reply->stats;

	return json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "name",
			 v->name, "state", command_state(v, reply), "pid", (int)v->child.pid,
			 "restarts", (int)v->resets, "interfaces", interfaces_json(v, reply),
			 "balloon", balloon_json(v, reply), "exits", exits_json(v, reply),
			 "guestErrors", (json_int_t)s->guest_errors, "backendErrors",
			 (json_int_t)s->backend_errors, "panics", (json_int_t)s->panics,
			 "watchdogs", (json_int_t)s->watchdogs, "diskErrors",
			 (json_int_t)s->disk_errors);
}
