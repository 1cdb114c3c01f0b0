/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running switch is replaced by another one (perhaps of another program) while frames flow: the new
 * one is started and told everything, the VMMs let it connect beside the old one, then the old one hands
 * over (base/switch_msg.h, SWITCH_OP_HANDOVER). What goes wrong before the hand-over leaves the old one
 * as it was. Uplinks have one owner at a time: they follow when the old one has ended.
 */
#ifndef CORELANE_APPLIANCE_SWITCHD_UPGRADE_H
#define CORELANE_APPLIANCE_SWITCHD_UPGRADE_H

#include "appliance/switchd.h"
#include "appliance/vnf.h"

struct switchd_upgrade;

/* @ok: the new one serves @ports ports; @words: what is to be said beside, or why it failed. Once. */
typedef void switchd_upgraded_fn(void *arg, bool ok, unsigned int ports, const char *words);

/*
 * @program: NULL: the same. @vnf: the plan's. 0, and @done follows within some seconds; -EBUSY (the
 * switch is not ready), -errno, in words.
 */
int switchd_upgrade(struct switchd *s, struct vnf *vnf, const char *program,
		    switchd_upgraded_fn *done, void *arg, struct err *e);
/* Nobody waits for the answer any more. */
void switchd_upgrade_forget(struct switchd *s);

/*
 * Private to switchd*.c. The switch has ended or is to be stopped: the upgrade is off, or was meant to end
 * like this. true: what becomes of it is the upgrade's affair.
 */
bool switchd_upgrade_ended(struct switchd *s);

#endif
