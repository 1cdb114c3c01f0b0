/* SPDX-License-Identifier: Apache-2.0 */
/* corelane-bench: runs a site with probes and says what they measured, with the verdict on the host. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stdio.h"
#include "bench/runner/relay.h"
#include "bench/runner/results.h"
#include "bench/runner/save.h"
#include "bench/runner/site.h"
#include "bench/runner/table.h"

struct bench {
	const char *out; /* folder for results, or NULL */
	const char *corelane;
	bool quiet;
	struct site_options site;
	char work[PATH_MAX]; /* a folder of our own, removed at the end */
	char made[PATH_MAX]; /* our own declaration in it */
	char report[PATH_MAX];
};

static const char usage[] =
	"usage: corelane-bench run FILE [OPTIONS]   run the probes that FILE declares\n"
	"       corelane-bench latency [OPTIONS]    one probe, through the switch and back in\n"
	"       corelane-bench throughput [OPTIONS] the same, flat out\n"
	"       corelane-bench jitter [OPTIONS]     gaps that a vCPU's own clock sees\n"
	"       corelane-bench exits [OPTIONS]      what leaving the guest costs\n"
	"options:\n"
	"  --time T       how long, e.g. 5s (default 5s)\n"
	"  --rate R       frames a second, e.g. 100k; 0 is flat out\n"
	"  --size N       bytes of a frame, without its check sum\n"
	"  --rings R      split or packed\n"
	"  --out DIR      write results.json, report.json, report.html and raw histograms there\n"
	"  --corelane P   use this corelane\n"
	"  --quiet        only the results\n";

static const struct {
	const char *name;
	enum site_kind kind;
} kinds[] = {{"latency", SITE_LATENCY},
	     {"throughput", SITE_THROUGHPUT},
	     {"jitter", SITE_JITTER},
	     {"exits", SITE_EXITS}};

static const struct option long_options[] = {
	{"time", required_argument, NULL, 't'}, {"rate", required_argument, NULL, 'r'},
	{"size", required_argument, NULL, 's'}, {"rings", required_argument, NULL, 'g'},
	{"out", required_argument, NULL, 'o'},  {"corelane", required_argument, NULL, 'c'},
	{"quiet", no_argument, NULL, 'q'},      {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},    {0},
};

static int
take_probe_word(struct bench *b, int c)
{
	const char **word = c == 't'   ? &b->site.time
			    : c == 'r' ? &b->site.rate
			    : c == 's' ? &b->site.size
				       : &b->site.rings;
	const char *wanted;

	wanted = site_value_wanted((char)c, optarg);
	if (wanted) {
		log_err("value \"%s\" is not %s", optarg, wanted);
		return EXIT_USAGE;
	}
	*word = optarg;
	return EXIT_OK;
}

/* EXIT_OK, or EXIT_USAGE; help and version end the program. */
static int
parse(struct bench *b, int argc, char **argv)
{
	int c, status = EXIT_OK;

	while (status == EXIT_OK &&
	       (c = getopt_long(argc, argv, "t:r:s:o:qh", long_options, NULL)) != -1) {
		switch (c) {
		case 'o':
			b->out = optarg;
			break;
		case 'c':
			b->corelane = optarg;
			break;
		case 'q':
			b->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_OK);
		case 'v':
			puts("corelane-bench " CORELANE_VERSION);
			exit(EXIT_OK);
		case '?':
			status = EXIT_USAGE;
			break;
		default:
			status = take_probe_word(b, c);
			break;
		}
	}
	return status;
}

/* corelane is where we are, unless named. */
static void
find_corelane(const struct bench *b, char *ret, size_t size)
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	own[n > 0 ? n : 0] = '\0';
	slash = strrchr(own, '/');
	if (b->corelane)
		snprintf(ret, size, "%s", b->corelane);
	else
		snprintf(ret, size, "%.*s/corelane", slash ? (int)(slash - own) : 0, own);
}

static int
make_work(struct bench *b, struct err *e)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(b->work, sizeof(b->work) - 32, "%s/corelane-bench.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(b->work)) {
		int n = err_sys(e, errno, "%s", b->work);

		b->work[0] = '\0';
		return n;
	}
	snprintf(b->report, sizeof(b->report), "%.*s/report.json", PATH_MAX - 32, b->work);
	if (b->out && mkdir(b->out, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", b->out);
	return 0;
}

static int
make_site(struct bench *b, enum site_kind kind, struct err *e)
{
	FILE *f;
	int r;

	snprintf(b->made, sizeof(b->made), "%.*s/site.yaml", PATH_MAX - 32, b->work);
	f = fopen(b->made, "we");
	if (!f)
		return err_sys(e, errno, "%s", b->made);
	r = site_print(kind, &b->site, f);
	if (fclose(f) == EOF || r < 0)
		return err_sys(e, EIO, "%s", b->made);
	return 0;
}

static void
clean_up(struct bench *b)
{
	if (b->report[0])
		unlink(b->report);
	if (b->made[0])
		unlink(b->made);
	if (b->work[0])
		rmdir(b->work);
}

static int
say_results(const struct bench *b, struct err *e)
{
	struct results r;
	int n, status;

	n = results_load(b->report, &r, e);
	if (n < 0)
		return n;
	n = table_print(&r, stdout);
	if (n == 0 && b->out)
		n = save_results(&r, b->out, e);
	status = r.n > 0 && r.probes_ok && r.bad == 0 ? EXIT_OK : EXIT_FAILED;
	if (status != EXIT_OK)
		log_err("a probe did not end well; its lines say why");
	results_free(&r);
	return n < 0 ? n : status;
}

static int
measure(struct bench *b, const char *file, struct err *e)
{
	char program[PATH_MAX];
	char *argv[] = {program, (char *)"run", (char *)"--report", b->report, (char *)file, NULL};
	int n, status;

	find_corelane(b, program, sizeof(program));
	n = relay_run(argv, b->quiet, &status, e);
	if (n < 0)
		return n;
	if (access(b->report, F_OK) < 0)
		return status ? status : EXIT_FAILED; /* corelane has said why */
	n = say_results(b, e);
	return n < 0 ? n : status ? status : n;
}

static int
bench_main(struct bench *b, int argc, char **argv)
{
	const char *verb = argv[1], *file = NULL;
	struct err e = {0};
	size_t k = 0;
	int r;

	while (k < ARRAY_SIZE(kinds) && strcmp(kinds[k].name, verb) != 0)
		k++;
	if (k == ARRAY_SIZE(kinds) && strcmp(verb, "run") == 0)
		file = optind < argc ? argv[optind++] : NULL;
	if (optind < argc || (k == ARRAY_SIZE(kinds) && !file)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	r = make_work(b, &e);
	if (r == 0 && !file)
		r = make_site(b, kinds[k].kind, &e);
	if (r == 0)
		r = measure(b, file ? file : b->made, &e);
	clean_up(b);
	if (r < 0)
		log_err("%s", e.text);
	return r < 0 ? EXIT_FAILED : r;
}

int
main(int argc, char **argv)
{
	struct bench b = {0};

	if (stdio_reserve() < 0)
		return EXIT_FAILED;
	log_init("corelane-bench", LOG_LVL_INFO);
	if (argc < 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "version") == 0)
		argv[1] = (char *)(argv[1][0] == 'h' ? "--help" : "--version");
	optind = argv[1][0] == '-' ? 1 : 2;
	if (parse(&b, argc, argv) != EXIT_OK)
		return EXIT_USAGE;
	return bench_main(&b, argc, argv);
}
