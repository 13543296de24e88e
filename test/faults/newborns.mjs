// A worker is killed at each step of its start, or refused it: at every call of its main thread from exec to its first connection.
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../loss/waiting.mjs';
import { canTrace, countCalls } from './strace.mjs';
import { chosen, Stage, untilStruck } from './walk.mjs';

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
/** What the kernel answers instead. */
const REFUSALS = {
  ...{
    openat: 'ENFILE',
    mmap: 'ENOMEM',
    clone3: 'EAGAIN',
    epoll_create1: 'EMFILE',
    eventfd2: 'EMFILE',
    pipe2: 'EMFILE',
  },
  ...{
    pidfd_open: 'EMFILE',
    fcntl: 'EMFILE',
    listen: 'ENOMEM',
    setsockopt: 'ENOMEM',
    epoll_ctl: 'ENOMEM',
    prctl: 'EPERM',
  },
};

/** A kind of descriptor that a worker has more of then: it watches the master by a copy of the control channel. */
const KEEPS = { pidfd_open: 'socket' };

/** The node of the workers: the next one that starts is traced, when there is a file that says how. */
const NODE = `#!/bin/sh
folder=$(dirname "$0")
if mv "$folder/next" "$folder/this" 2>/dev/null; then
  exec strace -D -qq -o "$folder/trace" $(cat "$folder/this") "$PREFORK_FAULTS_NODE" "$@"
fi
exec "$PREFORK_FAULTS_NODE" "$@"
`;

const signal = (nth) => `signal=KILL:when=${nth}`;

export const newborns = [
  concern('SIGKILL of a new worker', Object.fromEntries(STEPS.map((call) => [call, 'SIGKILL'])), signal, /SIGKILL/),
  concern('refused calls of a new worker', REFUSALS, (nth, error) => `error=${error}:when=${nth}`),
];

function concern(name, steps, inject, needs) {
  return {
    name,
    possible: () => canTrace || 'strace is not installed, or may not trace',
    async *cells({ sharing, most, random, wanted }) {
      const folder = mkdtempSync(join(tmpdir(), 'prefork-faults-node-'));
      const node = join(folder, 'node');
      writeFileSync(node, NODE);
      chmodSync(node, 0o700);
      const how = { options: { sharing, exec: node }, env: { PREFORK_FAULTS_NODE: process.execPath } };
      const phases = PHASES.filter((phase) => wanted(`${phase} ${sharing}`));
      try {
        const counts = phases.length > 0 ? await stepsOf(folder, how, Object.keys(steps)) : new Map();
        for (const phase of phases) {
          const stage = new Stage(phase, how);
          try {
            for (const [call, count] of [...counts].sort())
              for (const nth of chosen(count, most, random)) {
                const cell = `${phase} ${sharing} ${call} ${steps[call]} ${nth}`;
                if (!wanted(cell)) continue;
                if (stage.usual === undefined) await stage.go(async () => async () => []);
                const fault = traced(folder, call, inject(nth, steps[call]));
                const seen = await untilStruck(() => stage.go(fault, { cuts: true, keeps: KEEPS[call] }));
                yield {
                  name: cell,
                  needs: needs ?? new RegExp(`${steps[call]}|was killed by SIG(ABRT|SEGV|TRAP)`),
                  ...seen,
                };
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
}

function traced(folder, call, what) {
  const [next, trace] = ['next', 'trace'].map((name) => join(folder, name));
  return async (fleet) => {
    const from = fleet.log.length;
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
      if (what === undefined) return lines;
      const hits = lines.filter((line) => /killed by SIGKILL|INJECTED/.test(line));
      // The master hears of it in a moment.
      if (lines.some((line) => line.includes('+++ killed')))
        await eventually(() => fleet.ended || fleet.log.slice(from).includes('was killed by SIG'), 2_000);
      return hits.length > 0 || lines.length === 0 ? hits : { hits, made: lines.length };
    };
  };
}

/** How often a worker that serves has made each call on its way, and in its first moments. */
async function stepsOf(folder, how, calls) {
  const stage = new Stage('reload', how);
  try {
    await stage.go(async () => async () => []);
    const { hits } = await stage.go(traced(folder, calls.join(',')));
    return countCalls(hits);
  } finally {
    await stage.down();
  }
}
