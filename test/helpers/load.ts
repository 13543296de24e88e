/** `test/fixtures/load.mjs`: clients in a process of their own, so that the test never delays them. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { bounded } from './eventually.js';
import type { Master } from './master.js';
import { patience } from './target.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/load.mjs', import.meta.url));

export interface LoadOptions {
  readonly port?: number;
  /** Default: `127.0.0.1`. */
  readonly host?: string;
  /** Of a unix socket. */
  readonly path?: string;
  /** Default: `/`. */
  readonly url?: string;
  /** Makes it TLS. The certificate of the server, in PEM. */
  readonly ca?: string;
  /**
   * `'per-request'`: every request has a TCP connection of its own. `'keep-alive'`: a connection per lane, for as long as the server
   * leaves it open. `'http2'`: a session for every four lanes, until the server wants it to go away. Nothing is tried twice, but for
   * HTTP/2 requests of which a GOAWAY says that they were not processed.
   */
  readonly mode: 'per-request' | 'keep-alive' | 'http2';
  /** Lanes, each with one request at a time. Default: `8`. */
  readonly concurrency?: number;
  /** Milliseconds, the longest pause between two requests of a lane. Default: `10`. */
  readonly pause?: number;
  /** Milliseconds after which a request without an answer has failed. Default: `20_000`. */
  readonly patience?: number;
  /** Whether the report has {@link LoadReport.lost}. Default: `false`. */
  readonly traced?: boolean;
  /** The end of the load at the latest, in requests. Default: `200_000`. */
  readonly requests?: number;
  /** The end of the load at the latest, in milliseconds. Default: `240_000`, more on a slower target. */
  readonly duration?: number;
}

export interface Lost {
  readonly kind: 'refused' | 'reset' | 'other';
  /**
   * Milliseconds from the request before this one to the failure, where both were made on one kept connection (HTTP/1.1 only): its server has seen
   * nothing of the client for so long at the most.
   */
  readonly quiet?: number;
}

export interface LoadReport {
  /** Connections. */
  readonly opened: number;
  /** Requests. */
  readonly asked: number;
  readonly answered: number;
  /** HTTP/2 requests of which a GOAWAY said that they were not processed: sent again, as clients do (RFC 9113 8.7). */
  readonly resent: number;
  /** Answered later than 500 ms. */
  readonly delayed: number;
  /** How many of these were late because their worker stood still after it had accepted them. */
  readonly held: number;
  readonly reset: number;
  readonly refused: number;
  readonly other: number;
  /** The first few, in words. */
  readonly failures: readonly string[];
  /** All of them. */
  readonly lost: readonly Lost[];
  /** Milliseconds. */
  readonly worst: number;
  /** Answers by the pid that gave them. */
  readonly pids: Readonly<Record<string, number>>;
  readonly endedBy: 'user' | 'limits';
}

export interface Load {
  /** Waits until `more` requests that begin after this call have been answered. */
  answered(more: number): Promise<void>;
  /** Begins no more requests, waits for those that are under way, and reports on all of them. */
  stop(): Promise<LoadReport>;
}

type Line = { readonly reached: number } | { readonly report: LoadReport };

/** Starts asking at once. Ends with the test. */
export function startLoad(options: LoadOptions): Load {
  const limits = { duration: patience(240_000), patience: patience(20_000) };
  const child = spawn(process.execPath, [FIXTURE, JSON.stringify({ ...limits, ...options })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => end(child));
  child.stdin.on('error', () => {}); // EPIPE: it has ended, which the end of its output shows anyway
  const reached = new Map<number, () => void>();
  let calls = 0;
  const report = new Promise<LoadReport>((resolve, reject) => {
    child.once('error', reject);
    createInterface({ input: child.stdout })
      .on('line', (text) => {
        const line = JSON.parse(text) as Line;
        if ('report' in line) resolve(line.report);
        else reached.get(line.reached)?.();
      })
      .on('close', () => reject(new Error('The load ended without a report')));
  });
  report.catch(() => {});
  return {
    async answered(more) {
      const id = calls++;
      const done = new Promise<void>((resolve) => void reached.set(id, resolve));
      child.stdin.write(`${id} ${more}\n`);
      const early = report.then((summary) => {
        throw new Error(`The load ended before ${more} more requests were answered: ${JSON.stringify(summary)}`);
      });
      await bounded(Promise.race([done, early]), 20_000, `${more} more requests are answered`);
    },
    async stop() {
      child.stdin.end();
      return bounded(report, 20_000, 'the load ends');
    },
  };
}

/** Three reloads by SIGHUP, each while every load is answered. Fails when one of the loads has lost a request. */
export async function reloadThrice(
  fleet: Pick<Master, 'kill' | 'logged'>,
  loads: readonly Load[],
): Promise<readonly LoadReport[]> {
  for (let generation = 1; generation <= 3; generation++) {
    for (const load of loads) await load.answered(100);
    fleet.kill('SIGHUP');
    await fleet.logged(`reloaded: generation ${generation}`);
  }
  const reports: LoadReport[] = [];
  for (const load of loads) {
    await load.answered(100);
    const report = await load.stop();
    expectNothingLost(report);
    reports.push(report);
  }
  return reports;
}

/** Every request was answered, by any worker, until the test ended the load. */
export function expectNothingLost(report: LoadReport): void {
  const { asked, answered, reset, refused, other, failures, endedBy } = report;
  expect({ answered, reset, refused, other, failures, endedBy }).toEqual({
    answered: asked,
    reset: 0,
    refused: 0,
    other: 0,
    failures: [],
    endedBy: 'user',
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
