/* core/base/format.c -- printf's conversions into a buffer. */
#include "core/base/bits.h"
#include "core/base/string.h"

struct out {
	char *to;
	size_t size;
	size_t len; /* what it would need */
};

struct spec {
	bool left, zero, plus, space, alt, upper;
	int width, precision; /* precision -1: none given */
	int length;	      /* -2 hh, -1 h, 0, 1 l, 2 ll or z */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->to[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_bytes(struct out *o, const struct spec *s, const char *bytes, int n)
{
	if (!s->left)
		pad(o, ' ', s->width - n);
	for (int i = 0; i < n; i++)
		put(o, bytes[i]);
	if (s->left)
		pad(o, ' ', s->width - n);
}

static void put_number(struct out *o, const struct spec *s, u64 v, unsigned base,
		       const char *sign)
{
	const char *digits = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	int n = 0, zeros, head = (int)strlen(sign);

	if (v || s->precision != 0)
		do
			text[n++] = digits[v % base];
		while (v /= base);
	zeros = s->precision - n;
	if (s->precision < 0 && s->zero && !s->left)
		zeros = s->width - head - n;
	if (zeros < 0)
		zeros = 0;
	if (!s->left)
		pad(o, ' ', s->width - head - zeros - n);
	for (; *sign; sign++)
		put(o, *sign);
	pad(o, '0', zeros);
	for (int i = n; i-- > 0;)
		put(o, text[i]);
	if (s->left)
		pad(o, ' ', s->width - head - zeros - n);
}

/* va_list may be an array, so a pointer to it only works inside a struct. */
struct args {
	va_list ap;
};

static const char *parse_spec(struct spec *s, const char *f, struct args *a)
{
	*s = (struct spec){.precision = -1};
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '0')
			s->zero = true;
		else if (*f == '+')
			s->plus = true;
		else if (*f == ' ')
			s->space = true;
		else if (*f == '#')
			s->alt = true;
		else
			break;
	}
	if (*f == '*') {
		s->width = va_arg(a->ap, int);
		if (s->width < 0) {
			s->left = true;
			s->width = -s->width;
		}
		f++;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		s->width = s->width * 10 + (*f - '0');
	if (*f == '.') {
		s->precision = 0;
		f++;
		if (*f == '*') {
			s->precision = va_arg(a->ap, int);
			f++;
		}
		for (; *f >= '0' && *f <= '9'; f++)
			s->precision = s->precision * 10 + (*f - '0');
	}
	for (; *f == 'l'; f++)
		s->length++;
	for (; *f == 'h'; f++)
		s->length--;
	for (; *f == 'z' || *f == 'j' || *f == 't'; f++)
		s->length = 2;
	return f;
}

static void put_signed(struct out *o, const struct spec *s, struct args *a)
{
	i64 v;

	if (s->length > 0)
		v = va_arg(a->ap, long);
	else
		v = va_arg(a->ap, int);
	if (s->length == -1)
		v = (i16)v;
	if (s->length == -2)
		v = (i8)v;
	put_number(o, s, v < 0 ? -(u64)v : (u64)v, 10,
		   v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "");
}

static void put_unsigned(struct out *o, const struct spec *s, struct args *a, char conv)
{
	unsigned base = conv == 'u' ? 10 : conv == 'o' ? 8 : 16;
	const char *prefix = "";
	u64 v;

	if (s->length > 0)
		v = va_arg(a->ap, unsigned long);
	else
		v = va_arg(a->ap, unsigned);
	if (s->length == -1)
		v = (u16)v;
	if (s->length == -2)
		v = (u8)v;
	if (s->alt && v)
		prefix = base == 8 ? "0" : conv == 'X' ? "0X" : base == 16 ? "0x" : "";
	put_number(o, s, v, base, prefix);
}

static void put_conversion(struct out *o, struct spec *s, struct args *a, char conv)
{
	const char *text;
	char c;

	switch (conv) {
	case 'd':
	case 'i':
		put_signed(o, s, a);
		break;
	case 'X':
		s->upper = true;
		[[fallthrough]];
	case 'u':
	case 'x':
	case 'o':
		put_unsigned(o, s, a, conv);
		break;
	case 'p':
		put_number(o, s, (u64)(uintptr_t)va_arg(a->ap, void *), 16, "0x");
		break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_bytes(o, s, &c, 1);
		break;
	case 's':
		text = va_arg(a->ap, const char *);
		if (!text)
			text = "(null)";
		put_bytes(o, s, text,
			  (int)(s->precision >= 0 ? strnlen(text, (size_t)s->precision)
						  : strlen(text)));
		break;
	default: /* unknown: shown as it stands */
		put(o, '%');
		put(o, conv);
	}
}

size_t format_va(char *to, size_t size, const char *fmt, va_list ap)
{
	struct out o = {.to = to, .size = size};
	struct spec s;
	struct args a;

	va_copy(a.ap, ap);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		if (fmt[1] == '%') {
			put(&o, *++fmt);
			continue;
		}
		fmt = parse_spec(&s, fmt + 1, &a);
		if (!*fmt)
			break;
		put_conversion(&o, &s, &a, *fmt);
	}
	va_end(a.ap);
	if (size)
		to[min(o.len, size - 1)] = 0;
	return o.len;
}

size_t format(char *to, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = format_va(to, size, fmt, ap);
	va_end(ap);
	return n;
}
