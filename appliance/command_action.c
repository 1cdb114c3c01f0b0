/* SPDX-License-Identifier: Apache-2.0 */
/* What each action does, and when it is done. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "appliance/command_priv.h"
#include "appliance/vnf_vf.h"

#define STOP_MS         2000
#define BALLOON_POLL_MS 100

/* Whether the VNF's VMM has just ended and no other will be started: then that is the answer. */
static bool
has_ended(const struct command *cmd)
{
	return cmd->vnf->result != VNF_RUNNING;
}

static void
fail_ended(struct command *cmd)
{
	const struct vnf *v = cmd->vnf;

	command_fail(cmd, "failed", "vnf %s: it has ended instead: %s%s%s", v->name,
		     vnf_result_name(v->result), v->detail[0] ? ": " : "", v->detail);
}

static void
ask_status(struct command *cmd)
{
	command_ask(cmd, VMM_OP_STATUS, 0, 0);
}

static void
tell_status(struct command *cmd, const struct vmm_reply *reply)
{
	json_t *j = json_pack("{s:b, s:o}", "ok", 1, "vnf", command_status(cmd->vnf, reply));

	command_finish(cmd, j);
}

static void
ask_pause(struct command *cmd)
{
	command_ask(cmd, VMM_OP_PAUSE, 0, 0);
}

static void
ask_resume(struct command *cmd)
{
	command_ask(cmd, VMM_OP_RESUME, 0, 0);
}

/* The last word counts: a reboot that the guest has not followed yet is off. */
static void
ask_poweroff(struct command *cmd)
{
	cmd->vnf->reboot = false;
	command_ask(cmd, VMM_OP_POWER_BUTTON, 0, 0);
}

static void
wait_replied(struct command *cmd, const struct vmm_reply *reply)
{
	(void)cmd;
	(void)reply; /* it goes on: what is waited for is an event */
}

static void
wait_poweroff(struct command *cmd, const struct vmm_event *ev)
{
	if (ev)
		return;
	if (cmd->vnf->result == VNF_POWERED_OFF || cmd->vnf->result == VNF_STOPPED)
		command_done(cmd);
	else if (has_ended(cmd))
		fail_ended(cmd);
	else
		command_fail(cmd, "failed", "vnf %s: the guest has started again instead",
			     cmd->vnf->name);
}

static void
ask_reboot(struct command *cmd)
{
	struct vnf *v = cmd->vnf;

	v->reboot = true;
	if (!command_ask(cmd, VMM_OP_POWER_BUTTON, 0, 0))
		v->reboot = false;
}

static void
ask_reset(struct command *cmd)
{
	struct vnf *v = cmd->vnf;

	v->ordered = true;
	if (!command_ask(cmd, VMM_OP_RESET, 0, 0))
		v->ordered = false;
}

void
command_take_back(struct command *cmd)
{
	if (cmd->action->start == ask_reboot)
		cmd->vnf->reboot = false;
	else if (cmd->action->start == ask_reset)
		cmd->vnf->ordered = false;
}

/* First this VMM's end, then the next one's start. */
static void
wait_again(struct command *cmd, const struct vmm_event *ev)
{
	if (!ev && has_ended(cmd))
		fail_ended(cmd);
	else if (!ev)
		cmd->again = true;
	else if (ev->kind == VMM_EV_STARTED && cmd->again)
		command_done(cmd);
}

static void
ask_stop(struct command *cmd)
{
	vnf_stop(cmd->vnf, STOP_MS);
}

static void
wait_stop(struct command *cmd, const struct vmm_event *ev)
{
	if (!ev && has_ended(cmd))
		command_done(cmd);
}

static const char *
interface_name(const struct command *cmd)
{
	return cmd->all->env->plan->vnf[cmd->vnf->index].vnf->interfaces[cmd->index].name;
}

static void
ask_detach(struct command *cmd)
{
	if (cmd->vnf->detached[cmd->index])
		command_fail(cmd, "conflict", "vnf %s: interface %s is detached already",
			     cmd->vnf->name, interface_name(cmd));
	else
		command_ask(cmd, VMM_OP_DETACH, cmd->index, 0);
}

