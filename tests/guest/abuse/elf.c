/* Programs that are none: every way an executable can be malformed.
 *
 *     elf [NAME]
 *
 * makes a file in /tmp/elf, executes it in a child and prints what came of it: the errno of
 * execve, the signal it died of, its exit status, or that it runs for ever. The whole
 * program is 12 bytes of code that exits with 42, so whatever a damaged file still does is
 * the kernel's reading of it. Kernels must agree.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER	"/tmp/elf"
#define FILE_	FOLDER "/file"
#define BASE	0x400000ull
#define PAGE	4096ull

enum { LIMIT_MS = 2000, PHDRS = 3, CODE_AT = 0x200, IMAGE_SIZE = 0x1000, FLIPS = 300,
       EXIT_BROKEN = 99, EXIT_ERRNO = 200 };

/* An executable in memory. */
struct image {
	union {
		uint8_t bytes[2 * IMAGE_SIZE];
		struct {
			Elf64_Ehdr head;
			Elf64_Phdr parts[PHDRS];
		};
	};
	size_t size;
};

static const char *only;
static pid_t running;
static volatile bool late;

[[noreturn]] static void fail(const char *what)
{
	dprintf(2, "elf: %s: %s\n", what, strerror(errno));
	exit(EXIT_BROKEN);
}

/* exit(42) */
static const uint32_t code[] = { 0xd2800540, 0xd2800ba8, 0xd4000001 };

/* A good one: one segment to execute, one to write, and a stack header. */
static struct image good(void)
{
	struct image i = { .size = IMAGE_SIZE };

	i.head = (Elf64_Ehdr) {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_AARCH64, .e_version = EV_CURRENT,
		.e_entry = BASE + CODE_AT, .e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = PHDRS,
	};
	i.parts[0] = (Elf64_Phdr) {
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = BASE,
		.p_filesz = IMAGE_SIZE, .p_memsz = IMAGE_SIZE, .p_align = PAGE,
	};
	i.parts[1] = (Elf64_Phdr) {
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = BASE + 0x10000,
		.p_filesz = 0x100, .p_memsz = 0x3000, .p_align = PAGE,
	};
	i.parts[2] = (Elf64_Phdr) { .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	memcpy(i.bytes + CODE_AT, code, sizeof(code));
	return i;
}

static void write_file(const char *path, const void *data, size_t size, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, mode) < 0)
		fail(path);
	close(fd);
}

static void on_alarm(int signal)
{
	(void)signal;
	late = true;
	kill(running, SIGKILL);
}

static void set_limit(long ms)
{
	struct itimerval limit = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	setitimer(ITIMER_REAL, &limit, NULL);
}

