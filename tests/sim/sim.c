/* tests/sim/sim.c -- the whole kernel in simulation, from system call to disk.
 *
 *	sim mixed [FIRST [LAST]]      a mixed workload with disk faults, a run for each seed
 *	sim sweep [FIRST [LAST]]      most of the system calls, some with an allocation that fails
 *	sim allocations [NTH]         each allocation of a sequence of calls fails in turn
 *	sim replay [SEED]             the same seed twice is the same run
 *	sim free [FIRST [LAST]]       the mixed workload with CPUs running freely (tsan build)
 *	sim signals [FIRST [LAST]]    a signal at each await of each thing: points.h
 *	sim refusals [FIRST [LAST]]   each allocation of each thing refused
 *	options: -v (console), -x (stay in one process, for a debugger), -d DISK_IMAGE,
 *		 -a (signals: each await of every call), -t THING, -b BRANCH (to replay one)
 *
 * A failing seed prints the command that replays it exactly. At the end: the awaits that no
 * run resumed at, and how deep the frame stack of each system call went.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsck.h"
#include "inside.h"
#include "points.h"
#include "hal/host/host.h"
#include "work.h"

/* So many seeds reach at least so many per cent of the kernel's awaits. Those of file systems that are
 * written to, FAT and loop devices, four in ten, are not in it: two programs would have each other's
 * disk. Signals and refusals have them. */
#define SWEEP_FULL    300u
#define SWEEP_REACHES 57u
/* So many seeds send a signal and SIGKILL at every await, but for those that are listed: whatever is new
 * wants a part of a sweep, or a line with a reason. */
#define SIGNALS_FULL  3u

static u8 initrd[4 << 20], image[PROG_IMAGE], true_image[PROG_IMAGE];
static u8 dynamic[8192], loader[8192], reader_image[PROG_IMAGE];
static size_t initrd_size;
static struct host_disk disk, second, fresh[HOST_DISKS - SIM_FRESH];
static bool verbose, same_process;
static const char *self;

/* --- runs --- */

/* A program that reads all that it is given. */
static size_t make_reader(void)
{
	static struct prog p;
	unsigned top;

	p.n = 0;
	top = p.n;
	SYS(&p, 63, I(0), I(PROG_SPACE), I(4096)); /* read */
	IF(&p, 0, GE, 1)
		prog_go_to(&p, top);
	SYS(&p, 94, I(0)); /* exit_group */
	return prog_elf(&p, reader_image);
}

static size_t make_initrd(const struct prog *p)
{
	static struct prog true_program;
	size_t size = prog_elf(p, image), true_size, dynamic_size, loader_size;

	true_program.n = 0;
	SYS(&true_program, 94, I(0)); /* exit_group */
	true_size = prog_elf(&true_program, true_image);
	dynamic_size = prog_elf_shared(&true_program, "/loader", dynamic);
	loader_size = prog_elf_shared(&true_program, NULL, loader);
	static const char script[] = "#!/true with an argument\n", nested[] = "#! /script\n";
	const struct prog_file files[] = {
		{"init", S_IFREG | 0755, image, size},
		{"true", S_IFREG | 0755, true_image, true_size},
		{"dynamic", S_IFREG | 0755, dynamic, dynamic_size},
		{"loader", S_IFREG | 0755, loader, loader_size},
		{"reader", S_IFREG | 0755, reader_image, make_reader()},
		{"script", S_IFREG | 0755, script, sizeof(script) - 1},
		{"nested", S_IFREG | 0755, nested, sizeof(nested) - 1},
		{"damaged", S_IFREG | 0755, true_image, 70},
		{"folder", S_IFDIR | 0750, "", 0},
		{"folder/link", S_IFLNK | 0777, "../true", 7},
		{"folder/pipe", S_IFIFO | 0600, "", 0},
		{"folder/name", S_IFREG | 0600, "1", 1, .links = 2},
		{"folder/second-name", S_IFREG | 0600, "", 0, .links = 2},
	};
	return prog_cpio(files, sizeof(files) / sizeof(files[0]), initrd);
}

static struct host_config config_for(u64 seed)
{
	struct host_config c = {
		.seed = seed, .cpus = 1 + seed % 4, .memory = 24ul << 20, .initrd = initrd,
		.initrd_size = initrd_size, .limit_ns = 60ul * 1000000000, .explain = inside_explain,
		.finishing = inside_finishing, .left_user = inside_left_user,
		.entering_user = inside_entering_user, .hook = inside_hook, .verbose = verbose, .same_process = same_process,
	};

