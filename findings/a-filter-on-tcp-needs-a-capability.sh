#!/bin/sh
# setsockopt(2) SO_ATTACH_FILTER on a TCP socket is EPERM for a process without CAP_NET_ADMIN, root in a container with the usual capabilities
# included, and is allowed for the same process on a UDP or a unix socket. socket(7) names no privilege for it, and older kernels asked for none.
# A server that refuses new connections by such a filter before it closes its listener does so in tests as root, and fails in a container.
set -eu

program='
use Socket; use Errno qw(EPERM);
my $so_attach_filter = 26;
my $allow_all = pack("S C C L", 0x06, 0, 0, 0xFFFFFFFF);
my @answers;
for (["TCP", AF_INET, SOCK_STREAM], ["UDP", AF_INET, SOCK_DGRAM], ["unix", AF_UNIX, SOCK_STREAM]) {
  my ($name, $family, $kind) = @$_;
  socket(my $one, $family, $kind, 0) or die "socket: $!";
  my $allowed = setsockopt($one, SOL_SOCKET, $so_attach_filter, pack("S x![J] P", 1, $allow_all));
  push @answers, "$name " . ($allowed ? "allowed" : $! == EPERM ? "EPERM" : $!);
}
print join(", ", @answers);
'
if [ "$(id -u)" = 0 ]; then
  seen=$(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -net_admin perl -e "$program")
else
  seen=$(perl -e "$program")
fi
echo "Linux $(uname -r | cut -d- -f1), without CAP_NET_ADMIN: $seen"
[ "$seen" = 'TCP EPERM, UDP allowed, unix allowed' ]
