import { expect, test } from 'vitest';
import { fleetLines } from '../../../lib/client/fleet-lines.js';
import { frame } from '../../../lib/client/frame.js';
import { actionsOf } from '../../../lib/client/keys.js';
import { Rates } from '../../../lib/client/readings.js';
import { bytes, duration, plural } from '../../../lib/client/words.js';
import type { AdminStatus } from '../../../lib/protocol/admin.js';
import type { SlotReading } from '../../../lib/types.js';

const NOW = Date.parse('2026-01-01T00:00:00Z');

function statusOf(workers: number, more: Partial<AdminStatus> = {}, requests = 0): AdminStatus {
  const slots = Array.from({ length: workers }, (_, slot) => slot);
  const reading = (slot: number): SlotReading => ({
    ...{ slot, pid: 100 + slot, generation: 1, state: 'ready', startedAt: NOW - 5_000, counted: true },
    ...{ acceptedTotal: 1, requestsTotal: requests, connections: 3, activeRequests: 0, lastTurnAt: NOW },
    ...{ loopDelayMean: 1, loopDelayMax: 2.34, heapUsed: 1, rss: 64 * 1024 * 1024, cpu: requests },
  });
  return {
    ...{ name: 'web', pid: 99, uptime: 65_000, state: 'running', generation: 1, sharing: 'shared', recoveries: 0 },
    addresses: [{ name: '0', family: 'IPv6', address: '::', port: 80 }],
    queues: [{ name: '0', depth: 2, limit: 4_096 }],
    workers: slots.map((slot) => ({
      ...{ slot, pid: 100 + slot, generation: 1, state: 'ready', restarts: 0, rss: 64 * 1024 * 1024 },
      startedAt: new Date(NOW - 5_000).toISOString(),
    })),
    metrics: {
      at: NOW,
      workers: slots.map(reading),
      totals: {
        ...{ accepted: 0, requests, starts: workers, reloads: { ok: 0, failed: 0 } },
        exits: { requested: 0, 'boot-failed': 0, killed: 0, signal: 0, failed: 0, ended: 0 },
      },
      queues: [],
    },
    ...more,
  };
}

test.each([
  [0, '0 s'],
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_600_000, '1 h 0 min'],
  [90_061_000, '1 d 1 h'],
])('%d ms are %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('sizes and numbers of things as people read them', () => {
  expect([1_000, 5 * 1_024 ** 2, 3 * 1_024 ** 3].map(bytes)).toEqual(['1 K', '5.0 M', '3.0 G']);
  expect([plural(1, 'worker'), plural(2, 'worker')]).toEqual(['1 worker', '2 workers']);
});

test('a fleet in lines: its state, its addresses with their queues, and a row for each worker', () => {
  const { head, titles, workers } = fleetLines(statusOf(2, { recoveries: 3 }), NOW);
  expect(head).toEqual([
    'fleet web: running, generation 1, master pid 99, up 1 min, 3 recovered',
    'on [::]:80, 2 of 4096 connections wait',
  ]);
  expect([titles, ...workers]).toEqual([
    'SLOT  PID  GEN  STATE  AGE',
    '   0  100    1  ready  5 s',
    '   1  101    1  ready  5 s',
  ]);
});

test('where each slot has a queue of its own there is a column for it', () => {
  const queues = [0, 1].map((slot) => ({ name: '0', slot, depth: slot * 7, limit: 10 }));
  const { head, titles, workers } = fleetLines(statusOf(2, { queues }), NOW);
  expect(head[1]).toBe('on [::]:80, 7 of 20 connections wait');
  expect([titles, ...workers].map((line) => line.split(/ +/).at(-1))).toEqual(['QUEUE', '0', '7']);
});

test('rates are the difference of two looks; before the second, and of a new process, there is none', () => {
  const rates = new Rates();
  const cells = (): string[] => fleetLines(statusOf(1), NOW, rates.columns()).workers[0]?.trim().split(/ {2,}/) ?? [];
  rates.add(statusOf(1, {}, 100), 0);
  expect(cells().slice(5)).toEqual(['-', '3', '2.3 ms', '-', '64.0 M']);
  rates.add(statusOf(1, {}, 350), 500);
  expect(cells().slice(5)).toEqual(['500', '3', '2.3 ms', '50%', '64.0 M']);
});

test('a frame has as many lines as the screen, none wider, and scrolls no further than to its last worker', () => {
  const view = { columns: 40, rows: 10, above: 0, styled: false };
  const first = frame(statusOf(20), new Rates(), NOW, view);
  expect(first).toHaveLength(10);
  expect(Math.max(...first.map((line) => line.length))).toBeLessThanOrEqual(40);
  expect(first[4]).toMatch(/^ +0 +100/);
  expect(first.at(-1)).toBe('q quits, the arrow keys scroll; 15 more');
  const last = frame(statusOf(20), new Rates(), NOW, { ...view, above: 1_000 });
  expect(last[8]).toMatch(/^ +19 +119/);
  expect(frame(statusOf(2), new Rates(), NOW, { ...view, rows: 3 })).toHaveLength(3);
  expect(frame(statusOf(2), new Rates(), NOW, { ...view, note: 'late' }).at(-1)).toBe('late');
});

test('keys: several in one piece, cursor keys in both forms, and none of the rest', () => {
  expect(actionsOf('q')).toEqual(['quit']);
  expect(actionsOf('\u001b[A\u001bOB\u001b[5~x\u001b[15;2~\u0003')).toEqual([
    { lines: -1 },
    { lines: 1 },
    { pages: -1 },
    'quit',
  ]);
  expect(actionsOf('\u001b')).toEqual([]);
});
