/* SPDX-License-Identifier: Apache-2.0 */
/* "corelane switch": what the switch of a running site does, and what it can be told at once. */
#ifndef CORELANE_APPLIANCE_VERB_SWITCH_H
#define CORELANE_APPLIANCE_VERB_SWITCH_H

#include <jansson.h>

#include "appliance/cli.h"
#include "base/port.h"

/* An exit status, as all of these. */
int verb_switch(const struct cli_args *args);

/* The run folder of the one site that runs, or that --run-dir names. */
int verb_find_site(const struct cli_args *args, char ret_folder[SOCK_PATH_LEN]);

/*
 * Private to verb_*.c. Asks {"action": "switch", "op": @op} with what is in @extra (taken over; NULL:
 * nothing) and @fd (-1: none). *@ret_answer is the caller's when this is EXIT_OK; else it was told why not.
 */
int verb_switch_ask(const char *folder, const char *op, json_t *extra, int fd, json_t **ret_answer);

int verb_trace(const struct cli_args *args, const char *folder);
int verb_capture(const struct cli_args *args, const char *folder);

#endif
