/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running site can be told to do with its VNFs: one JSON object in, one out, whoever carries
 * them (control_sock.h; later HTTP). docs/man/corelane.1 lists actions and keys. Every answer tells
 * that the thing is done, or why not, within a bounded time. One thread, that of the event loop.
 */
#ifndef CORELANE_APPLIANCE_COMMAND_H
#define CORELANE_APPLIANCE_COMMAND_H

#include <jansson.h>

#include "appliance/env.h"
#include "appliance/vnf.h"

#define COMMANDS_MAX      16 /* at once */
#define COMMAND_TIMEOUT_S 3600

struct command;

struct live;
struct switchd;

struct commands {
	const struct run_env *env;
	struct switchd *sw; /* NULL: none */
	struct live *live;  /* NULL: nothing can be applied */
	int fd;             /* that came with the request which is being taken; -1 */
	struct vnf *vnf;    /* env->plan->n_vnfs of them */
	struct command *running;
	unsigned int n_running;
};

/* Takes @answer over: {"ok": true, ...} or {"ok": false, "kind": KIND, "error": WORDS}. */
typedef void command_answer_fn(void *arg, json_t *answer);

void commands_init(struct commands *c, const struct run_env *env, struct vnf *vnf);
/* Answers what still runs: the site has ended. */
void commands_fini(struct commands *c);

/*
 * Carries out @request (borrowed). @answer is called exactly once: before this returns NULL, or later,
 * and then what is returned can be forgotten.
 */
struct command *command_start(struct commands *c, const json_t *request, command_answer_fn *answer,
			      void *arg);
/* Nobody waits for the answer any more; what was asked for goes on. */
void command_forget(struct command *cmd);

/* An answer that nothing was done; JSON's null when there is no memory for its words. */
json_t *command_refusal(const char *kind, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
