#!/bin/sh
# machine.mjs runs this in namespaces of its own: boot.sh <base> <work> <project>. Makes a file system of <base>, which stays as it is, and
# goes on as systemd in it. The project is at /srv/prefork, read-only.
set -eu
base=$1 work=$2 project=$3
root=$work/root
mkdir -p "$work/upper" "$work/overlay" "$root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/overlay" "$root"
cd "$root"

# The kernel is that of the whole machine: systemd must not set it up. https://systemd.io/CONTAINER_INTERFACE
mount -t proc proc proc
for file in proc/sys proc/sysrq-trigger; do
  [ -e $file ] || continue
  mount --bind $file $file
  mount -o remount,bind,ro $file
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for device in null zero full random urandom tty; do
  : >dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for folder in dev/shm tmp; do mount -t tmpfs -o mode=1777 tmpfs $folder; done
mount -t tmpfs -o mode=755 tmpfs run
: >"$work/console"
: >dev/console
mount --bind "$work/console" dev/console
mkdir -p srv/prefork .host
mount --bind "$project" srv/prefork
mount -o remount,bind,ro srv/prefork

# pivot_root(8) and not chroot(8): the namespaces that systemd makes for its units begin at the root of ours.
pivot_root . .host
umount -l .host
exec env -i container=prefork PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=multi-user.target --show-status=no </dev/null >/dev/null 2>&1
