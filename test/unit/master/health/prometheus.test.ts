import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { prometheusText } from '../../../../lib/master/health/prometheus.js';
import type { FleetReading, SlotReading } from '../../../../lib/types.js';
import { commandWorks, testWhen } from '../../../helpers/index.js';
import { parsePrometheus } from '../../../helpers/prometheus.js';

const worker = (fields: Partial<SlotReading>): SlotReading => ({
  ...{ slot: 0, pid: 10, generation: 0, state: 'ready', startedAt: 1_700_000_000_000, counted: true },
  ...{ acceptedTotal: 5, requestsTotal: 7, connections: 2, activeRequests: 1, loopDelayMean: 4, loopDelayMax: 30 },
  ...{ lastTurnAt: 1_700_000_000_000, heapUsed: 1_000, rss: 5_000, cpu: 1_500 },
  ...fields,
});

const READING: FleetReading = {
  at: 1_700_000_000_000,
  workers: [
    worker({}),
    worker({
      pid: 11,
      generation: 1,
      state: 'starting',
      startedAt: 1_700_000_001_000,
      connections: 3,
      loopDelayMean: 2,
    }),
    worker({ slot: 1, pid: 12, counted: false }),
  ],
  totals: {
    accepted: 50,
    requests: 70,
    starts: 3,
    exits: { requested: 1, 'boot-failed': 0, killed: 0, signal: 2, failed: 0, ended: 0 },
    reloads: { ok: 1, failed: 0 },
  },
  queues: [
    { name: 'we"b\\', address: '0.0.0.0:80', depth: 3, limit: 4_096 },
    { name: 'two', address: '[::]:81', slot: 1, depth: 0, limit: 128 },
  ],
};
const TEXT = prometheusText(READING, { ready: true, generation: 1, slots: 2 });

test('every metric has HELP and TYPE, a name that fits its kind, and each series once, also for a slot with two processes', () => {
  const families = parsePrometheus(TEXT);
  const of = (name: string) => Object.fromEntries(families.get(name)?.samples ?? []);
  expect(of('prefork_accept_queue_depth')).toEqual({
    'listener="we\\"b\\\\",address="0.0.0.0:80"': 3,
    'listener="two",address="[::]:81",slot="1"': 0,
  });
  expect(of('prefork_worker_exits_total')['reason="signal"']).toBe(2);
  expect(of('prefork_reloads_total')).toEqual({ 'result="ok"': 1, 'result="failed"': 0 });
  expect(of('prefork_connections')).toEqual({ 'slot="0"': 5 });
  expect(of('prefork_event_loop_delay_seconds')).toEqual({ 'slot="0"': 0.004 });
  expect(of('prefork_worker_generation')).toEqual({ 'slot="0"': 1, 'slot="1"': 0 });
  expect(of('prefork_worker_resident_memory_bytes')).toEqual({ 'slot="0"': 10_000, 'slot="1"': 5_000 });
  expect(of('prefork_workers')).toEqual({ 'state="starting"': 1, 'state="ready"': 2, 'state="draining"': 0 });
  expect(of('prefork_requests_total')).toEqual({ '': 70 });
});

testWhen(commandWorks('promtool', '--version'), 'needs promtool')(
  'promtool finds nothing to say about the metrics',
  () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: TEXT, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  },
);
