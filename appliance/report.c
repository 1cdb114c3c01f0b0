/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/report.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint32_t
vcpus_of(const struct vnf *v)
{
	/* The counters are shared with a process that we do not trust: never believe its number. */
	return v->env->plan->vnf[v->index].vnf->cpu.vcpus;
}

/* jansson takes UTF-8 only; a file name or a message may be anything. */
static json_t *
text_json(const char *text)
{
	json_t *j = json_string(text);

	return j ? j : json_string("(not UTF-8)");
}

static json_t *
exits_json(const struct vmm_vcpu_stats *s)
{
	json_t *j = json_object();

	for (int r = 0; r < VMM_EXIT_REASONS; r++)
		json_object_set_new(j, vmm_exit_name((enum vmm_exit)r),
				    json_integer((json_int_t)s->exits[r]));
	json_object_set_new(j, "unhandled", json_integer((json_int_t)s->unhandled));
	return j;
}

static double
tsc_us(uint64_t from, uint64_t to, uint64_t hz)
{
	return hz && to > from ? (double)(to - from) * 1e6 / (double)hz : 0;
}

static void
add_stats(json_t *j, const struct vnf *v, uint64_t hz)
{
	const struct vmm_stats *s = v->stats;
	json_t *all = json_array();

	if (!s || s->magic != VMM_STATS_MAGIC) {
		json_decref(all);
		return;
	}
	for (uint32_t i = 0; i < vcpus_of(v); i++)
		json_array_append_new(all, exits_json(&s->vcpu[i]));
	json_object_set_new(j, "exits", all);
	json_object_set_new(j, "guestErrors", json_integer((json_int_t)s->guest_errors));
	json_object_set_new(j, "backendErrors", json_integer((json_int_t)s->backend_errors));
	json_object_set_new(j, "diskErrors", json_integer((json_int_t)s->disk_errors));
	json_object_set_new(j, "execTsc", json_integer((json_int_t)s->exec_tsc));
	json_object_set_new(j, "execToMainUs", json_real(tsc_us(s->exec_tsc, s->main_tsc, hz)));
	json_object_set_new(j, "execToRunUs", json_real(tsc_us(s->exec_tsc, s->run_tsc, hz)));
}

/* Over all lives of its VMM. */
static json_t *
health_json(const struct vnf *v)
{
	const struct vnf_health *h = &v->health;
	json_t *j =
		json_pack("{s:I, s:I, s:I, s:I, s:I}", "watchdogs", (json_int_t)h->watchdogs,
			  "panics", (json_int_t)h->panics, "rxNoBuffer",
			  (json_int_t)h->rx_no_buffer, "acceptErrors", (json_int_t)h->accept_errors,
			  "balloonReported", (json_int_t)h->balloon_reported);

	if (j && v->log.path)
		json_object_set_new(j, "consoleLog",
				    json_pack("{s:o, s:I, s:I}", "path", text_json(v->log.path),
					      "lines", (json_int_t)v->log.lines, "lost",
					      (json_int_t)v->log.lost));
	return j;
}

static json_t *
vnf_json(const struct report_input *in, size_t i)
{
	const struct vnf *v = &in->vnfs[i];
	json_t *j = json_pack("{s:s, s:s, s:o, s:i, s:I, s:O?}", "name", v->name, "result",
			      vnf_result_name(v->result), "detail", text_json(v->detail), "resets",
			      (int)v->resets, "linesDropped", (json_int_t)v->json_dropped, "lines",
			      v->json);

	if (!j)
		return NULL;
	json_object_set_new(j, "health", health_json(v));
	if (in->faults)
		json_object_set_new(j, "iommuFaults",
				    json_integer((json_int_t)faults_of(in->faults, i)));
	add_stats(j, v, in->tsc_hz);
	return j;
}

