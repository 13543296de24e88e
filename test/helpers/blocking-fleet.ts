/** `test/fixtures/blocks.mjs`: workers that stop turning their event loop when a message asks for it. */

import { expect } from 'vitest';
import { isAlive, type Master, startMaster } from './index.js';

export interface BlockingFleet {
  readonly master: Master;
  readonly pids: readonly number[];
  readonly port: number;
}

export async function startBlocking(livenessTimeout: number, args: readonly string[] = []): Promise<BlockingFleet> {
  const master = startMaster('blocks', { args: [JSON.stringify({ livenessTimeout }), ...args] });
  const { pids, addresses } = await master.event('onMasterReady');
  return { master, pids, port: addresses[0].port };
}

export async function recovered(master: Master, pid: number): Promise<void> {
  const { exit } = await master.event('onChildExit', { where: (event) => event['pid'] === pid });
  expect(exit).toEqual({ code: null, signal: 'SIGKILL', requested: false });
  const { newPid } = await master.event('onChildRecover', { where: (event) => event['oldPid'] === pid });
  expect(isAlive(newPid)).toBe(true);
}

export async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

export const exits = (master: Master): number => master.events('onChildExit').length;
