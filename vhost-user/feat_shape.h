/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapers: frames above a port's rate wait until they are due. One queue, or with port_cfg.strict one
 * for each priority, the highest first. port_cfg.shape_out: rate and burst as they say; excess is how
 * many bytes may wait in a queue (0: 20 ms of the rate, 64 KiB at least and 512 KiB at most).
 */
#ifndef CORELANE_VHOST_USER_FEAT_SHAPE_H
#define CORELANE_VHOST_USER_FEAT_SHAPE_H

#include "vhost-user/feature.h"

#define SHAPE_QUEUES    8
#define SHAPE_LIMIT_MAX (4u << 20) /* bytes of a queue */

extern const struct feature feat_shape;

#endif
