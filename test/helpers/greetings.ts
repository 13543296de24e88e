/** Clients of fixtures that greet every connection with their pid: what became of each connection. */

import type net from 'node:net';
import { USUAL_WAIT } from './eventually.js';
import { dial, type Target } from './http.js';

export interface Greeting {
  /** `'waits'`: nothing came in time. */
  readonly outcome: 'greeted' | 'closed' | 'reset' | 'waits';
  readonly pid: number;
  readonly ms: number;
  readonly socket: net.Socket;
}

/** Connects, and waits for a greeting. The connection stays open. */
export function connect(target: Target, within: number): Promise<Greeting> {
  const before = performance.now();
  const socket = dial(target);
  return new Promise((resolve) => {
    const done = (outcome: Greeting['outcome'], pid = 0): void => {
      clearTimeout(timer);
      resolve({ outcome, pid, ms: performance.now() - before, socket });
    };
    const timer = setTimeout(() => done('waits'), within);
    socket.once('data', (data) => done('greeted', Number(data.toString())));
    socket.once('error', () => done('reset'));
    socket.once('close', () => done('closed'));
  });
}

/** Greets `count` times, `concurrency` at a time, and closes each connection. */
export async function greet(
  target: Target,
  count: number,
  concurrency: number,
  within = USUAL_WAIT,
): Promise<Greeting[]> {
  const greetings: Greeting[] = [];
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const greeting = await connect(target, within);
      greeting.socket.destroy();
      greetings.push(greeting);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return greetings;
}

/** How often each outcome. */
export function outcomes(greetings: readonly Greeting[]): Partial<Record<Greeting['outcome'], number>> {
  const counts: Partial<Record<Greeting['outcome'], number>> = {};
  for (const { outcome } of greetings) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