static json_t *
port_json(const struct switchd_port *p)
{
	const struct port_stats *s = &p->stats;
	json_t *drops = json_object();

	if (!p->has_stats) {
		json_decref(drops);
		return json_pack("{s:s, s:s, s:n}", "name", p->cfg.name, "network", p->cfg.network,
				 "stats");
	}
	for (int c = 0; c < DROP_CAUSES; c++)
		json_object_set_new(drops, switch_drop_name((enum switch_drop)c),
				    json_integer((json_int_t)s->drops[c]));
	return json_pack("{s:s, s:s, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}}", "name",
			 p->cfg.name, "network", p->cfg.network, "stats", "rxPackets",
			 (json_int_t)s->rx_packets, "rxBytes", (json_int_t)s->rx_bytes, "txPackets",
			 (json_int_t)s->tx_packets, "txBytes", (json_int_t)s->tx_bytes, "flooded",
			 (json_int_t)s->flooded, "learned", (json_int_t)s->learned, "moved",
			 (json_int_t)s->moved, "connects", (json_int_t)s->connects, "badGuest",
			 (json_int_t)s->bad_guest, "drops", drops);
}

/* The plan prints itself as JSON; here it becomes a part of ours. */
static json_t *
plan_json(const struct report_input *in)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	json_t *j = NULL;

	if (!f)
		return json_null();
	plan_print_json(in->plan, in->topo, f);
	fclose(f);
	j = json_loadb(text, size, 0, NULL);
	free(text);
	return j ? j : json_null();
}

