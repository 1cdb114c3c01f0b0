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

/* What is asked of the site as a whole. */
struct site_action {
	const char *name;
	const char *const *keys; /* that a request may have beside "action"; ended by NULL */
	/* Begins; may finish at once. */
	void (*start)(struct command *cmd, const json_t *request);
	const char *late; /* what is true when its time is over */
};

extern const struct site_action command_site_actions[]; /* ended by a NULL name */

struct command {
	struct command *next;
	struct commands *all;
	const struct action *action; /* of a VNF */
	struct vnf *vnf;             /* NULL: of the site */
	const struct site_action *site_action;
	void (*gone)(
		struct command *cmd); /* the site's: lets go of what still asks for it; or NULL */
	json_t *json;                 /* the site's: answers so far; owned */
	size_t skip, take;            /* the site's: of a list */
	int fd;                       /* the site's: came with the request; owned; -1 */
	uint32_t index;               /* of the interface or disk */
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

/* command_site.c: requests to the site as a whole. */
bool command_is_site(const json_t *request);
struct command *command_start_site(struct commands *c, const json_t *request,
				   command_answer_fn *answer, void *arg);
/* command_switch.c: begins; may finish at once. */
void command_switch(struct command *cmd, const json_t *request);

/* @cmd, or NULL when it has finished. */
struct command *command_alive(const struct commands *c, struct command *cmd);
/* Its time is over: a timer's function. */
void command_late(void *cmd);

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
