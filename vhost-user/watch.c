/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/watch.h"

#include <stdlib.h>

#include "vhost-user/capture.h"
#include "vhost-user/filter_set.h"
#include "vhost-user/mirror.h"
#include "vhost-user/trace.h"

struct watch *
watch_of(struct swport *p)
{
	if (!p->watch)
		p->watch = calloc(1, sizeof(*p->watch));
	return p->watch;
}

void
watch_free(struct swport *p)
{
	struct watch *w = p->watch;

	if (!w)
		return;
	for (int d = 0; d < FILTER_DIRECTIONS; d++)
		filter_set_put(w->filter[d]);
	mirror_put(w->mirror);
	if (w->capture)
		capture_stop(w->capture);
	capture_put(w->capture);
	trace_put(w->trace);
	free(w);
	p->watch = NULL;
}