static void print_status(const char *name, int status, int error)
{
	if (late)
		printf("%s: runs for ever\n", name);
	else if (error)
		printf("%s: %s\n", name, strerrorname_np(error));
	else if (WIFSIGNALED(status))
		printf("%s: SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
	else
		printf("%s: exits with %d\n", name, WEXITSTATUS(status));
	fflush(stdout);
}

/* Execute `path`; the child tells its errno through memory. */
static void execute(const char *name, const char *path)
{
	static volatile int *error;
	int status = 0;

	if (only && strcmp(only, name))
		return;
	if (!error)
		error = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*error = 0;
	late = false;
	running = fork();
	if (running < 0)
		fail("fork");
	if (running == 0) {
		char *argv[] = { (char *)"file", (char *)"argument", NULL };
		char *envp[] = { NULL };

		execve(path, argv, envp);
		*error = errno;
		_exit(EXIT_ERRNO);
	}
	set_limit(LIMIT_MS);
	while (waitpid(running, &status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid");
	set_limit(0);
	print_status(name, status, *error);
}

static void try_image(const char *name, const struct image *image)
{
	write_file(FILE_, image->bytes, image->size, 0755);
	execute(name, FILE_);
}

static void try_text(const char *name, const char *text, size_t size)
{
	write_file(FILE_, text, size, 0755);
	execute(name, FILE_);
}

/* A case: a good image, changed. */
#define CASE(name, change) do { \
	struct image i = good(); \
	change; \
	try_image(name, &i); \
} while (0)

static void lengths(void)
{
	static const size_t sizes[] = {
		0, 1, 3, 4, 5, 16, 17, 40, 63, 64, 65, 100, 119, 120, 121, 175, 176, 177, 231, 232,
		233, CODE_AT, CODE_AT + 1, CODE_AT + 4, CODE_AT + 12, IMAGE_SIZE - 1,
		IMAGE_SIZE + 1,
	};
	char name[32];

	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		snprintf(name, sizeof(name), "cut-at-%zu", sizes[n]);
		CASE(name, i.size = sizes[n]);
	}
}

static void heads(void)
{
	CASE("good", (void)i);
	CASE("magic", i.bytes[0] = 0x7e);
	CASE("class-32", i.head.e_ident[EI_CLASS] = ELFCLASS32);
	CASE("class-9", i.head.e_ident[EI_CLASS] = 9);
	CASE("big-endian", i.head.e_ident[EI_DATA] = ELFDATA2MSB);
	CASE("ident-version", i.head.e_ident[EI_VERSION] = 9);
	CASE("osabi", i.head.e_ident[EI_OSABI] = 77);
	CASE("type-none", i.head.e_type = ET_NONE);
	CASE("type-rel", i.head.e_type = ET_REL);
	CASE("type-core", i.head.e_type = ET_CORE);
	CASE("type-dyn", i.head.e_type = ET_DYN);
	CASE("machine-x86", i.head.e_machine = EM_X86_64);
	CASE("machine-arm", i.head.e_machine = EM_ARM);
	CASE("version", i.head.e_version = 9);
	CASE("ehsize-0", i.head.e_ehsize = 0);
	CASE("phentsize-0", i.head.e_phentsize = 0);
	CASE("phentsize-32", i.head.e_phentsize = 32);
	CASE("phentsize-57", i.head.e_phentsize = 57);
	CASE("phnum-0", i.head.e_phnum = 0);
	CASE("phnum-1", i.head.e_phnum = 1);
	CASE("phnum-70", i.head.e_phnum = 70);
	CASE("phnum-1171", i.head.e_phnum = 1171);
	CASE("phnum-ffff", i.head.e_phnum = 0xffff);
	CASE("phoff-0", i.head.e_phoff = 0);
	CASE("phoff-odd", i.head.e_phoff++);
	CASE("phoff-end", i.head.e_phoff = IMAGE_SIZE);
	CASE("phoff-near-end", i.head.e_phoff = IMAGE_SIZE - 56);
	CASE("phoff-huge", i.head.e_phoff = 1ull << 62);
	CASE("phoff-top", i.head.e_phoff = UINT64_MAX - 20);
	CASE("phoff-negative", i.head.e_phoff = 1ull << 63);
	CASE("entry-0", i.head.e_entry = 0);
	CASE("entry-odd", i.head.e_entry++);
	CASE("entry-data", i.head.e_entry = BASE + 0x10000 + CODE_AT);
	CASE("entry-kernel", i.head.e_entry = 0xffff000000000000);
	CASE("entry-kernel-image", i.head.e_entry = 0xffffffff80000000);
	CASE("entry-between", i.head.e_entry = 0x00f0000000000000);
	CASE("entry-zeroes", i.head.e_entry = BASE + 0x800);
	CASE("shoff-huge", (i.head.e_shoff = UINT64_MAX, i.head.e_shnum = 0xffff));
}

static void segments(void)
{
	CASE("align-0", i.parts[0].p_align = 0);
	CASE("align-1", i.parts[0].p_align = 1);
	CASE("align-3", i.parts[0].p_align = 3);
	CASE("align-2M", i.parts[0].p_align = 2 << 20);
	CASE("align-huge", i.parts[0].p_align = 1ull << 63);
	CASE("vaddr-odd", i.parts[0].p_vaddr++);
	CASE("vaddr-0", (i.parts[0].p_vaddr = 0, i.head.e_entry = CODE_AT));
	CASE("vaddr-low", (i.parts[0].p_vaddr = PAGE, i.head.e_entry = PAGE + CODE_AT));
	CASE("vaddr-64K", (i.parts[0].p_vaddr = 0x10000, i.head.e_entry = 0x10000 + CODE_AT));
	CASE("vaddr-kernel", i.parts[0].p_vaddr = 0xffff000000000000);
	CASE("vaddr-top", i.parts[0].p_vaddr = 0x0001000000000000 - PAGE);
	CASE("vaddr-past-top", i.parts[0].p_vaddr = 0x0001000000000000);
	CASE("vaddr-between", i.parts[0].p_vaddr = 0x00f0000000000000);
	CASE("vaddr-wraps", i.parts[1].p_vaddr = UINT64_MAX - 0x1000 + 1);
	CASE("offset-odd", i.parts[0].p_offset = 1);
	CASE("offset-past-end", i.parts[0].p_offset = 16 * PAGE);
	CASE("offset-huge", i.parts[0].p_offset = 1ull << 62);
	CASE("offset-top", i.parts[0].p_offset = -PAGE);
	CASE("offset-negative", i.parts[0].p_offset = 1ull << 63);
	CASE("filesz-0", i.parts[0].p_filesz = 0);
	CASE("filesz-past-end", i.parts[0].p_filesz = i.parts[0].p_memsz = 4 * PAGE);
	CASE("filesz-over-memsz", i.parts[0].p_memsz = 16);
	CASE("filesz-huge", i.parts[0].p_filesz = i.parts[0].p_memsz = 1ull << 60);
	CASE("filesz-top", i.parts[0].p_filesz = i.parts[0].p_memsz = UINT64_MAX);
	CASE("filesz-negative", i.parts[0].p_filesz = i.parts[0].p_memsz = 1ull << 63);
	CASE("memsz-0", i.parts[0].p_memsz = 0);
	CASE("memsz-1G", i.parts[1].p_memsz = 1ull << 30);
	CASE("memsz-1T", i.parts[1].p_memsz = 1ull << 40);
	CASE("memsz-64T", i.parts[1].p_memsz = 1ull << 46);
	CASE("memsz-top", i.parts[1].p_memsz = UINT64_MAX);
	CASE("memsz-max-page", i.parts[1].p_memsz = UINT64_MAX - 2 * PAGE);
	CASE("bss-inside-page", (i.parts[1].p_filesz = 0x123, i.parts[1].p_memsz = 0x456));
	CASE("bss-read-only", i.parts[1].p_flags = PF_R);
	CASE("bss-no-access", i.parts[1].p_flags = 0);
	CASE("flags-0", i.parts[0].p_flags = 0);
	CASE("flags-x", i.parts[0].p_flags = PF_X);
	CASE("flags-w", i.parts[0].p_flags = PF_W);
	CASE("flags-rwx", i.parts[0].p_flags = PF_R | PF_W | PF_X);
	CASE("flags-all", i.parts[0].p_flags = UINT32_MAX);
	CASE("overlap-same", i.parts[1].p_vaddr = BASE);
	CASE("overlap-half", (i.parts[0].p_memsz = 4 * PAGE, i.parts[1].p_vaddr = BASE + 2 * PAGE));
	CASE("order", (i.parts[1].p_vaddr = BASE - 0x20000));
	CASE("no-load", i.parts[0].p_type = i.parts[1].p_type = PT_NOTE);
	CASE("types-odd", (i.parts[1].p_type = 0x12345678, i.parts[2].p_type = PT_NULL));
	CASE("shlib", i.parts[2].p_type = PT_SHLIB);
	CASE("stack-executable", i.parts[2].p_flags = PF_R | PF_W | PF_X);
	CASE("stack-nothing", i.parts[2].p_flags = 0);
	CASE("tls-huge", (i.parts[2].p_type = PT_TLS, i.parts[2].p_memsz = UINT64_MAX));
	CASE("property-short", (i.parts[2].p_type = PT_GNU_PROPERTY, i.parts[2].p_filesz = 4));
	CASE("property-huge", (i.parts[2].p_type = PT_GNU_PROPERTY,
			       i.parts[2].p_filesz = 1ull << 40));
	CASE("dyn-vaddr-0", (i.head.e_type = ET_DYN, i.parts[0].p_vaddr = 0,
			     i.parts[1].p_vaddr = 0x10000, i.head.e_entry = CODE_AT));
	CASE("dyn-span-huge", (i.head.e_type = ET_DYN, i.parts[0].p_vaddr = 0,
			       i.parts[1].p_vaddr = 1ull << 47, i.head.e_entry = CODE_AT));
	CASE("dyn-span-wraps", (i.head.e_type = ET_DYN, i.parts[0].p_vaddr = 0,
				i.parts[1].p_vaddr = -PAGE, i.head.e_entry = CODE_AT));
	CASE("dyn-backwards", (i.head.e_type = ET_DYN, i.parts[0].p_vaddr = 0x20000,
			       i.parts[1].p_vaddr = 0, i.head.e_entry = 0x20000 + CODE_AT));
}

/* Turn the last header into one that names an interpreter. */
static void name_interpreter(struct image *i, const char *path, size_t size)
{
	i->parts[2] = (Elf64_Phdr) {
		.p_type = PT_INTERP, .p_flags = PF_R, .p_offset = 0x400, .p_filesz = size,
		.p_memsz = size, .p_align = 1,
	};
	memcpy(i->bytes + 0x400, path, strnlen(path, size));
}

static void interpreters(void)
{
	struct image loader = good();
	char long_name[5000];

	memset(long_name, 'x', sizeof(long_name));
	long_name[0] = '/';
	loader.head.e_type = ET_DYN;
	loader.parts[0].p_vaddr = 0;
	loader.parts[1].p_vaddr = 0x10000;
	loader.head.e_entry = CODE_AT;
	write_file(FOLDER "/loader", loader.bytes, loader.size, 0755);
	write_file(FOLDER "/text", "not a loader\n", 13, 0755);
	write_file(FOLDER "/cut", loader.bytes, 100, 0755);
	write_file(FOLDER "/empty", "", 0, 0755);
	write_file(FOLDER "/plain", loader.bytes, loader.size, 0644);

	CASE("interp-good", name_interpreter(&i, FOLDER "/loader", sizeof(FOLDER "/loader")));
	CASE("interp-missing", name_interpreter(&i, "/nowhere", 9));
	CASE("interp-no-end", name_interpreter(&i, FOLDER "/loaderx", sizeof(FOLDER "/loader")));
	CASE("interp-folder", name_interpreter(&i, FOLDER, sizeof(FOLDER)));
	CASE("interp-text", name_interpreter(&i, FOLDER "/text", sizeof(FOLDER "/text")));
	CASE("interp-cut", name_interpreter(&i, FOLDER "/cut", sizeof(FOLDER "/cut")));
	CASE("interp-empty", name_interpreter(&i, FOLDER "/empty", sizeof(FOLDER "/empty")));
	CASE("interp-no-x", name_interpreter(&i, FOLDER "/plain", sizeof(FOLDER "/plain")));
	CASE("interp-itself", name_interpreter(&i, FILE_, sizeof(FILE_)));
	CASE("interp-empty-name", name_interpreter(&i, "", 2));
	CASE("interp-size-0", name_interpreter(&i, "", 0));
	CASE("interp-size-1", name_interpreter(&i, "", 1));
	CASE("interp-size-max", name_interpreter(&i, long_name, 2000));
	CASE("interp-size-4097", (name_interpreter(&i, "/x", 3), i.parts[2].p_filesz = 4097));
	CASE("interp-size-huge", (name_interpreter(&i, "/x", 3), i.parts[2].p_filesz = 1ull << 62));
	CASE("interp-offset-huge", (name_interpreter(&i, "/x", 3), i.parts[2].p_offset = 1ull << 62));
	CASE("interp-offset-end", (name_interpreter(&i, "/x", 3), i.parts[2].p_offset = IMAGE_SIZE));
	CASE("interp-twice", (name_interpreter(&i, FOLDER "/loader", sizeof(FOLDER "/loader")),
			      i.parts[1] = i.parts[2]));
	CASE("interp-then-no-entry", (name_interpreter(&i, FOLDER "/loader",
						       sizeof(FOLDER "/loader")),
				      i.head.e_entry = 0));
}

static void scripts(void)
{
	static char text[8192];
	char path[64];

	try_text("script-nothing", "#!", 2);
	try_text("script-newline", "#!\n", 3);
	try_text("script-spaces", "#!    \t  \n", 10);
	try_text("script-missing", "#!/nowhere\n", 11);
	try_text("script-no-newline", "#!" FOLDER "/loader", sizeof("#!" FOLDER "/loader") - 1);
	try_text("script-folder", "#!" FOLDER "\n", sizeof("#!" FOLDER "\n") - 1);
	try_text("script-itself", "#!" FILE_ "\n", sizeof("#!" FILE_ "\n") - 1);
	try_text("script-relative", "#!loader\n", 9);
	try_text("script-nul", "#!\0/bin/sh\n", 11);
	try_text("script-text", "#!" FOLDER "/text\n", sizeof("#!" FOLDER "/text\n") - 1);
	try_text("script-no-x", "#!" FOLDER "/plain\n", sizeof("#!" FOLDER "/plain\n") - 1);
	try_text("script-space-before", "#!   " FOLDER "/loader  -a  -b \n",
		 sizeof("#!   " FOLDER "/loader  -a  -b \n") - 1);
	for (size_t n = 120; n <= 264; n += 8) {
		char name[32];

		memset(text, 'y', sizeof(text));
		memcpy(text, "#!/", 3);
		text[n] = '\n';
		snprintf(name, sizeof(name), "script-line-%zu", n);
		try_text(name, text, n + 1);
		memcpy(text, "#!" FOLDER "/loader ", sizeof("#!" FOLDER "/loader ") - 1);
		snprintf(name, sizeof(name), "script-argument-%zu", n);
		try_text(name, text, n + 1);
	}
	memset(text, ' ', sizeof(text));
	memcpy(text, "#!", 2);
	try_text("script-all-spaces", text, sizeof(text));
	/* A chain: 0 names the loader, each other one the one before it. */
	for (int n = 0; n < 8; n++) {
		char name[32];

		snprintf(text, sizeof(text), n ? "#!" FOLDER "/chain%d\n" : "#!" FOLDER "/loader\n",
			 n - 1);
		snprintf(path, sizeof(path), FOLDER "/chain%d", n);
		write_file(path, text, strlen(text), 0755);
		snprintf(name, sizeof(name), "script-chain-%d", n);
		execute(name, path);
	}
}

static void files(void)
{
	struct image image = good();
	int fd;

	try_text("empty", "", 0);
	try_text("text", "hello\n", 6);
	try_text("binary", "\x00\x01\x02\x03", 4);
	execute("folder", FOLDER);
	execute("missing", FOLDER "/missing");
	execute("null-device", "/dev/null");
	execute("below-a-file", FILE_ "/x");
	mkfifo(FOLDER "/fifo", 0777);
	execute("fifo", FOLDER "/fifo");
	if (symlink("loop", FOLDER "/loop") < 0)
		fail("symlink");
	execute("loop", FOLDER "/loop");
	write_file(FILE_, image.bytes, image.size, 0644);
	execute("no-x", FILE_);
	write_file(FILE_, image.bytes, image.size, 0001);
	execute("x-for-others", FILE_);
	write_file(FILE_, image.bytes, image.size, 0111);
	execute("x-only", FILE_);
	write_file(FILE_, image.bytes, image.size, 06755);
	execute("set-id", FILE_);
	write_file(FILE_, image.bytes, image.size, 0755);
	fd = open(FILE_, O_WRONLY | O_CLOEXEC);
	execute("open-for-writing", FILE_);
	close(fd);
}

/* A generator of our own, so that every kernel sees the same files. */
static uint64_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

/* Bytes of the headers changed at random; half of the images have an interpreter. */
static void flips(void)
{
	static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xff };
	char name[32];

	for (unsigned n = 0; n < FLIPS; n++) {
		struct image i = good();
		uint64_t seed = n * 0x9e3779b97f4a7c15ull + 1;
		unsigned changes = 1 + (unsigned)random_next(&seed) % 3;

		if (n % 2)
			name_interpreter(&i, FOLDER "/loader", sizeof(FOLDER "/loader"));
		while (changes--) {
			size_t at = 4 + random_next(&seed) % (sizeof(Elf64_Ehdr) - 4 +
							      PHDRS * sizeof(Elf64_Phdr));

			i.bytes[at] = random_next(&seed) % 2 ? edges[random_next(&seed) % 5]
							     : (uint8_t)random_next(&seed);
		}
		snprintf(name, sizeof(name), "flip-%u", n);
		try_image(name, &i);
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct rlimit none = { 0, 0 };

	only = argc > 1 ? argv[1] : NULL;
	sigaction(SIGALRM, &action, NULL);
	setrlimit(RLIMIT_CORE, &none);
	if (mkdir(FOLDER, 0755) < 0 || chdir(FOLDER) < 0)
		fail(FOLDER);
	lengths();
	heads();
	segments();
	interpreters();
	scripts();
	files();
	flips();
	return 0;
}
