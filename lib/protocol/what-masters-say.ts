/** What a master may say. Loaded by workers, which trust it: a line that is none of these is a mistake, not an attack. */

import { isIP } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Grammar, ListeningAddress, MasterMessage } from './protocol.cjs';

/** What belongs to each beside `type`. Whatever may be absent is tried with `undefined`. */
const FIELDS: Readonly<Record<MasterMessage['type'], Readonly<Record<string, (value: unknown) => boolean>>>> = {
  init: { listeners: Array.isArray },
  drain: { reason: (reason) => reason === 'stop' || reason === 'replace', timeout: isDelay, at: isDelay },
  adopt: { slot: Number.isSafeInteger, tag: Number.isSafeInteger, listeners: isIntegers },
  release: { slot: Number.isSafeInteger },
  alone: {},
  'close-inspector': { before: (before) => before === undefined || areAddresses(before) },
  look: {},
  ping: { for: (reason) => reason === 'liveness' || reason === 'queue' },
  message: { data: (data) => data !== undefined },
};

/** Certificates in `init` may be long, and the master bounds what users send. */
export const FROM_MASTER: Grammar<MasterMessage> = { check, limit: Number.POSITIVE_INFINITY };

/** Buffers inside `init` come back as Buffers. */
function check(value: unknown): MasterMessage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type } = value as { type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(FIELDS, type)) return undefined;
  const fields = Object.entries(FIELDS[type as MasterMessage['type']]);
  if (!fields.every(([name, fits]) => fits((value as Record<string, unknown>)[name]))) return undefined;
  const message = value as MasterMessage;
  if (message.type !== 'init' || message.tls === undefined) return message;
  return { ...message, tls: reviveBuffers(message.tls) as SecureContextOptions };
}

function isDelay(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && value >= 0);
}

function isIntegers(value: unknown): boolean {
  return Array.isArray(value) && value.every(Number.isSafeInteger);
}

function areAddresses(value: unknown): boolean {
  return Array.isArray(value) && value.every(isAddress);
}

function isAddress(value: unknown): value is ListeningAddress {
  if (typeof value !== 'object' || value === null) return false;
  const { host, port } = value as { host?: unknown; port?: unknown };
  return typeof host === 'string' && isIP(host) !== 0 && Number.isSafeInteger(port);
}

function reviveBuffers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reviveBuffers);
  if (typeof value !== 'object' || value === null) return value;
  const { type, data } = value as { type?: unknown; data?: unknown };
  if (type === 'Buffer' && Array.isArray(data)) return Buffer.from(data as number[]);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reviveBuffers(inner)]));
}
