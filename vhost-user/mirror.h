/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mirrors: a port's frames are put into another port as well. The mirror holds the other port's
 * number, not its address, so a port that goes away needs no word with those that are mirrored to it.
 */
#ifndef CORELANE_VHOST_USER_MIRROR_H
#define CORELANE_VHOST_USER_MIRROR_H

#include "base/err.h"
#include "vhost-user/swport.h"

/*
 * -EINVAL with words: a port is mirrored to itself, to one that is mirrored on, or others are mirrored
 * to it, so that frames could go round. @slot: all ports; @cfg: as it is to be, there or not.
 */
int mirror_check(struct swport *const *slot, uint32_t n, const struct port_cfg *cfg, struct err *e);

/*
 * A port came, changed or went: every mirror looks for its target again, and every port is told whether
 * it is one. Sets bit i of @ret_changed (n bits) for ports that need another chain. 0 or -ENOMEM.
 */
int mirror_resolve(struct swport *const *slot, uint32_t n, uint64_t *ret_changed);

struct mirror {
	_Atomic uint32_t refs;
	_Atomic uint32_t target; /* its ref; 0: not there. Control thread */
};

struct mirror *mirror_ref(struct mirror *m);
void mirror_put(struct mirror *m); /* NULL is accepted */

#endif
