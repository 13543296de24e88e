// Kept connections at the deadline of a drain: a reload replaces the workers that hold some hundreds of idle connections, and the
// client of each sends one more request about when the worker ends them, unless the kernel knows of the end by then.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until, WORKERS } from './waiting.mjs';

const CLIENTS = fileURLToPath(new URL('../fixtures/sends-late.py', import.meta.url));
const CONNECTIONS = 300;
/** Milliseconds that a worker drains. */
const DEADLINE = 1_000;
/** Milliseconds after its worker began to drain that a client sends: the package ends idle connections from 250 ms before the deadline on. */
const [FROM, TO] = [700, 1_450];

export const kept = {
  name: 'kept connections at the deadline',
  count: 5,
  run: deadlines,
  needs: { command: 'python3', argument: '--version' },
  // All new workers start before the first old one drains: none takes the CPUs from it at its deadline.
  options: { drainTimeout: DEADLINE, maxSurge: WORKERS },
  clients: [],
};

async function deadlines({ fleet, port, row, turns }) {
  while (turns.next()) {
    const clients = startClients(port);
    await clients.connected;
    let old = await fleet.call('workers');
    const reload = fleet.call('reload');
    const handedOver = until(async () => {
      const serving = await fleet.call('workers');
      for (const pid of old.filter((each) => !serving.includes(each))) clients.go(pid);
      old = old.filter((each) => serving.includes(each));
      return old.length === 0;
    }, 'every worker has been replaced');
    await Promise.all([reload, handedOver]);
    const report = await clients.report();
    add(row, report);
    if (report.lost.length > 0) row.failures.push(...fleet.log);
  }
}

function add(row, { sent, answered, lost, open }) {
  row.opened += CONNECTIONS;
  row.asked += sent;
  row.answered += answered;
  row.reset += lost.length;
  row.other += open;
  row.failures.push(...lost.map((how) => `kept: ${how}`));
}

function startClients(port) {
  const client = spawn('python3', [CLIENTS, port, CONNECTIONS, FROM, TO].map(String), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = once(client, 'exit');
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  return {
    connected: lines.next(),
    /** The time of those counts whom this worker had answered. */
    go: (pid) => client.stdin.write(`go ${JSON.stringify({ pid })}\n`),
    async report() {
      const { value, done } = await lines.next();
      await gone;
      if (done) throw new Error('the clients failed');
      return JSON.parse(value);
    },
  };
}
