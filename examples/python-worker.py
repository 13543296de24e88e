"""A worker in Python. It needs nothing but the standard library: descriptor 3 is the listening socket (sd_listen_fds(3))."""

import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FIRST_FD = 3


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"hello from Python, pid {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for the answers that are under way


def main():
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        sys.exit("start me through python-worker.mjs: I expect one listening socket on descriptor 3")
    server = Server(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    # Non-blocking, and shared with the other workers: it must stay so. accept() may find that another was quicker,
    # which socketserver takes for nothing to do.
    server.socket = socket.socket(fileno=FIRST_FD)
    # shutdown() waits for serve_forever(), so it cannot be called by the thread that runs it.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    # Ctrl-C reaches every process of the terminal; the master decides and sends SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
