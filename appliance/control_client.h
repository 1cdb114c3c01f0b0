/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of control_sock.h: finds the sites that run, and asks one. */
#ifndef CORELANE_APPLIANCE_CONTROL_CLIENT_H
#define CORELANE_APPLIANCE_CONTROL_CLIENT_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/port.h"

#define CONTROL_SITES_MAX 64

struct control_site {
	char folder[SOCK_PATH_LEN]; /* its run folder */
	json_t *list;               /* its answer to the action list; owned */
};

/*
 * The sites that run: the one in @run_dir, or (NULL) all below @base. Those that do not answer are left
 * out, but a named one that does not is an error. 0 with *@ret_n of them, to be freed with
 * control_sites_free(); -errno in words.
 */
int control_sites(const char *run_dir, const char *base, struct control_site *ret, size_t *ret_n,
		  struct err *e);
void control_sites_free(struct control_site *s, size_t n);

/*
 * Sends @request (borrowed) to the site in @folder and waits for its answer, which is the caller's.
 * @timeout_s bounds the wait. 0 or -errno in words.
 */
int control_ask(const char *folder, const json_t *request, unsigned int timeout_s, json_t **ret,
		struct err *e);

/* Likewise, with a descriptor (-1: none) that stays the caller's. */
int control_ask_fd(const char *folder, const json_t *request, int pass_fd, unsigned int timeout_s,
		   json_t **ret, struct err *e);

#endif
