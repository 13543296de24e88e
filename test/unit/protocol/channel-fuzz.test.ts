/**
 * The control channel under anything that a worker may write: what it says in the protocol arrives, what is garbage ends it, nothing
 * else happens. A failure prints a seed and a path; `PREFORK_FUZZ_SEED=… PREFORK_FUZZ_PATH=… npx vitest run test/unit/protocol/channel-fuzz.test.ts`
 * repeats it.
 */

import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import { setImmediate as immediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bootFailure } from '../../../lib/master/workers/boot-failure.js';
import { WorkerHandle } from '../../../lib/master/workers/worker-handle.js';
import { Channel } from '../../../lib/protocol/channel.js';
import type { ChannelEnds } from '../../../lib/protocol/ends-posix.js';
import type { MasterMessage, WorkerMessage } from '../../../lib/protocol/protocol.cjs';
import { encode } from '../../../lib/protocol/protocol.cjs';
import { FROM_WORKER } from '../../../lib/protocol/what-workers-say.js';
import { patience } from '../../helpers/target.js';

const { PREFORK_FUZZ_SEED: seed, PREFORK_FUZZ_PATH: path } = process.env;
const replay = { ...(seed !== undefined && { seed: Number(seed) }), ...(path !== undefined && { path }) };
const RUNS = 700;
const LINES = 150;
/** Bytes: short, so that lines which are too long cost little. */
const LIMIT = 20_000;

/** What the master has of a worker that writes `chunks`. */
async function hear(chunks: readonly Buffer[]) {
  const input = new Readable({ read() {}, highWaterMark: 1 });
  const [signals, troubles, data, handed]: [string[], string[], unknown[], WorkerMessage[]] = [[], [], [], []];
  const handle = new WorkerHandle({ slot: 0, generation: 0 }, () => 0, {
    ready: () => {},
    draining: (signal) => void troubles.push(`${handle} got ${signal}`),
    hear: (message) => {
      if (message.type === 'message') data.push(message.data);
      else if (message.type === 'wants-replacement') troubles.push(message.reason);
    },
    trouble: (what) => void troubles.push(what),
    exit: () => {},
  });
  const process = {
    pid: 4_711,
    send: () => true,
    adopt: () => true,
    kill: (signal: string) => signals.push(signal) > 0,
  };
  handle.attach({ ...process, letGo: () => {} }, { type: 'init', listeners: [] });
  const ends: ChannelEnds = {
    ...{ input: input as unknown as Socket, waiting: 0, write: () => true, ref: () => {}, unref: () => {} },
    ...{ close: () => void input.destroy(), destroy: () => void input.destroy() },
  };
  let breaches = 0;
  await new Promise<void>((close) => {
    const channel = new Channel<WorkerMessage, MasterMessage>(
      ends,
      { ...FROM_WORKER, limit: LIMIT },
      {
        message: (message) => {
          handed.push(message);
          handle.message(message);
        },
        garbage: (line, cut) => {
          if (cut) return;
          breaches++;
          handle.broke(line);
          channel.close();
        },
        close,
      },
    );
    for (const chunk of chunks) input.push(chunk);
    input.push(null);
  });
  // What is made of it later.
  const exit = { pid: 4_711, slot: 0, generation: 0, code: 1, signal: null, uptime: 1, stderr: '' };
  const words = [
    ...troubles,
    bootFailure(handle, exit).message,
    JSON.stringify(handle.info),
    String(handle.servingPid),
  ];
  return { handed, data, signals, breaches, longest: Math.max(...words.map(({ length }) => length)) };
}

const pid = fc.integer({ min: 1, max: 0xffff_ffff });
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', '\u0000', '\ud800'),
);
const error = fc.record(
  { name: text, message: text, stack: text, code: text },
  { requiredKeys: ['name', 'message'], noNullPrototype: true },
);
const json = fc.jsonValue({ maxDepth: 2, noUnicodeString: false } as fc.JsonSharedConstraints);

const valid: fc.Arbitrary<WorkerMessage> = fc.oneof(
  { weight: 8, arbitrary: json.map((data) => ({ type: 'message', data }) as const) },
  pid.map((value) => ({ type: 'became-ready', pid: value }) as const),
  pid.map((value) => ({ type: 'watching', pid: value }) as const),
  fc.constant({ type: 'listening' } as const),
  error.map((value) => ({ type: 'boot-failed', error: value }) as const),
  text.map((value) => ({ type: 'wrote-stderr', text: value }) as const),
  fc
    .constantFrom(...Object.keys(constants.signals))
    .map((signal) => ({ type: 'began-draining', signal }) as WorkerMessage),
  fc.constant({ type: 'answered', for: 'liveness' } as const),
  fc.nat().map((id) => ({ type: 'answered', for: 'queue', id }) as const),
  fc.integer({ min: 1, max: 65_535 }).map((inspector) => ({ type: 'answered', for: 'liveness', inspector }) as const),
  fc.nat({ max: 65_535 }).map((slot) => ({ type: 'adoption-failed', slot }) as const),
  fc.boolean().map((messages) => ({ type: 'changed-hearing', messages }) as const),
);