	c.disk[0] = disk;
	c.disk[0].slow_rate = 10;
	c.disk[0].error_rate = seed % 3 ? 0 : 40;
	return c;
}

static struct host_result result;

static int report_failure(const char *what, u64 n)
{
	printf("%s %lu: %s: %s\n", what, n, host_end_name(result.end), result.why);
	if (!verbose)
		printf("%s\n", result.console);
	printf("replay: %s -v %s %lu\n", self, what, n);
	return 1;
}

static int run_mixed(u64 first, u64 last, enum host_mode mode)
{
	static struct prog p;
	u64 ns = 0, steps = 0;

	work_mixed(&p, 6);
	initrd_size = make_initrd(&p);
	for (u64 seed = first; seed <= last; seed++) {
		struct host_config c = config_for(seed);

		c.mode = mode;
		if (mode == HOST_FREE)
			c.cpus = 4;
		if (host_run(&c, &result) != HOST_OFF)
			return report_failure(mode == HOST_FREE ? "free" : "mixed", seed);
		ns += result.ns;
		steps += result.steps;
	}
	printf("mixed: %lu seeds, %lu s of virtual time, %lu million steps\n", last - first + 1,
	       ns / 1000000000, steps / 1000000);
	return 0;
}

static int run_sweep(u64 first, u64 last)
{
	static struct prog p;

	work_sweep(&p, 8);
	initrd_size = make_initrd(&p);
	for (u64 seed = first; seed <= last; seed++) {
		struct host_config c = config_for(seed);

		c.begin = seed % 8 < 2 ? points_go_long_way : NULL;
		findings->fail_nth = seed % 4 == 3 ? 1 + seed * 7919 % 2000 : 0;
		if (host_run(&c, &result) != HOST_OFF)
			return report_failure("sweep", seed);
	}
	printf("sweep: %lu seeds, %u %% of all awaits reached\n", last - first + 1,
	       inside_reached());
	if (last - first < SWEEP_FULL || inside_reached() >= SWEEP_REACHES)
		return 0;
	printf("sweep: it used to be %u %%: new calls want a part in it\n", SWEEP_REACHES);
	return 1;
}

static int run_replay(u64 seed)
{
	static struct prog p;
	static struct host_result again;
	struct host_config c;

	work_mixed(&p, 6);
	initrd_size = make_initrd(&p);
	c = config_for(seed);
	c.cpus = 4;
	host_run(&c, &result);
	host_run(&c, &again);
	printf("replay: %lu steps and %lu steps, digests %#lx and %#lx\n", result.steps, again.steps,
	       result.digest, again.digest);
	return result.steps != again.steps || result.digest != again.digest ||
	       result.end != again.end || result.ns != again.ns;
}

static int run_allocations(u64 first)
{
	static struct prog p;
	u64 nth;

	work_allocations(&p);
	initrd_size = make_initrd(&p);
	for (nth = first;; nth++) {
		struct host_config c = config_for(1);

		c.cpus = 1;
		findings->fail_nth = nth;
		findings->fault_hit = 0;
		if (host_run(&c, &result) != HOST_OFF)
			return report_failure("allocations", nth);
		if (!findings->fault_hit)
			break;
	}
	printf("allocations: each of %lu failed in turn\n", nth - first);
	return 0;
}

/* The list of awaits where none is sent says what is so. */
static int check_unreached(void)
{
	static char list[65536];
	FILE *f = fopen(SIM_UNREACHED, "r");
	unsigned wrong, count;

	if (!f) {
		perror(SIM_UNREACHED);
		return 1;
	}
	list[fread(list, 1, sizeof(list) - 1, f)] = 0;
	fclose(f);
	wrong = points_unlisted(list, &count);
	printf("signals: %u awaits are listed as out of reach; %u are neither that nor reached, or both\n",
	       count, wrong);
	return wrong != 0;
}

