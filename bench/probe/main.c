/* SPDX-License-Identifier: Apache-2.0 */
/* Ring 3's beginning and end; what happens in between is the mode's. */
#include "bench/probe/boot.h"
#include "bench/probe/clock.h"
#include "bench/probe/console.h"
#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/layout.h"
#include "bench/probe/modes.h"
#include "bench/probe/out.h"
#include "bench/probe/power.h"

extern uint64_t boot_tsc, boot_ring3_tsc, boot_info_gpa;
extern uint32_t boot_protocol;
extern uint64_t fault_vector, fault_error, fault_rip, fault_rsp, fault_cr2;

void probe_main(void);
void fault_main(void);

static struct probe probe;

static bool (*const run[])(struct probe *) = {
	[MODE_BOOT] = mode_boot,       [MODE_LOOP] = mode_loop,
	[MODE_RTT] = mode_rtt,         [MODE_ECHO] = mode_echo,
	[MODE_GEN] = mode_gen,         [MODE_COUNT] = mode_count,
	[MODE_JITTER] = mode_jitter,   [MODE_EXITS] = mode_exits,
	[MODE_GARBAGE] = mode_garbage, [MODE_TRIPLEFAULT] = mode_triplefault,
	[MODE_FLOOD] = mode_flood,     [MODE_HLT] = mode_hlt,
	[MODE_SMP] = mode_smp,         [MODE_CONSOLE] = mode_console,
	[MODE_IRQ] = mode_irq,         [MODE_RNG] = mode_rng,
	[MODE_PCI] = mode_pci,         [MODE_RESET] = mode_reset,
	[MODE_MEM] = mode_mem,         [MODE_FAULT] = mode_fault,
};

static const char *
protocol_name(uint32_t protocol)
{
	static const char *const names[] = {"?", "pvh", "bzimage32", "bzimage64"};

	return names[protocol <= PROTO_BZ64 ? protocol : 0];
}

static void
say_start(const struct probe *p)
{
	struct json *j = out_json();

	json_open(j, "start");
	json_str(j, "version", CORELANE_VERSION);
	json_str(j, "protocol", protocol_name(p->boot.protocol));
	json_u64(j, "entry_tsc", boot_tsc);
	json_u64(j, "ring3_tsc", boot_ring3_tsc);
	json_u64(j, "tsc_hz", tsc.hz);
	json_str(j, "tsc_source", tsc.source);
	json_str(j, "mode", args_mode_name(p->args.mode));
	json_str(j, "cmdline", p->boot.cmdline);
	json_close(j);
}

static void
say_end(const char *mode, bool ok)
{
	struct json *j = out_json();

	json_open(j, "end");
	json_str(j, "mode", mode);
	json_bool(j, "ok", ok);
	json_u64(j, "end_tsc", rdtsc());
	json_close(j);
}

void
probe_main(void)
{
	const char *error = boot_read(&probe.boot, boot_protocol, (void *)boot_info_gpa);
	char arg_error[ARGS_ERROR_MAX];
	bool ok = false;
	int r;

	args_default(&probe.args);
	r = args_parse(&probe.args, probe.boot.cmdline, arg_error);
	heap_init(&probe.boot);
	clock_init(probe.args.tsc_hz);
	if (!error && !r && tsc.hz && probe.args.out == OUT_CONSOLE)
		error = console_open(&probe);
	say_start(&probe);
	if (error)
		out_error(error, NULL);
	else if (r)
		out_error("command line", arg_error);
	else if (!tsc.hz)
		out_error("the frequency of the TSC is unknown: say tsc=HZ", NULL);
	else
		ok = run[probe.args.mode](&probe);
	say_end(args_mode_name(probe.args.mode), ok);
	power_off(ok);
}

/* An exception: traps.S brought us here, to ring 3, with what it noted. */
void
fault_main(void)
{
	struct json *j = out_json();

	out_redirect(NULL);
	serial_write("\n", 1);
	json_open(j, "fault");
	json_u64(j, "vector", fault_vector);
	json_hex(j, "error", fault_error);
	json_hex(j, "rip", fault_rip);
	json_hex(j, "rsp", fault_rsp);
	json_hex(j, "cr2", fault_cr2);
	json_close(j);
	say_end(args_mode_name(probe.args.mode), false);
	power_off(false);
}
