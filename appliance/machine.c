/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* One small file each; docs/operator.md says what is wanted of them. */
static const struct {
	const char *key, *path;
} settings[] = {
	{"cmdline", "/proc/cmdline"},
	{"isolated", "/sys/devices/system/cpu/isolated"},
	{"nohzFull", "/sys/devices/system/cpu/nohz_full"},
	{"online", "/sys/devices/system/cpu/online"},
	{"smt", "/sys/devices/system/cpu/smt/control"},
	{"governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"},
	{"cpuidle", "/sys/devices/system/cpu/cpuidle/current_driver"},
	{"clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource"},
	{"realtimeKernel", "/sys/kernel/realtime"},
	{"transparentHugepages", "/sys/kernel/mm/transparent_hugepage/enabled"},
	{"ksm", "/sys/kernel/mm/ksm/run"},
	{"numaBalancing", "/proc/sys/kernel/numa_balancing"},
	{"timerMigration", "/proc/sys/kernel/timer_migration"},
	{"rtRuntimeUs", "/proc/sys/kernel/sched_rt_runtime_us"},
	{"statInterval", "/proc/sys/vm/stat_interval"},
	{"swappiness", "/proc/sys/vm/swappiness"},
	{"nmiWatchdog", "/proc/sys/kernel/nmi_watchdog"},
	{"haltPollNs", "/sys/module/kvm/parameters/halt_poll_ns"},
	{"kvmclockPeriodicSync", "/sys/module/kvm/parameters/kvmclock_periodic_sync"},
	{"nxHugePages", "/sys/module/kvm/parameters/nx_huge_pages"},
};

static void
set_text(json_t *j, const char *key, const char *text)
{
	json_t *s = json_string(text);

	if (s) /* NULL: not UTF-8 */
		json_object_set_new(j, key, s);
}

/* "model name : X" of the first processor, and whether it runs under a hypervisor. */
static void
add_cpu(const struct sysroot *root, json_t *j)
{
	char line[4096];
	int fd = sysroot_openat(root, O_RDONLY, "/proc/cpuinfo");
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0')
			break; /* the first processor is enough */
		if (!value)
			continue;
		value += value[1] == ' ' ? 2 : 1;
		if (strncmp(line, "model name", 10) == 0)
			set_text(j, "cpuModel", value);
		else if (strncmp(line, "microcode", 9) == 0)
			set_text(j, "microcode", value);
		else if (strncmp(line, "flags", 5) == 0)
			json_object_set_new(j, "hypervisor",
					    json_boolean(strstr(value, " hypervisor") != NULL));
	}
	fclose(f);
}

static void
add_mitigations(const struct sysroot *root, json_t *j)
{
	int fd = sysroot_openat(root, O_RDONLY | O_DIRECTORY,
				"/sys/devices/system/cpu/vulnerabilities");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	json_t *all = json_object();
	struct dirent *ent;
	char text[512];

	if (!dir && fd >= 0)
		close(fd);
	while (dir && all && (ent = readdir(dir)))
		if (ent->d_name[0] != '.' &&
		    sysroot_read_str(root, text, sizeof(text),
				     "/sys/devices/system/cpu/vulnerabilities/%s",
				     ent->d_name) == 0)
			set_text(all, ent->d_name, text);
	if (dir)
		closedir(dir);
	json_object_set_new(j, "mitigations", all);
}

static void
add_hugepages(const struct sysroot *root, json_t *j)
{
	static const struct {
		const char *name;
		int kib;
	} sizes[] = {{"2Mi", 2048}, {"1Gi", 1048576}};
	json_t *all = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t total, avail;

		if (sysroot_read_u64(root, &total,
				     "/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages",
				     sizes[i].kib) == 0 &&
		    sysroot_read_u64(root, &avail,
				     "/sys/kernel/mm/hugepages/hugepages-%dkB/free_hugepages",
				     sizes[i].kib) == 0)
			json_object_set_new(all, sizes[i].name,
					    json_pack("{s:I, s:I}", "total", (json_int_t)total,
						      "free", (json_int_t)avail));
	}
	json_object_set_new(j, "hugepages", all);
}

json_t *
machine_describe(const struct sysroot *root)
{
	json_t *j = json_object();
	struct utsname u;
	char text[4096];

	if (!j)
		return NULL;
	if (uname(&u) == 0) {
		set_text(j, "kernel", u.release);
		set_text(j, "kernelVersion", u.version);
	}
	add_cpu(root, j);
	json_object_set_new(j, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (sysroot_read_str(root, text, sizeof(text), "%s", settings[i].path) == 0)
			set_text(j, settings[i].key, text);
	add_mitigations(root, j);
	add_hugepages(root, j);
	return j;
}
