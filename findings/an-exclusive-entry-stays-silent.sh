#!/bin/sh
# Two threads wait for the same listening socket, each with an epoll instance of its own, level-triggered and EPOLLEXCLUSIVE. The
# kernel reports a connection to one of them. As long as that thread has not accepted it, the other instance does not report it: neither
# to the waiting call nor to any later call, although the queue is not empty. It does when the thread registers the entry again.
# epoll_ctl(2) says of the flag only that one or more waiters receive an event.
set -eu

python3 - <<'PYTHON'
import platform
import select
import socket
import sys
import threading
import time

print(platform.system(), platform.release())


def asleep(threads):
    """Every one of them waits in the kernel."""
    names = [f"/proc/self/task/{thread.native_id}/stat" for thread in threads]
    return all(open(name).read().rsplit(")", 1)[1].split()[0] == "S" for name in names)


def others_view(flags):
    """What the instance that was not woken reports: in a new call, and registered again."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    instances = [select.epoll() for _ in range(2)]
    reported = [[], []]
    for instance in instances:
        instance.register(listener, select.EPOLLIN | flags)

    def wait(index):
        reported[index] += instances[index].poll(1)

    threads = [threading.Thread(target=wait, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    while not asleep(threads):
        time.sleep(0.001)
    client = socket.create_connection(listener.getsockname())
    for thread in threads:
        thread.join()
    woken = [index for index in range(2) if reported[index]]
    other = instances[1 - woken[0]]
    again = bool(other.poll(0.2))
    other.unregister(listener)
    other.register(listener, select.EPOLLIN | flags)
    anew = bool(other.poll(0.2))
    listener.accept()[0].close()
    client.close()
    return len(woken), again, anew


seen = {name: others_view(flags) for name, flags in (("plain", 0), ("exclusive", select.EPOLLEXCLUSIVE))}
for name, (woken, again, anew) in seen.items():
    print(f"{name}: {woken} of 2 woken; the other's next call reports it: {again}; registered again: {anew}")
print("(with plain entries both are woken, and \"the other\" is the second of them)")
sys.exit(seen != {"plain": (2, True, True), "exclusive": (1, False, True)})
PYTHON
