/* SPDX-License-Identifier: Apache-2.0 */
/* What to tell a back end next: between vhost_user.c and vhost_user_plan.c. For nobody else. */
#ifndef CORELANE_VMM_VHOST_USER_PLAN_H
#define CORELANE_VMM_VHOST_USER_PLAN_H

#include "vmm/net_offload.h"
#include "vmm/vhost_user.h"

#define VU_RING_SET 6 /* NUM, BASE, ADDR, ERR, CALL, KICK were sent */

/*
 * Features that a back end must share with the driver: they change what it sees in a ring, or (the
 * offloads) what it gets and gives.
 */
#define VU_RING_FEATURES                                                                           \
	(1ull << 15 | 1ull << 28 | 1ull << 29 | 1ull << 32 | 1ull << 34 | NET_OFFLOADS)

/* The next message, and its effect on what the back end was told. false: nothing is left to say. */
bool vu_next(struct vhost_user *vu, struct vu_msg *ret);

/* A whole answer to vu->sent. 0, or -EPROTO when it is not one; its fds are taken or closed. */
int vu_answer(struct vhost_user *vu, struct vu_msg *m);

/* Whether @m is answered in any case (else only when the back end knows REPLY_ACK). */
bool vu_has_reply(uint32_t request);

#endif
