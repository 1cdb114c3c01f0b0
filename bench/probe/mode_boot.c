/* SPDX-License-Identifier: Apache-2.0 */
/* mode=boot: what the loader gave us, in full; for tests of loaders. */
#include "bench/probe/heap.h"
#include "bench/probe/modes.h"
#include "bench/probe/out.h"

/* FNV-1a, 64 bits: easy to compute again outside. */
static uint64_t
checksum(const uint8_t *p, uint64_t size)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (uint64_t i = 0; i < size; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

bool
mode_boot(struct probe *p)
{
	const struct boot *b = &p->boot;
	struct json *j = out_json();

	if (heap_map(b->initrd_addr, b->initrd_size)) {
		out_error("the initrd lies beyond 512 GiB", NULL);
		return false;
	}
	json_open(j, "boot");
	json_u64(j, "modules", b->n_modules);
	json_hex(j, "initrd_addr", b->initrd_addr);
	json_u64(j, "initrd_size", b->initrd_size);
	json_hex(j, "initrd_fnv1a",
		 checksum((const uint8_t *)(uintptr_t)b->initrd_addr, b->initrd_size));
	json_hex(j, "rsdp", b->rsdp);
	json_u64(j, "heap", heap_left());
	json_begin(j, "map", '[');
	for (uint32_t i = 0; i < b->n_ranges; i++) {
		json_begin(j, NULL, '{');
		json_hex(j, "addr", b->range[i].addr);
		json_hex(j, "size", b->range[i].size);
		json_u64(j, "type", b->range[i].type);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_close(j);
	return true;
}
