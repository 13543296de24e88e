// How evenly the three ways of sharing spread connections, and what a blocked worker does to them. Prints tables as Markdown; with
// --write they replace those in docs/sharing.md, and the picture docs/sharing.svg is drawn anew. bench/README.md says how it is
// measured.
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { compileClient } from './lib/client.mjs';
import { descriptors, memory, start } from './lib/processes.mjs';
import { say, table, where, writeInto } from './lib/report.mjs';
import { draw } from './lib/sharing-picture.mjs';

const MODES = ['shared', 'sharded', 'reuseport'];
const WORKERS = 4;
const WARM = 16_000;
/** One after another, and some at a time. */
const IN_A_ROW = 400;
const MANY = 4_000;
const AT_A_TIME = 16;
/** Connections that come at once, how often, and for how long one worker is blocked meanwhile. Milliseconds. */
const BURST = 200;
const BURSTS = 5;
const BLOCKED = 3_000;
/** By then whoever can notice has noticed; `EARLY` connections tell him. Milliseconds. */
const NOTICED = 500;
const EARLY = 32;

const client = await compileClient();
const results = {};
try {
  for (const mode of MODES) results[mode] = await measure(mode);
} finally {
  await client.remove();
}
say('');
const text = markdown();
console.log(text);
if (process.argv.includes('--write')) write();

async function measure(mode) {
  const server = start(new URL('./lib/blocks.mjs', import.meta.url), mode, WORKERS);
  try {
    const { port, pids } = await server.next();
    const [master, worker] = pids;
    const costs = { descriptors: descriptors(master), workerDescriptors: descriptors(worker), pss: memory(master).pss };
    say(`${mode}: warming up`);
    await client.load(port, WARM, 32);
    const inARow = await spread(pids, await client.load(port, IN_A_ROW, 1));
    const many = await spread(pids, await client.load(port, MANY, AT_A_TIME));
    const bursts = { none: [], fresh: [], known: [] };
    for (let round = 1; round <= BURSTS; round++) {
      say(`${mode}: burst ${round} of ${BURSTS}`);
      bursts.none.push(...(await client.burst(port, BURST)));
      bursts.fresh.push(...(await whileBlocked(port, () => client.burst(port, BURST))));
      bursts.known.push(
        ...(await whileBlocked(port, async () => {
          const early = client.burst(port, EARLY);
          await delay(NOTICED);
          const milliseconds = await client.burst(port, BURST);
          await early;
          return milliseconds;
        })),
      );
    }
    return { costs, inARow, many, bursts };
  } finally {
    await server.stop();
  }
}

/** Shares of the workers in connections, the largest first; one that got none has 0. */
function spread([, ...workers], answered) {
  return workers.map((pid) => answered[pid] ?? 0).sort((a, b) => b - a);
}

/** Begins when the worker is blocked, and settles when it is no longer. */
async function whileBlocked(port, work) {
  const response = await new Promise((resolve, reject) => {
    get({ port, path: `/block?ms=${BLOCKED}`, agent: false }, resolve).once('error', reject);
  });
  await new Promise((resolve) => response.once('data', resolve));
  const over = new Promise((resolve) => response.once('end', resolve));
  const result = await work();
  await over;
  return result;
}

function markdown() {
  const named = MODES.map((mode) => ({ mode: `\`'${mode}'\``, ...results[mode] }));
  const bursts = { none: 'nobody', fresh: 'one, just now', known: `one, for ${NOTICED} ms` };
  const milliseconds = (number) => `${Math.round(number)} ms`;
  return [
    `${WORKERS} workers; ${where()}:`,
    table(
      {
        sharing: ({ mode }) => mode,
        [`${IN_A_ROW} connections, one after another: by worker`]: ({ inARow }) => inARow.join(', '),
        [`${MANY.toLocaleString('en')} connections, ${AT_A_TIME} at a time: by worker`]: ({ many }) => many.join(', '),
      },
      named,
    ),
    `${BURST} connections at once, ${BURSTS} times, while a worker is blocked for ${BLOCKED / 1_000} s:`,
    table(
      {
        sharing: ({ mode }) => mode,
        'who is blocked': ({ who }) => who,
        'half answered within': ({ sorted }) => milliseconds(quantile(sorted, 0.5)),
        '99 %': ({ sorted }) => milliseconds(quantile(sorted, 0.99)),
        all: ({ sorted }) => milliseconds(sorted.at(-1)),
        'later than 250 ms': ({ sorted }) => later(sorted, 250),
        'later than 500 ms': ({ sorted }) => later(sorted, 500),
      },
      named.flatMap(({ mode, bursts: measured }) =>
        Object.entries(bursts).map(([name, who]) => ({
          mode,
          who,
          sorted: measured[name].toSorted((a, b) => a - b),
        })),
      ),
    ),
    'What a way of sharing takes while the fleet is idle:',
    table(
      {
        sharing: ({ mode }) => mode,
        'descriptors of the master': ({ costs }) => costs.descriptors,
        'of a worker': ({ costs }) => costs.workerDescriptors,
        "master's memory (Pss)": ({ costs }) => `${(costs.pss / 1024).toFixed(1)} MB`,
      },
      named,
    ),
  ].join('\n\n');
}

function quantile(sorted, share) {
  return sorted[Math.ceil(sorted.length * share) - 1];
}

function later(sorted, limit) {
  const count = sorted.filter((ms) => ms > limit).length;
  return `${count} of ${sorted.length}`;
}

function write() {
  writeInto({ file: new URL('../docs/sharing.md', import.meta.url), name: 'sharing' }, text);
  const spreads = MODES.map((name) => ({ name, counts: results[name].inARow }));
  const delays = MODES.map((name) => ({ name, milliseconds: results[name].bursts.fresh }));
  const picture = draw({ spreads, delays, connections: IN_A_ROW, burst: BURST, blocked: BLOCKED, workers: WORKERS });
  writeFileSync(new URL('../docs/sharing.svg', import.meta.url), picture);
}