static json_t *
time_json(uint64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;
	char text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

json_t *
report_json(const struct report_input *in, json_t *machine)
{
	json_t *reasons = json_array(), *vnfs = json_array(), *ports = json_array();

	for (size_t i = 0; i < in->eligibility->n; i++)
		json_array_append_new(reasons, json_string(in->eligibility->reason[i]));
	for (size_t i = 0; i < in->plan->n_vnfs; i++)
		json_array_append_new(vnfs, vnf_json(in, i));
	for (size_t i = 0; in->sw && i < in->sw->ports.n; i++)
		json_array_append_new(ports, port_json(&in->sw->ports.port[i]));
	return json_pack("{s:i, s:s, s:o, s:s, s:o, s:o, s:i, s:b, s:o, s:I, s:o, s:o?, s:o, s:o, "
			 "s:i}",
			 "format", 1, "corelane", CORELANE_VERSION, "file", text_json(in->file),
			 "host", in->plan->site->host.name, "started", time_json(in->started_s),
			 "ended", time_json(in->ended_s), "status", in->status, "eligible",
			 (int)(in->eligibility->n == 0), "reasons", reasons, "tscHz",
			 (json_int_t)in->tsc_hz, "plan", plan_json(in), "machine", machine, "vnfs",
			 vnfs, "ports", ports, "switchStarts", in->sw ? (int)in->sw->starts : 0);
}

/* What is not as it should be, a line each. */
static void
health_lines(const struct vnf *v, FILE *out)
{
	const struct vnf_health *h = &v->health;
	const struct {
		uint64_t n;
		const char *what;
	} facts[] = {
		{h->watchdogs, "times its watchdog expired"},
		{h->panics, "times its kernel panicked"},
		{h->rx_no_buffer, "frames from taps were lost for want of guest buffers"},
		{v->log.lost, "lines are missing in its console log"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		if (facts[i].n)
			fprintf(out, "vnf %s: %" PRIu64 " %s\n", v->name, facts[i].n,
				facts[i].what);
}

static void
vnf_table(const struct report_input *in, FILE *out)
{
	fprintf(out, "\n%-24s %-12s %10s", "VNF", "end", "start us");
	for (int r = 0; r < VMM_EXIT_REASONS; r++)
		fprintf(out, " %9s", vmm_exit_name((enum vmm_exit)r));
	fprintf(out, " %9s\n", "errors");
	for (size_t i = 0; i < in->plan->n_vnfs; i++) {
		const struct vnf *v = &in->vnfs[i];
		const struct vmm_stats *s = v->stats;

		fprintf(out, "%-24s %-12s", v->name, vnf_result_name(v->result));
		if (!s || s->magic != VMM_STATS_MAGIC) {
			fprintf(out, "  (no counters)\n");
			continue;
		}
		fprintf(out, " %10.0f", tsc_us(s->exec_tsc, s->run_tsc, in->tsc_hz));
		for (int r = 0; r < VMM_EXIT_REASONS; r++) {
			uint64_t sum = 0;

			for (uint32_t c = 0; c < vcpus_of(v); c++)
				sum += s->vcpu[c].exits[r];
			fprintf(out, " %9" PRIu64, sum);
		}
		fprintf(out, " %9" PRIu64 "\n", s->guest_errors + s->backend_errors);
	}
	for (size_t i = 0; i < in->plan->n_vnfs; i++)
		health_lines(&in->vnfs[i], out);
}

/* "runt 3, vlan 1" or "-". */
static void
print_drops(const struct port_stats *s, FILE *out)
{
	bool any = false;

	for (int c = 0; c < DROP_CAUSES; c++) {
		if (!s->drops[c])
			continue;
		fprintf(out, "%s%s %" PRIu64, any ? ", " : " ",
			switch_drop_name((enum switch_drop)c), s->drops[c]);
		any = true;
	}
	fputs(any ? "\n" : " -\n", out);
}

static void
port_table(const struct report_input *in, FILE *out)
{
	fprintf(out, "\n%-24s %-12s %12s %12s %14s %14s %8s  %s\n", "port", "network", "from guest",
		"to guest", "bytes from", "bytes to", "flooded", "dropped");
	for (size_t i = 0; i < in->sw->ports.n; i++) {
		const struct switchd_port *p = &in->sw->ports.port[i];
		const struct port_stats *s = &p->stats;

		fprintf(out, "%-24s %-12s", p->cfg.name, p->cfg.network);
		if (!p->has_stats) {
			fprintf(out, "  (no counters: the switch was not there)\n");
			continue;
		}
		fprintf(out,
			" %12" PRIu64 " %12" PRIu64 " %14" PRIu64 " %14" PRIu64 " %8" PRIu64 " ",
			s->rx_packets, s->tx_packets, s->rx_bytes, s->tx_bytes, s->flooded);
		print_drops(s, out);
	}
	if (in->sw->starts > 1)
		fprintf(out, "the switch was started %u times; counters are of its last life\n",
			in->sw->starts);
}

int
report_tables(const struct report_input *in, FILE *out)
{
	vnf_table(in, out);
	if (in->sw)
		port_table(in, out);
	return fflush(out) == EOF || ferror(out) ? -EIO : 0;
}

/* It is written beside its place first, so that nobody ever reads half of it. */
static int
part_path(const char *path, char *ret, size_t size)
{
	return (size_t)snprintf(ret, size, "%s.part", path) < size ? 0 : -ENAMETOOLONG;
}

int
report_try(const char *path)
{
	char part[PATH_MAX];
	struct stat st;
	FILE *f;

	if (part_path(path, part, sizeof(part)) < 0)
		return -ENAMETOOLONG;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return -EISDIR;
	f = fopen(part, "we");
	if (!f)
		return -errno;
	fclose(f);
	unlink(part);
	return 0;
}

int
report_write(const json_t *j, const char *path)
{
	char part[PATH_MAX];
	int r = 0;
	FILE *f;

	if (part_path(path, part, sizeof(part)) < 0)
		return -ENAMETOOLONG;
	f = fopen(part, "we");
	if (!f)
		return -errno;
	errno = 0;
	if (json_dumpf(j, f, JSON_INDENT(1)) < 0 || fputc('\n', f) == EOF)
		r = errno ? -errno : -EIO;
	if (fclose(f) == EOF && r == 0)
		r = -errno;
	if (r == 0 && rename(part, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(part);
	return r;
}
