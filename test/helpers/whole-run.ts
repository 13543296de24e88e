/** Fleets that are watched from their start to the end of their master, and what they must not leave behind. */

import { expect } from 'vitest';
import { USUAL_WAIT } from './eventually.js';
import {
  type Exit,
  eventually,
  type FixtureEvent,
  type FleetConfig,
  httpGet,
  isAlive,
  type Master,
  type MasterOptions,
  startFleet,
} from './index.js';

export interface Run {
  readonly master: Master;
  /** How the promise of the fleet settled in the master. */
  readonly settled: FixtureEvent;
  readonly exit: Exit;
}

/** A fleet whose master reports at the end what is left. */
export function startWatched(config: FleetConfig = {}, options: MasterOptions = {}): Master {
  return startFleet(config, options, 'fleet-and-leftovers');
}

/** Waits for the end of the master and of every worker, and proves that nothing is left. */
export async function overAndClean(master: Master, { within = USUAL_WAIT }: { within?: number } = {}): Promise<Run> {
  const settled = await master.event('settled', { where: ({ child }) => child === false, within });
  const exit = await master.gone({ within });
  const { children, descriptors, signals } = await master.event('left');
  expect({ children, descriptors, signals }, master.transcript()).toEqual({
    children: [],
    descriptors: [],
    signals: [],
  });
  for (const pid of spawned(master)) expect(isAlive(pid), `worker ${pid} is alive`).toBe(false);
  await expectClosed(master);
  return { master, settled, exit };
}

/** Runs a fleet that ends by itself. */
export async function runToEnd(config: FleetConfig = {}): Promise<Run> {
  return overAndClean(startWatched(config));
}

/** Pids of every worker that the master spawned so far. */
export function spawned(master: Master): readonly number[] {
  return master.events('on spawn').map(({ args }) => args[0] as number);
}

/** Names of the hooks that ran so far, with the pids they were given: `onChildRecover 17 18`. */
export function hookCalls(master: Master): readonly string[] {
  return master.events().flatMap(({ event, pid, pids, oldPid, newPid, worker }) => {
    if (event === 'onChildSpawn') return [`${event} ${pid}`];
    if (event === 'onMasterReady') return [`${event} ${pids.join(' ')}`];
    if (event === 'onChildRecover') return [`${event} ${oldPid} ${newPid}`];
    return event === 'onChildExit' ? [`${event} ${worker.pid}`] : [];
  });
}

/**
 * No process listens any more on the addresses that `onMasterReady` and the workers reported. None of the fleet is left to do so: who
 * listens there is a program that the kernel has given the port since, and which gives it back.
 */
async function expectClosed(master: Master): Promise<void> {
  const ports = master
    .events('onMasterReady')
    .flatMap(({ addresses }) => addresses.map(({ port }: { port: number }) => port));
  const served = master.events('serve').flatMap(({ port, listener }) => port ?? listener?.port ?? []);
  for (const port of new Set([...ports, ...served])) {
    const isRefused = () =>
      httpGet({ port }).then(
        () => false,
        ({ code }) => code === 'ECONNREFUSED',
      );
    await eventually(isRefused, { what: `port ${port} is closed` });
  }
}
