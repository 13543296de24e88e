/** A fleet in lines of text: for `prefork status`, and for each frame of `prefork top`. */

import type { AdminStatus, AdminWorker } from '../protocol/admin.js';
import type { ListenerAddress, QueueStatus } from '../types.js';
import { harmlessLine } from './harmless.js';
import { type Column, table } from './table.js';
import { duration } from './words.js';

export interface FleetLines {
  /** What is known of the fleet as a whole. */
  readonly head: readonly string[];
  readonly titles: string;
  readonly workers: readonly string[];
}

/** @param now For the age of workers. */
export function fleetLines(status: AdminStatus, now: number, more: readonly Column<AdminWorker>[] = []): FleetLines {
  const { name, state, generation, pid, uptime, recoveries } = status;
  const recovered = recoveries === 0 ? '' : `, ${recoveries} recovered`;
  const head = [
    `fleet ${name}: ${state}, generation ${generation}, master pid ${pid}, up ${duration(uptime)}${recovered}`,
    ...status.addresses.map((address) => `on ${showAddress(address)}${waiting(status.queues, address)}`),
  ];
  const columns: Column<AdminWorker>[] = [
    { title: 'SLOT', cell: ({ slot }) => String(slot) },
    { title: 'PID', cell: (worker) => String(worker.pid) },
    { title: 'GEN', cell: (worker) => String(worker.generation) },
    { title: 'STATE', left: true, cell: (worker) => worker.state },
    { title: 'AGE', cell: ({ startedAt }) => duration(now - Date.parse(startedAt)) },
    ...more,
    ...queueColumn(status.queues),
  ];
  const [titles = '', ...workers] = table(columns, status.workers);
  return { head: head.map(harmlessLine), titles, workers: workers.map(harmlessLine) };
}

/** As `listen` takes it. */
function showAddress({ family, address, port }: ListenerAddress): string {
  if (family === 'unix') return `unix:${address}`;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/** All sockets of the address together. */
function waiting(queues: readonly QueueStatus[], { name }: ListenerAddress): string {
  const own = queues.filter((queue) => queue.name === name);
  if (own.length === 0) return '';
  const sum = (what: 'depth' | 'limit'): number => own.reduce((total, queue) => total + queue[what], 0);
  return `, ${sum('depth')} of ${sum('limit')} connections wait`;
}

/** Under `'sharded'`, where each slot has queues of its own. */
function queueColumn(queues: readonly QueueStatus[]): Column<AdminWorker>[] {
  if (!queues.some(({ slot }) => slot !== undefined)) return [];
  const depth = (of: number): number =>
    queues.reduce((total, queue) => total + (queue.slot === of ? queue.depth : 0), 0);
  return [{ title: 'QUEUE', cell: ({ slot }) => String(depth(slot)) }];
}
