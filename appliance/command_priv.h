/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a command share. Private to appliance/command*.c. */
#ifndef CORELANE_APPLIANCE_COMMAND_PRIV_H
#define CORELANE_APPLIANCE_COMMAND_PRIV_H

#include "appliance/command.h"

enum operand { OPERAND_NONE, OPERAND_INTERFACE, OPERAND_SIZE, OPERAND_DISK };

struct action {
	const char *name;
	enum operand operand;
	unsigned int timeout_s; /* unless the request says another */
	const char *late;       /* what is true when that is over */
	/* Begins; may finish at once. */
	void (*start)(struct command *cmd);
	/* The VMM has answered that it does what it was asked to. NULL: done then. */
	void (*replied)(struct command *cmd, const struct vmm_reply *reply);
	/* As struct vnf_watch. NULL: nothing is followed. */
	void (*saw)(struct command *cmd, const struct vmm_event *ev);
	const char *done; /* "paused" */
};

struct command {
	struct command *next;
	struct commands *all;
	const struct action *action;
	struct vnf *vnf;
	uint32_t index; /* of the interface or disk */
	uint64_t size;
	unsigned int timeout_s;
	bool again; /* the VMM that was asked has ended, and the next one is to come */
	struct vnf_call call;
	struct vnf_watch watch;
	struct evtimer patience, poll;
	command_answer_fn *answer; /* NULL: nobody waits */
	void *arg;
};

extern const struct action command_actions[]; /* ended by a NULL name */

/* Ends: @answer becomes the asker's. The command is gone afterwards. */
void command_finish(struct command *cmd, json_t *answer);
void command_done(struct command *cmd);
void command_fail(struct command *cmd, const char *kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Asks the VMM; the command fails when that cannot be done, and then false is returned. */
bool command_ask(struct command *cmd, enum vmm_op op, uint32_t index, uint64_t value);

/* The VMM refuses: what was noted of the VNF for the end that will not come is off. */
void command_take_back(struct command *cmd);

/* "running", "paused" or how it ended. */
const char *command_state(const struct vnf *v, const struct vmm_reply *reply);
json_t *command_list(const struct commands *c);
/* @reply NULL: no VMM of it runs now. */
json_t *command_status(const struct vnf *v, const struct vmm_reply *reply);

#endif
