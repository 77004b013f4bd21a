/* Frames: how the job's output and the kernel's log share one serial line.
 *
 * The log is 7-bit text, so every byte of a frame has its high bit set: the two can be
 * told apart byte by byte, wherever a line of the log falls. A frame is
 *
 *     0xC0 | type,  then the data, six bits a byte as 0x80 | bits,  then 0xFE
 *
 * Three bytes of data make four, most significant bits first; one or two bytes at the end
 * make two or three. tools/lichen/frames.py reads them.
 */
#include <errno.h>
#include <unistd.h>

#include "init.h"

enum { DATA = 0x80, START = 0xC0, END = 0xFE, PIECE = 3 * 1024 };

static void write_all(int fd, const unsigned char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
}

static size_t encode(unsigned char *to, const unsigned char *from, size_t size)
{
	unsigned char *at = to;

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		unsigned bits = from[i] << 16;

		bits |= left > 1 ? from[i + 1] << 8 : 0;
		bits |= left > 2 ? from[i + 2] : 0;
		*at++ = DATA | (bits >> 18 & 63);
		*at++ = DATA | (bits >> 12 & 63);
		if (left > 1)
			*at++ = DATA | (bits >> 6 & 63);
		if (left > 2)
			*at++ = DATA | (bits & 63);
	}
	return (size_t)(at - to);
}

void frame_send(int fd, enum frame_type type, const void *data, size_t size)
{
	static unsigned char line[PIECE / 3 * 4 + 2];
	const unsigned char *from = data;

	do {
		size_t piece = size < PIECE ? size : PIECE, n;

		line[0] = (unsigned char)(START | type);
		n = 1 + encode(line + 1, from, piece);
		line[n++] = END;
		write_all(fd, line, n);
		from += piece;
		size -= piece;
	} while (size);
}
