/** A reading of the fleet in the text format of Prometheus, version 0.0.4. */

import type { FleetReading, SlotReading } from '../../types.js';

/** What the master says of the fleet beside its counters. */
export interface Present {
  readonly ready: boolean;
  readonly generation: number;
  /** How many workers it is to have. */
  readonly slots: number;
}

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number];

const STATES = ['starting', 'ready', 'draining'] as const;

export function prometheusText({ workers, totals, queues }: FleetReading, present: Present): string {
  const counted = workers.filter((worker) => worker.counted);
  const total = (name: string, help: string, samples: readonly Sample[]): string =>
    family(`${name}_total`, 'counter', help, samples);
  const gauge = (name: string, help: string, samples: readonly Sample[]): string =>
    family(name, 'gauge', help, samples);
  const bySlot = (
    name: string,
    help: string,
    of: readonly SlotReading[],
    value: (worker: SlotReading) => number,
    join = sum,
  ) => gauge(name, help, perSlot(of, value, join));
  return [
    gauge('prefork_ready', 'Whether a balancer may send clients: 1 or 0.', [[{}, present.ready ? 1 : 0]]),
    gauge('prefork_generation', 'How many reloads the code that serves is away from the first start.', [
      [{}, present.generation],
    ]),
    gauge('prefork_slots', 'How many workers the fleet is to have.', [[{}, present.slots]]),
    gauge(
      'prefork_workers',
      'Worker processes by state.',
      STATES.map((state) => [{ state }, workers.filter((worker) => worker.state === state).length]),
    ),
    total('prefork_worker_starts', 'Worker processes that the master has started.', [[{}, totals.starts]]),
    total('prefork_worker_exits', 'Workers that have ended, by reason.', keyed('reason', totals.exits)),
    total('prefork_reloads', 'Reloads by their verdict.', keyed('result', totals.reloads)),
    total('prefork_connections_accepted', 'Connections that workers have accepted.', [[{}, totals.accepted]]),
    total('prefork_requests', 'HTTP requests and HTTP/2 streams that workers have begun to serve.', [
      [{}, totals.requests],
    ]),
    gauge(
      'prefork_accept_queue_depth',
      'Connections that wait in the kernel for a worker to accept them, by socket.',
      queues.map((queue) => [queueLabels(queue), queue.depth]),
    ),
    gauge(
      'prefork_accept_queue_limit',
      'How many connections may wait, by socket.',
      queues.map((queue) => [queueLabels(queue), queue.limit]),
    ),
    bySlot('prefork_connections', 'Connections that are open.', counted, ({ connections }) => connections),
    bySlot(
      'prefork_active_requests',
      'HTTP requests and HTTP/2 streams that are being answered.',
      counted,
      ({ activeRequests }) => activeRequests,
    ),
    bySlot(
      'prefork_event_loop_delay_seconds',
      'How long an event had to wait for the event loop on average, lately.',
      counted,
      ({ loopDelayMean }) => loopDelayMean / 1_000,
      max,
    ),
    bySlot(
      'prefork_event_loop_delay_max_seconds',
      'The longest turn of the event loop, lately.',
      counted,
      ({ loopDelayMax }) => loopDelayMax / 1_000,
      max,
    ),
    bySlot('prefork_worker_heap_used_bytes', 'JavaScript heap that is used.', counted, ({ heapUsed }) => heapUsed),
    bySlot('prefork_worker_resident_memory_bytes', 'Resident memory.', workers, ({ rss }) => rss),
    // As a counter that begins anew with every process: Prometheus knows how to read that.
    family(
      'prefork_worker_cpu_seconds_total',
      'counter',
      'CPU time of the processes that a slot has at present.',
      perSlot(workers, ({ cpu }) => cpu / 1_000, sum),
    ),
    bySlot(
      'prefork_worker_generation',
      'Generation of the newest worker of a slot.',
      workers,
      ({ generation }) => generation,
      max,
    ),
    bySlot(
      'prefork_worker_start_time_seconds',
      'When the newest worker of a slot was started, since the epoch.',
      workers,
      ({ startedAt }) => startedAt / 1_000,
      max,
    ),
  ].join('');
}

function queueLabels({ name, slot, address }: FleetReading['queues'][number]): Labels {
  return { listener: name, address, ...(slot === undefined ? {} : { slot }) };
}

function keyed(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([key, count]) => [{ [label]: key }, count]);
}

/** In a reload a slot has two processes, and each series is to be there once. */
function perSlot(
  workers: readonly SlotReading[],
  value: (worker: SlotReading) => number,
  join: (a: number, b: number) => number,
): Sample[] {
  const slots = new Map<number, number>();
  for (const worker of workers) {
    const before = slots.get(worker.slot);
    slots.set(worker.slot, before === undefined ? value(worker) : join(before, value(worker)));
  }
  return [...slots].map(([slot, joined]) => [{ slot }, joined]);
}

function sum(a: number, b: number): number {
  return a + b;
}

function max(a: number, b: number): number {
  return Math.max(a, b);
}

/** Without samples it is left out: a HELP alone says nothing. */
function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([labels, value]) => `${name}${labelled(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelled(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
