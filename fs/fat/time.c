/* fs/fat/time.c -- dates from 1980 on, of two seconds, in somebody's time zone. */
#include "fs/fat/fat.h"

#define DAY	   86400
#define FIRST_DAY  3652		/* 1980-01-01, from 1970 on */
#define FIRST_YEAR 1980
#define YEARS	   128
#define FIRST_SECOND ((i64)FIRST_DAY * DAY)
#define END_SECOND 4354819200l	/* 2108-01-01 */

static const u16 days_before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

static bool is_leap(u32 year)	/* since 1980; 2100 is none */
{
	return year % 4 == 0 && year != 120;
}

/* Days from 1980-01-01 to the first of `year`. */
static u32 year_begins(u32 year)
{
	return year * 365 + (year + 3) / 4 - (year > 120 ? 1 : 0);
}

/* Seconds to be added to local time; the system's own zone is UTC. */
static i64 zone(const struct fat *fs)
{
	return fs->options.tz == FAT_TZ_OFFSET ? -60l * fs->options.time_offset : 0;
}

struct inode_time fat_time_decode(const struct fat *fs, u16 date, u16 time, u8 cs)
{
	u32 year = date >> 9, month = date >> 5 & 15, day = max(1u, (u32)(date & 31));
	i64 sec;

	month = min(max(month, 1u), 12u);
	day += year_begins(year) + days_before[month - 1] - 1 + (month > 2 && is_leap(year));
	sec = FIRST_SECOND + (i64)day * DAY + (time >> 11) * 3600 + (time >> 5 & 63) * 60 +
	      (time & 31) * 2;
	return (struct inode_time){
		.sec = sec + cs / 100 + zone(fs),
		.nsec = cs % 100 * 10000000u,
	};
}

/* Local seconds, within what a date can say. */
static i64 time_local(const struct fat *fs, i64 sec, bool *outside)
{
	sec -= zone(fs);
	*outside = sec < FIRST_SECOND || sec >= END_SECOND;
	return sec < FIRST_SECOND ? FIRST_SECOND : min(sec, END_SECOND - 2);
}

void fat_time_encode(const struct fat *fs, struct inode_time t, u16 *date, u16 *time, u8 *cs)
{
	bool outside;
	i64 sec = time_local(fs, t.sec, &outside);
	u32 day = (u32)(sec / DAY - FIRST_DAY), of_day = (u32)(sec % DAY), year, month = 12;

	year = day / 366;
	while (year_begins(year + 1) <= day)
		year++;
	day -= year_begins(year);
	while (day < days_before[month - 1] + (u32)(month > 2 && is_leap(year)))
		month--;
	day -= days_before[month - 1] + (u32)(month > 2 && is_leap(year));
	*date = (u16)(year << 9 | month << 5 | (day + 1));
	if (time)
		*time = (u16)(of_day / 3600 << 11 | of_day / 60 % 60 << 5 | of_day % 60 / 2);
	if (cs)
		*cs = (u8)(outside ? (t.sec < FIRST_SECOND ? 0 : 199)
				   : of_day % 2 * 100 + t.nsec / 10000000);
}

struct inode_time fat_time_cut(const struct fat *fs, struct inode_time t, bool day)
{
	bool outside;
	i64 local;

	/* The root has none: it shows 1970. */
	if (!t.sec && !t.nsec)
		return t;
	local = time_local(fs, t.sec, &outside);
	return (struct inode_time){.sec = local - local % (day ? DAY : 2) + zone(fs)};
}
