// A worker is killed at each step of its start: at every call of its main thread from exec to its first connection.
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canTrace, countCalls } from './strace.mjs';
import { eventually } from './waiting.mjs';
import { chosen, Stage } from './walk.mjs';

const PHASES = ['start', 'serving', 'reload', 'scale', 'recycle'];
/** What a worker does on its way: its program, its descriptors, its channel, its threads, its server. */
const STEPS = [
  'openat',
  'mmap',
  'clone3',
  'getsockname',
  'recvmsg',
  'read',
  'write',
  'epoll_ctl',
  'fcntl',
  'listen',
  'close',
];

/** The node of the workers: the next one that starts is traced, when there is a file that says how. */
const NODE = `#!/bin/sh
folder=$(dirname "$0")
if mv "$folder/next" "$folder/this" 2>/dev/null; then
  exec strace -D -qq -o "$folder/trace" $(cat "$folder/this") "$PREFORK_FAULTS_NODE" "$@"
fi
exec "$PREFORK_FAULTS_NODE" "$@"
`;

export const newborns = {
  name: 'SIGKILL of a new worker',
  possible: () => canTrace || 'strace is not installed, or may not trace',
  async *cells({ sharing, most, random, wanted }) {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-faults-node-'));
    const node = join(folder, 'node');
    writeFileSync(node, NODE);
    chmodSync(node, 0o700);
    const how = { options: { sharing, exec: node }, env: { PREFORK_FAULTS_NODE: process.execPath } };
    try {
      const counts = await stepsOf(folder, how);
      const kill = (call, nth) => traced(folder, call, `signal=KILL:when=${nth}`);
      for (const phase of PHASES) {
        if (!wanted(`${phase} ${sharing}`)) continue;
        const stage = new Stage(phase, how);
        try {
          for (const [call, count] of [...counts].sort())
            for (const nth of chosen(count, most, random)) {
              const name = `${phase} ${sharing} ${call} SIGKILL ${nth}`;
              if (!wanted(name)) continue;
              if (stage.usual === undefined) await stage.go(async () => async () => []);
              yield { name, needs: /SIGKILL/, ...(await stage.go(kill(call, nth), { cuts: true })) };
            }
        } finally {
          await stage.down();
        }
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function traced(folder, call, what) {
  const [next, trace] = ['next', 'trace'].map((name) => join(folder, name));
  return async () => {
    rmSync(trace, { force: true });
    const inject = what === undefined ? '' : `-e inject=${call}:${what}`;
    // At once: the worker that starts must not find half of it.
    writeFileSync(`${next}.new`, `-e trace=${call} ${inject}`);
    renameSync(`${next}.new`, next);
    return async () => {
      rmSync(next, { force: true });
      const ended = () => existsSync(trace) && readFileSync(trace, 'utf8').includes('+++');
      await eventually(ended, 1_000);
      const lines = existsSync(trace) ? readFileSync(trace, 'utf8').split('\n') : [];
      return what === undefined ? lines : lines.filter((line) => line.includes('killed by SIGKILL'));
    };
  };
}

/** How often a worker that serves has made each call on its way, and in its first moments. */
async function stepsOf(folder, how) {
  const stage = new Stage('reload', how);
  try {
    await stage.go(async () => async () => []);
    const { hits } = await stage.go(traced(folder, STEPS.join(',')));
    return countCalls(hits);
  } finally {
    await stage.down();
  }
}
