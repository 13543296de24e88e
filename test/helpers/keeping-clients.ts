/** Clients that keep a connection, and connect again when it is closed: who has how many. */

import type net from 'node:net';
import { onTestFinished } from 'vitest';
import { eventually, USUAL_WAIT } from './eventually.js';
import { dial, type Target } from './http.js';

export class KeepingClients {
  readonly #target: Target;
  readonly #sockets = new Map<net.Socket, number>();
  #over = false;

  constructor(target: Target) {
    this.#target = target;
    onTestFinished(() => this.close());
  }

  /** One more. Resolves when it has been greeted. */
  open(): Promise<void> {
    const socket = dial(this.#target);
    this.#sockets.set(socket, 0);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (!this.#over) void this.open();
    });
    return new Promise((resolve) => {
      socket.once('data', (data) => {
        this.#sockets.set(socket, Number(data.toString()));
        resolve();
      });
    });
  }

  /** Waits until every client is greeted, and by one of these. */
  async settled(pids: readonly number[]): Promise<void> {
    await eventually(() => [...this.#sockets.values()].every((pid) => pids.includes(pid)), {
      within: USUAL_WAIT,
      what: 'every client has a connection to a worker that stays',
    });
  }

  /** How many connections each of these has. */
  held(pids: readonly number[]): readonly number[] {
    return pids.map((pid) => [...this.#sockets.values()].filter((holder) => holder === pid).length);
  }

  close(): void {
    this.#over = true;
    for (const socket of this.#sockets.keys()) socket.destroy();
  }
}

/** How many times the least of them is the most. */
export function unevenness(counts: readonly number[]): number {
  return Math.max(...counts) / Math.min(...counts);
}

export function standardDeviation(counts: readonly number[]): number {
  const mean = counts.reduce((total, count) => total + count, 0) / counts.length;
  return Math.sqrt(counts.reduce((total, count) => total + (count - mean) ** 2, 0) / counts.length);
}

export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
}