/* One run of each thing, or of one; the branches are its own. */
static int run_points(u64 first, u64 last, bool refusing, int thing)
{
	static struct prog empty, p;

	points->refusing = refusing;
	points->self = self;
	for (u64 seed = first; seed <= last; seed++)
		for (unsigned i = thing < 0 ? 0 : (unsigned)thing;; i++) {
			struct host_config c;

			p = empty;
			p.forgetful = seed / 2 % 2;
			if (!work_points(&p, i))
				break;
			initrd_size = make_initrd(&p);
			c = config_for(seed);
			c.cpus = 1;
			c.disk[0].error_rate = 0;
			c.disk[1] = second;
			c.disk[1].segments = 1;
			for (unsigned n = SIM_FRESH; n < HOST_DISKS; n++)
				c.disk[n] = fresh[n - SIM_FRESH];
			c.limit_ns *= 10;
			c.hook = points_hook;
			c.entering_user = points_entering_user;
			c.begin = points_begin;
			c.branched = points_branched;
			c.finishing = fsck_all;
			points->thing = i;
			points->seed = seed;
			points->trunk_through = false;
			if (host_run(&c, &result) != HOST_OFF ||
			    !(points->trunk_through || points->only)) {
				printf("thing %u: ", i);
				return report_failure(refusing ? "refusals" : "signals", seed);
			}
			if (points->only)
				printf("branch: %s, %s its end\n", host_end_name(result.end),
				       points->log[0].through ? "through to" : "not at");
			if (thing >= 0)
				break;
		}
	if (!refusing && thing < 0 && last - first >= SIGNALS_FULL && check_unreached())
		return 1;
	return points->failures != 0;
}

static struct host_disk read_disk(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct host_disk d = {};
	struct stat s;

	if (fd < 0 || fstat(fd, &s)) {
		perror(path);
		exit(2);
	}
	d.size = (u64)s.st_size;
	d.image = mmap(NULL, d.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	return d;
}

static void *shared(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static int usage(void)
{
	fprintf(stderr, "usage: sim [-v] [-x] [-d IMAGE] [-s] mixed|sweep|free|allocations|replay|signals|refusals [FIRST [LAST]]\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool figures = false;
	int err, c, thing = -1;
	u64 first, last;

	self = argv[0];
	findings = shared(sizeof(*findings));
	points = shared(sizeof(*points));
	while ((c = getopt(argc, argv, "vxsad:t:b:")) != -1)
		switch (c) {
		case 'v':
			verbose = true;
			break;
		case 'x':
			same_process = true;
			break;
		case 's':
			figures = true;
			break;
		case 'a':
			points->each = true;
			break;
		case 't':
			thing = atoi(optarg);
			break;
		case 'b':
			points->only = 1 + strtoull(optarg, NULL, 0);
			break;
		case 'd':
			disk = read_disk(optarg);
			break;
		default:
			return usage();
		}
	if (optind >= argc)
		return usage();
	if (!disk.image)
		disk = read_disk(SIM_DISK);
	second = read_disk(SIM_SECOND);
	for (unsigned n = 0; n < HOST_DISKS - SIM_FRESH; n++) {
		static const char *const paths[] = {SIM_WRITTEN, SIM_OLD, SIM_LEFT, SIM_EDGES,
						      SIM_ORPHANS, SIM_FAT12, SIM_FAT32};

		fresh[n] = read_disk(paths[n]);
		fresh[n].original = read_disk(paths[n]).image;
		/* Its list of orphans is broken: what the rest of that had is lost. */
		if (strcmp(paths[n], SIM_ORPHANS))
			fsck_note(&fresh[n], n + SIM_FRESH);
	}
	first = optind + 1 < argc ? strtoull(argv[optind + 1], NULL, 0) : 1;
	last = optind + 2 < argc ? strtoull(argv[optind + 2], NULL, 0) : first;
	if (!strcmp(argv[optind], "mixed"))
		err = run_mixed(first, last, HOST_SEEDED);
	else if (!strcmp(argv[optind], "sweep"))
		err = run_sweep(first, last);
	else if (!strcmp(argv[optind], "free"))
		err = run_mixed(first, last, HOST_FREE);
	else if (!strcmp(argv[optind], "signals"))
		err = run_points(first, last, false, thing);
	else if (!strcmp(argv[optind], "refusals"))
		err = run_points(first, last, true, thing);
	else if (!strcmp(argv[optind], "allocations"))
		err = run_allocations(first);
	else if (!strcmp(argv[optind], "replay"))
		err = run_replay(first);
	else
		return usage();
	if (points->seed)
		points_print(figures);
	else if (figures)
		inside_print();
	return err;
}
