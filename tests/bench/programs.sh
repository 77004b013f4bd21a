# Real programs on the image debian, their time in microseconds. Each runs twice and the second
# counts: the first reads the disk, whose time is the host's.
measure() {
	local name=$1 start
	eval "$2" > /dev/null 2>&1
	start=${EPOCHREALTIME/./}
	eval "$2" > /dev/null 2>&1
	echo "$name $((${EPOCHREALTIME/./} - start))"
}
cd /tmp
measure true 'for i in {1..100}; do /bin/true; done'
measure subshell 'for i in {1..100}; do (:); done'
measure substitution 'for i in {1..100}; do x=$(echo $i); done'
measure pipeline 'for i in {1..50}; do echo $i | cat | cat; done'
measure xargs 'seq 300 | xargs -n 3 -P 2 echo'
measure perl_fork 'perl -e "fork || exit for 1 .. 100; 1 while wait > 0"'
measure find 'find /usr'
measure ls 'ls -lR /usr/share'
measure grep 'grep -r root /etc'
measure create 'mkdir m; for i in {1..300}; do : > m/$i; done; rm -r m'
measure tar 'tar cf x.tar /usr/share/doc'
measure untar 'tar xf x.tar; rm -r usr'
measure copy 'dd if=/dev/zero of=z bs=4k count=5000; cp z y; cmp y z; rm y z'
measure pipe 'yes | head -c 20000000 | cat'
measure gzip 'gzip -9 < /bin/bash | gzip -d'
measure sort 'seq 100000 | sort -r'
measure md5sum 'md5sum /usr/bin/[a-m]*'
measure awk 'awk "BEGIN { for (i = 0; i < 300000; i++) s += i; print s }"'
