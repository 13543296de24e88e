/** Lines of JSON, each held against the union of events that the package exports. */

import { expect } from 'vitest';
import type { FleetEvent, LogEvent } from '../../lib/fleet-event.js';

type Kind = 'string' | 'number' | 'boolean';
type Fields = Readonly<Record<string, Kind>>;
/** What a member must have, and may have, beside what all have. */
type Member<T> = {
  readonly [Name in Exclude<keyof T, Common>]-?: Exclude<T[Name], undefined> extends number | string
    ? Exclude<T[Name], undefined> extends number
      ? 'number' | 'number?'
      : 'string' | 'string?' | 'any?'
    : 'boolean' | 'boolean?';
};
type Common = 'time' | 'level' | 'event' | 'fleet' | 'role' | 'pid' | 'msg';

const COMMON: Readonly<Record<Common, Kind>> = {
  ...{
    time: 'string',
    level: 'string',
    event: 'string',
    fleet: 'string',
    role: 'string',
    pid: 'number',
    msg: 'string',
  },
};
const OF_WORKER = { slot: 'number', generation: 'number' } as const;
const MAYBE = { slot: 'number?', generation: 'number?' } as const;
const FAILURE = { code: 'any?', reason: 'string?' } as const;

/** A member or a field that is missing here is a type error. */
const MEMBERS: { readonly [E in LogEvent]: Member<Extract<FleetEvent, { event: E }>> } = {
  listen: { ...MAYBE, ...FAILURE },
  spawn: { ...OF_WORKER, ...FAILURE },
  ready: { workers: 'number', addresses: 'string' },
  exit: { ...OF_WORKER, code: 'number?', signal: 'string?', reason: 'string?', requested: 'boolean', uptime: 'number' },
  recover: { slot: 'number', generation: 'number?', oldPid: 'number?', reason: 'string?' },
  reload: { ...MAYBE, ...FAILURE, signal: 'string?', oldPid: 'number?', ok: 'boolean?', took: 'number?' },
  scale: { ...FAILURE, signal: 'string?', workers: 'number?' },
  recycle: { ...OF_WORKER, ...FAILURE },
  drain: { ...MAYBE, signal: 'string?' },
  stall: OF_WORKER,
  kill: { ...OF_WORKER, reason: 'string?' },
  accept: { ...MAYBE, ...FAILURE },
  orphan: MAYBE,
  hook: { ...MAYBE, ...FAILURE },
  stop: { ...MAYBE, ...FAILURE, signal: 'string?' },
  output: { ...OF_WORKER, stream: 'string' },
  warning: { ...MAYBE, ...FAILURE, signal: 'string?' },
};

export type AnyEvent = FleetEvent & Readonly<Record<string, unknown>>;

/** Each line, as the member of the union that it is. Fails for one that is none. */
export function fleetEvents(lines: readonly string[]): AnyEvent[] {
  return lines.map((line) => {
    expect(line).toMatch(/^\{.*\}$/);
    const event = JSON.parse(line) as AnyEvent;
    expectMember(event);
    return event;
  });
}

export function expectMember(event: AnyEvent): void {
  expect(Object.keys(MEMBERS)).toContain(event.event);
  const member = MEMBERS[event.event] as Readonly<Record<string, string>>;
  expect(new Date(event.time).toISOString()).toBe(event.time);
  expect(['info', 'warn', 'error']).toContain(event.level);
  expect(['master', 'worker']).toContain(event.role);
  const fields: Fields = COMMON;
  for (const [name, kind] of Object.entries(fields))
    expect.soft(typeof event[name], `${name} of ${event.msg}`).toBe(kind);
  for (const [name, value] of Object.entries(event)) {
    if (name in COMMON) continue;
    const kind = member[name]?.replace('?', '');
    expect(kind, `the event ${event.event} has a field '${name}': ${event.msg}`).toBeDefined();
    if (kind !== 'any') expect(typeof value).toBe(kind);
  }
  for (const [name, kind] of Object.entries(member)) {
    if (!kind.endsWith('?')) expect(event, event.msg).toHaveProperty(name);
  }
}
