#!/bin/sh
# A Node process that prints to a pipe makes the pipe non-blocking for every process that shares it, and blocking again when it ends.
# Another writer of that pipe, a shell or a supervisor, gets EAGAIN meanwhile; a writer that relies on that waits in write(2) afterwards.
set -eu

python3 - "$(command -v node)" <<'PYTHON'
import fcntl
import os
import subprocess
import sys

node = sys.argv[1]
print("Node", subprocess.check_output([node, "--version"], text=True).strip())
reader, writer = os.pipe()


def mode():
    return "non-blocking" if fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK else "blocking"


seen = [mode()]
program = "console.log('x'); process.stdin.resume()"
child = subprocess.Popen([node, "-e", program], stdin=subprocess.PIPE, stdout=writer)
os.read(reader, 16)
seen.append(mode())
child.stdin.close()
child.wait()
seen.append(mode())
print("this process's end of the pipe: before", seen[0] + ", while the child runs", seen[1] + ", after it", seen[2])
sys.exit(seen != ["blocking", "non-blocking", "blocking"])
PYTHON
