// The workers may be any program that understands LISTEN_FDS, the protocol of systemd's socket activation. Here: Python.
import { fileURLToPath } from 'node:url';
import { Prefork } from 'prefork';

const { PORT: port = '3000', PYTHON: python = 'python3' } = process.env;

const fleet = new Prefork({
  listen: { host: '127.0.0.1', port: Number(port) },
  workers: 2,
  exec: python,
  args: [fileURLToPath(new URL('python-worker.py', import.meta.url))],
  // The workers do not speak prefork's control channel: they are ready once they are started, and stop on SIGTERM.
  readiness: 'spawn',
  // Runs in workers that are this program; these are not.
  serve() {},
  onMasterReady(pids) {
    const [{ address, port }] = fleet.addresses;
    console.log(`http://${address}:${port} is served by the Python workers ${pids.join(', ')}`);
  },
});

await fleet.listenAndServe();
