/* SPDX-License-Identifier: Apache-2.0 */
/* Stable names of counters that travel as numbers. */
#include "base/switch_msg.h"
#include "base/util.h"
#include "base/vmm_msg.h"

const char *
switch_drop_name(enum switch_drop cause)
{
	static const char *const name[DROP_CAUSES] = {
		[DROP_RUNT] = "runt",           [DROP_OVERSIZE] = "oversize",
		[DROP_VLAN] = "vlan",           [DROP_SOURCE] = "source",
		[DROP_SELF] = "self",           [DROP_NO_PORT] = "no-port",
		[DROP_RING_FULL] = "ring-full", [DROP_LINK_DOWN] = "link-down",
		[DROP_SPOOFED] = "spoofed",     [DROP_MAC_LIMIT] = "mac-limit",
		[DROP_ISOLATED] = "isolated",   [DROP_STORM] = "storm",
		[DROP_FILTER] = "filter",       [DROP_POLICED] = "policed",
		[DROP_SHAPED] = "shaped",       [DROP_OFFLOAD] = "offload",
		[DROP_BUFFERS] = "buffers",     [DROP_RESERVED] = "reserved",
		[DROP_TUNNEL] = "tunnel",
	};

	return (unsigned int)cause < DROP_CAUSES ? name[cause] : "unknown";
}

const char *
vmm_exit_name(enum vmm_exit reason)
{
	static const char *const name[VMM_EXIT_REASONS] = {
		[VMM_EXIT_PIO] = "pio",           [VMM_EXIT_MMIO] = "mmio",
		[VMM_EXIT_HLT] = "hlt",           [VMM_EXIT_INTR] = "signal",
		[VMM_EXIT_SHUTDOWN] = "shutdown", [VMM_EXIT_FAIL] = "fail",
		[VMM_EXIT_OTHER] = "other",
	};

	return (unsigned int)reason < VMM_EXIT_REASONS ? name[reason] : "unknown";
}