/** Of the right names and the wrong values; now and then they happen to be right. */
const mistaken = fc
  .record({
    type: fc.oneof(
      fc.constantFrom(
        'became-ready',
        'watching',
        'boot-failed',
        'wrote-stderr',
        'began-draining',
        'answered',
        'adoption-failed',
        'wants-replacement',
        'changed-hearing',
        'message',
      ),
      text,
      json,
    ),
    rest: fc.dictionary(
      fc.constantFrom(
        'pid',
        'error',
        'text',
        'signal',
        'id',
        'inspector',
        'slot',
        'reason',
        'messages',
        'data',
        '__proto__',
      ),
      json,
    ),
  })
  .map(({ type, rest }) => Buffer.from(`${JSON.stringify({ ...rest, type })}\n`));

const garbage = fc.oneof(
  mistaken,
  json.map((value) => Buffer.from(`${JSON.stringify(value)}\n`)),
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.concat([Buffer.from(bytes), Buffer.from('\n')])),
  fc.integer({ min: LIMIT, max: 5 * LIMIT }).map((length) => Buffer.alloc(length, 'x')),
  valid.map((message) => Buffer.from(`${encode(message).slice(1, -1)}\n`)),
);

const said = fc.record({
  before: fc.array(valid, { minLength: LINES, maxLength: LINES }),
  bad: fc.option(garbage, { freq: 2 }),
  after: fc.array(
    fc.oneof(
      garbage,
      valid.map((message) => Buffer.from(encode(message))),
    ),
    { maxLength: 5 },
  ),
  cut: text,
  /** Where the bytes are cut into pieces. */
  cuts: fc.array(fc.nat({ max: LINES * 40 }), { maxLength: 20 }),
});

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b);
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

/** The messages in the bytes, and whether there is garbage behind them: found in another way than the channel does. */
function meant(bytes: Buffer): { readonly messages: readonly WorkerMessage[]; readonly broken: boolean } {
  const messages: WorkerMessage[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; start = end + 1, end = bytes.indexOf(10, start)) {
    const message = end - start > LIMIT ? undefined : parse(bytes.toString('utf8', start, end));
    if (message === undefined) return { messages, broken: true };
    messages.push(message);
  }
  return { messages, broken: bytes.length - start > LIMIT };
}

function parse(line: string): WorkerMessage | undefined {
  try {
    return FROM_WORKER.check(JSON.parse(line));
  } catch {
    return undefined;
  }
}

test(
  'N10f anything on the channel, 100,000 messages: valid ones arrive exactly, the first garbage ends it, once, and nothing throws',
  async () => {
    let count = 0;
    const property = fc.asyncProperty(said, async ({ before, bad, after, cut, cuts }) => {
      // All the rest may be microtasks, and the time limit of the test is a timer.
      await immediate();
      const lines = [
        ...before.map((message) => Buffer.from(encode(message))),
        ...(bad === null ? [] : [bad, ...after]),
      ];
      const bytes = Buffer.concat([...lines, Buffer.from(cut.replaceAll('\n', ''))]);
      const { messages, broken } = meant(bytes);
      const { handed, data, signals, breaches, longest } = await hear(pieces(bytes, cuts));
      expect(handed).toEqual(messages);
      // The valid messages are those that the worker said.
      expect(JSON.stringify(handed.slice(0, LINES))).toBe(JSON.stringify(before.map((m) => JSON.parse(encode(m)))));
      expect(data).toEqual(messages.flatMap((message) => (message.type === 'message' ? [message.data] : [])));
      expect({ breaches, kills: signals.filter((signal) => signal === 'SIGKILL').length }).toEqual(
        broken ? { breaches: 1, kills: 1 } : { breaches: 0, kills: 0 },
      );
      expect(longest).toBeLessThan(10_000);
      count += handed.length;
    });
    // To shrink a failure takes minutes: what has been found by then is reported.
    await fc.assert(property, {
      numRuns: RUNS,
      interruptAfterTimeLimit: patience(100_000),
      markInterruptAsFailure: true,
      ...replay,
    });
    if (path === undefined) expect(count).toBeGreaterThan(100_000);
  },
  patience(120_000),
);
