# Real programs on an ext4 that they write (/dev/vdb), the CPU's busy time in microseconds: what waits
# for the disk is the host's. Each runs twice and the second counts; what is written is on the disk
# when it ends.
busy() {
	local up rest name user nice system idle iowait
	read -r up rest < /proc/uptime
	read -r name user nice system idle iowait rest < /proc/stat
	now=$(((10#${up/./} - idle - iowait) * 10000))
}
measure() {
	local name=$1 start
	eval "$2" > /dev/null 2>&1; sync
	busy; start=$now
	eval "$2" > /dev/null 2>&1; sync
	busy
	echo "$name $((now - start))"
}
mkdir -p /disk && mount -t ext4 /dev/vdb /disk && cd /disk || exit
measure create 'mkdir m; for i in {1..3000}; do : > m/$i; done'
measure remove 'mkdir -p m; seq -f m/%g 3000 | xargs touch; rm -r m'
measure write 'dd if=/dev/zero of=z bs=64k count=3200'
measure rewrite 'dd if=/dev/zero of=z bs=4k count=40000 conv=notrunc'
measure append 'rm -f log; for i in {1..5000}; do echo "a line of some length $i" >> log; done'
measure fsync 'dd if=/dev/zero of=s bs=4k count=1500 oflag=dsync'
measure untar 'tar cf /tmp/x.tar -C / usr/share usr/bin; tar xf /tmp/x.tar; rm -r usr'
measure rename 'perl -e "open F, q(>), 1; for (1..15000) { rename \$_, \$_ + 1 }"'
measure cold 'echo 3 > /proc/sys/vm/drop_caches; cat z'
cd / && umount /disk
