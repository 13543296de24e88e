import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { PreforkOptions } from '../../../lib/types.js';
import { connect, type Greeting, outcomes } from '../../helpers/greetings.js';
import { dial } from '../../helpers/http.js';
import { connectRaw, eventually, type Master, patience, sendSignal, testOn } from '../../helpers/index.js';
import { type LimitedFleet, optionsOf, startLimited, WAYS } from '../../helpers/limited.js';
import { eachSharing } from '../../helpers/sharing.js';

/** Longer than a worker accepts for clients that are on the way in. Milliseconds. */
const LONG = 600;
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const GRACE = { shutdownGracePeriod: patience(20_000) };
/** Places of each worker. */
const PLACES = 4;

const ALL_WAYS = [...WAYS, { sharing: 'reuseport', over: 'TCP' } as const];

/** With this, 4 places. In 'reuseport' a client waits for a place at the worker that its address leads to. */
function options(way: (typeof ALL_WAYS)[number]): Partial<PreforkOptions> {
  return { ...optionsOf(way), ...GRACE, workers: way.sharing === 'reuseport' ? 1 : 2 };
}

async function startFull(way: (typeof ALL_WAYS)[number], http = false): Promise<LimitedFleet> {
  const settings = options(way);
  return await startLimited({ options: settings, maxConnections: PLACES / Number(settings.workers), http });
}

interface Clients {
  /** They have the places. */
  readonly held: readonly Greeting[];
  readonly waiting: readonly Promise<Greeting>[];
}

async function fill({ target }: LimitedFleet): Promise<Clients> {
  const held = await Promise.all(Array.from({ length: PLACES }, () => connect(target, patience(10_000))));
  expect(outcomes(held)).toEqual({ greeted: PLACES });
  return { held, waiting: await queue({ target }) };
}

/** Clients for whom there is no place. */
async function queue({ target }: Pick<LimitedFleet, 'target'>): Promise<readonly Promise<Greeting>[]> {
  const waiting = Array.from({ length: 8 }, () => connect(target, patience(30_000)));
  expect(await Promise.race([...waiting, delay(100)])).toBeUndefined();
  return waiting;
}

/** Of connect(2), for a newcomer; `undefined` when it got in, or no answer within a second. */
async function errorOf({ target }: Pick<LimitedFleet, 'target'>): Promise<string | undefined> {
  const socket = dial(target);
  try {
    const refused = once(socket, 'error').then(([{ code }]) => code as string);
    return await Promise.race([refused, delay(1_000, undefined)]);
  } finally {
    socket.destroy();
  }
}

/** A moment later the clients end that have the places, and then one after the other those that had to wait. */
async function endAll({ held, waiting }: Clients): Promise<void> {
  await delay(LONG);
  for (const { socket } of held) socket.destroy();
  for (const each of waiting) void each.then(({ socket }) => socket.destroy());
  expect(outcomes(await Promise.all(waiting))).toEqual({ greeted: waiting.length });
}

const STOPS: readonly { readonly by: string; readonly stop: (master: Master) => void; readonly code: number | null }[] =
  [
    { by: 'a signal to the master', stop: (master) => master.kill('SIGTERM'), code: 0 },
    { by: 'a signal to the whole group', stop: (master) => master.killGroup('SIGTERM'), code: 0 },
    { by: 'the death of the master', stop: (master) => sendSignal(master.pid, 'SIGKILL'), code: null },
  ];

for (const { by, stop, code } of STOPS) {
  eachSharing(ALL_WAYS, 'descriptors')(
    `N7o clients that wait for a place when a full fleet stops get the places that come: ${by} ($sharing, $over)`,
    async (way) => {
      const fleet = await startFull(way);
      const clients = await fill(fleet);
      stop(fleet.master);
      // A balancer takes the next fleet at once.
      await eventually(async () => (await errorOf(fleet)) !== undefined, {
        what: 'newcomers are refused',
        // Those that wait keep the doors open for half of the grace period.
        within: 6_000,
      });
      await endAll(clients);
      expect((await fleet.master.gone()).code).toBe(code);
    },
  );
}

eachSharing(ALL_WAYS, 'descriptors')(
  'N7o clients that keep a place without a use for it make room in a stop for those that wait ($sharing, $over)',
  async (way) => {
    const { target, master } = await startFull(way, true);
    const held = await Promise.all(Array.from({ length: PLACES }, () => connectRaw(target)));
    for (const connection of held) {
      connection.write(GET);
      await connection.until('\r\n\r\n');
    }
    const waiting = await Promise.all(Array.from({ length: 8 }, () => connectRaw(target)));
    for (const connection of waiting) connection.write(GET);
    await delay(100);
    expect(waiting.map(({ received }) => received).join('')).toBe('');
    master.kill('SIGTERM');
    const within = patience(30_000);
    const answers = await Promise.all(waiting.map((connection) => connection.until('Connection: close', within)));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(await master.exit()).toEqual({ code: 0, signal: null });
  },
);

testOn('descriptors')('N7o the same in a fleet that is short of descriptors', async () => {
  const fleet = await startLimited({ options: { ...GRACE, workers: 1 } }, 200);
  const held: Greeting[] = [];
  while (!fleet.master.stderr.includes('out of descriptors')) held.push(await connect(fleet.target, 300));
  const had = held.filter(({ outcome }) => outcome === 'greeted');
  const late = held.filter(({ outcome }) => outcome !== 'greeted');
  const waiting = await queue(fleet);
  fleet.master.kill('SIGTERM');
  await endAll({ held: had, waiting });
  await eventually(() => late.every(({ socket }) => socket.bytesRead > 0), { what: 'who came before them is greeted' });
  for (const { socket } of late) socket.destroy();
  expect((await fleet.master.gone()).code).toBe(0);
});

testOn('descriptors')(
  'N7p a fleet that stays full keeps half of its grace period for those that have a place',
  async () => {
    const fleet = await startLimited({ options: { shutdownGracePeriod: 12_000 }, maxConnections: PLACES / 2 });
    const { held, waiting } = await fill(fleet);
    const begun = performance.now();
    fleet.master.kill('SIGTERM');
    // The kernel resets them with the last listener.
    expect(outcomes(await Promise.all(waiting))).toEqual({ reset: waiting.length });
    expect(performance.now() - begun).toBeGreaterThan(5_900);
    for (const { socket } of held) socket.destroy();
    expect((await fleet.master.gone()).code).toBe(0);
    expect(fleet.master.stderr).not.toContain('not done');
  },
);
