/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: a tree of nodes and a schema make a filled struct or complaints.
 */
#ifndef CORELANE_CONFIG_BIND_H
#define CORELANE_CONFIG_BIND_H

#include "config/arena.h"
#include "config/node.h"
#include "config/problem.h"
#include "config/schema.h"

/*
 * Fills the struct at @base (zeroed by the caller) from @n by schema @s: values, defaults, places
 * (its own is that of metadata.name, where there is one).
 * @who names the document in complaints ("vnf fw1"). Nodes that were complained about are marked
 * bad. Texts without a size of their own go to @store. Lists are allocated with calloc() and belong to the struct, also after complaints; a second
 * later complaint about the same thing is avoided. 0 or -ENOMEM.
 */
int bind_document(const struct config_schema *s, struct node *n, const char *who,
		  struct problems *p, struct arena *store, void *base);

/* The number of fields of a KEY_INDEX_MAP. */
size_t index_map_size(const struct config_key *k);

#endif