/* What has to happen to the interface, or the guest starts again and has it anyway. */
static void
wait_device(struct command *cmd, const struct vmm_event *ev)
{
	bool attach = cmd->action->start != ask_detach;

	if (!ev && has_ended(cmd))
		fail_ended(cmd);
	else if (!ev)
		command_fail(cmd, "failed",
			     "vnf %s: it was started again meanwhile, with all of "
			     "its interfaces",
			     cmd->vnf->name);
	else if (ev->index != cmd->index)
		return;
	else if (ev->kind == (attach ? VMM_EV_NIC_ATTACHED : VMM_EV_NIC_DETACHED))
		command_done(cmd);
	else if (ev->kind == VMM_EV_DEVICE_ERROR && attach)
		command_fail(cmd, "failed", "vnf %s: interface %s: %s", cmd->vnf->name,
			     interface_name(cmd), ev->text);
}

static void
ask_attach(struct command *cmd)
{
	struct vmm_nic_fd msg = {.head = {.magic = VMM_NICFD_MAGIC,
					  .version = VMM_MSG_VERSION,
					  .size = sizeof(msg)},
				 .index = cmd->index};
	struct vnf *v = cmd->vnf;
	struct err e = {0};
	int fd = -1, r;

	if (!v->detached[cmd->index]) {
		command_fail(cmd, "conflict", "vnf %s: interface %s is not detached", v->name,
			     interface_name(cmd));
		return;
	}
	r = vnf_vf_attach(v->env, v->index, cmd->index, &v->vfs, &fd, &e);
	if (r < 0) {
		command_fail(cmd, "failed", "%s", e.text);
		return;
	}
	r = fdmsg_send(v->start_fd, &msg.head, &fd, 1);
	close(fd);
	if (r < 0)
		command_fail(cmd, "failed", "vnf %s: its VMM cannot be given a device: %s", v->name,
			     strerror(-r));
}

static void
ask_balloon(struct command *cmd)
{
	command_ask(cmd, VMM_OP_BALLOON, 0, cmd->size);
}

static void
look_again(void *arg)
{
	ask_status(arg);
}

/* The guest takes its time: looked at until it has what it shall have. */
static void
wait_balloon(struct command *cmd, const struct vmm_reply *reply)
{
	if (reply->balloon.actual == reply->balloon.target)
		command_done(cmd);
	else
		evloop_timer(cmd->all->env->loop, &cmd->poll, BALLOON_POLL_MS, look_again, cmd);
}

static void
ask_resize(struct command *cmd)
{
	command_ask(cmd, VMM_OP_DISK_RESIZED, cmd->index, 0);
}

const struct action command_actions[] = {
	{"status", OPERAND_NONE, 5, "its VMM has not answered", ask_status, tell_status, NULL, ""},
	{"pause", OPERAND_NONE, 5, "its VMM has not answered", ask_pause, NULL, NULL, "paused"},
	{"resume", OPERAND_NONE, 5, "its VMM has not answered", ask_resume, NULL, NULL, "resumed"},
	{"poweroff", OPERAND_NONE, 60,
	 "its power button was pressed, but the guest has not powered off", ask_poweroff,
	 wait_replied, wait_poweroff, "powered off"},
	{"reboot", OPERAND_NONE, 60,
	 "its power button was pressed, but the guest has not powered off and started again (it "
	 "will be "
	 "started again when it has)",
	 ask_reboot, wait_replied, wait_again, "rebooted"},
	{"reset", OPERAND_NONE, 20, "it has not started again", ask_reset, wait_replied, wait_again,
	 "reset"},
	{"stop", OPERAND_NONE, 10, "it has not stopped", ask_stop, wait_replied, wait_stop,
	 "stopped"},
	{"detach", OPERAND_INTERFACE, 15,
	 "the guest was asked, but has not let go of the interface", ask_detach, wait_replied,
	 wait_device, "detached"},
	{"attach", OPERAND_INTERFACE, 15, "its VMM has not put the interface on the guest's bus",
	 ask_attach, wait_replied, wait_device, "attached"},
	{"balloon", OPERAND_SIZE, 10, "the guest was asked, but has not given back as much",
	 ask_balloon, wait_balloon, NULL, "balloon set"},
	{"resize", OPERAND_DISK, 5, "its VMM has not answered", ask_resize, NULL, NULL,
	 "disk resized"},
	{0},
};
