// How evenly the three ways of sharing spread connections, and what a blocked worker does to them. Prints tables as Markdown; with
// --write they replace those in docs/sharing.md, and the picture docs/sharing.svg is drawn anew. bench/README.md says how it is
// measured.
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { whileBlocked } from './lib/blocked.mjs';
import { compileClient } from './lib/client.mjs';
import { spreadOf } from './lib/interleaved.mjs';
import { descriptors, memory } from './lib/processes.mjs';
import { quantile, say, table, where, writeInto } from './lib/report.mjs';
import { withServer } from './lib/servers.mjs';
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
  return await withServer(mode, { workers: WORKERS, app: {} }, {}, async ({ port, pids }) => {
    const [master, worker] = pids;
    const costs = { descriptors: descriptors(master), workerDescriptors: descriptors(worker), pss: memory(master).pss };
    say(`${mode}: warming up`);
    await client.load(port, WARM, 32);
    const inARow = spreadOf(pids, await client.load(port, IN_A_ROW, 1));
    const many = spreadOf(pids, await client.load(port, MANY, AT_A_TIME));
    const block = { port, ms: BLOCKED, kind: 'block' };
    const bursts = { none: [], fresh: [], known: [] };
    for (let round = 1; round <= BURSTS; round++) {
      say(`${mode}: burst ${round} of ${BURSTS}`);
      bursts.none.push(...(await client.burst(port, BURST)));
      bursts.fresh.push(...(await whileBlocked(block, () => client.burst(port, BURST))));
      bursts.known.push(
        ...(await whileBlocked(block, async () => {
          const early = client.burst(port, EARLY);
          await delay(NOTICED);
          const milliseconds = await client.burst(port, BURST);
          await early;
          return milliseconds;
        })),
      );
    }
    return { costs, inARow, many, bursts };
  });
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
