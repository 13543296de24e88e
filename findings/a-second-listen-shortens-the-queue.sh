#!/bin/sh
# A server of Node that listens on a descriptor it was given calls listen(2) once more, with a backlog of its own. The backlog belongs to the
# socket and not to the process: from that moment on the queue that all processes share holds no more than that, however long its owner had made
# it, and it stays so when the server is gone. So the start of one more worker can make clients of the others wait for a retransmission.
set -eu

python3 - <<'PY'
import socket
import struct
import subprocess
import sys

OWNERS = 2000
SERVERS = 100
PROGRAM = f"""
require('node:net').createServer().listen({{ fd: 3 }}, {SERVERS}, () => console.log(process.version));
process.stdin.on('end', () => process.exit()).resume();
"""
owner = socket.socket()
owner.bind(('127.0.0.1', 0))
owner.listen(OWNERS)


def backlog():
    # struct tcp_info of a listening socket: tcpi_sacked, the eighth word of 32 bits, is the longest queue (Linux: net/ipv4/tcp.c, tcp_get_info).
    return struct.unpack_from('I', owner.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0]


before = backlog()
shell = ['sh', '-c', 'exec node -e "$1" 3<&"$2"', 'sh', PROGRAM, str(owner.fileno())]
worker = subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[owner.fileno()])
version = worker.stdout.readline().strip()
while_it_listens = backlog()
worker.stdin.close()
worker.wait(timeout=30)
after = backlog()
print(f'Node {version}; the owner asks for {OWNERS}: {before}; a server asks for {SERVERS}: {while_it_listens}; it is gone: {after}')
sys.exit(0 if (before, while_it_listens, after) == (OWNERS, SERVERS, SERVERS) else 1)
PY
