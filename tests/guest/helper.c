/* What the tests of ./lichen itself run in a guest. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int copy(char **names)
{
	static char data[1 << 17];
	FILE *from = fopen(names[0], "r"), *to = fopen(names[1], "w");
	size_t n;

	if (!from || !to)
		return 1;
	n = fread(data, 1, sizeof(data), from);
	fwrite(data, 1, n, to);
	fclose(to);
	puts(names[2]);
	fwrite(data, 1, n < 256 ? n : 256, stdout);
	fputs("to standard error\n", stderr);
	return 7;
}

static int panic(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	return write(fd, "c", 1) != 1;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "copy"))
		return copy(argv + 2);
	if (argc != 2)
		return 2;
	if (!strcmp(argv[1], "abort"))
		abort();
	if (!strcmp(argv[1], "panic"))
		return panic();
	while (!strcmp(argv[1], "hang"))
		pause();
	return 0;
}
