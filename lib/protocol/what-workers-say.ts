/** What a worker may say: every message is checked before the master acts on it. Runs in the master. */

import { isIP } from 'node:net';
import { constants } from 'node:os';
import { isAbsolute } from 'node:path';
import type { BootError, Grammar, Ping, WantedListener, WorkerMessage } from './protocol.cjs';
import { MESSAGE_LIMIT, SLOTS } from './protocol.cjs';
import { REPORTED } from './scoreboard.js';

type Fields = Readonly<Record<string, unknown>>;
type Checks = {
  readonly [Type in WorkerMessage['type']]: (said: Fields) => Extract<WorkerMessage, { type: Type }> | undefined;
};

/** pid_t of POSIX; Windows has 32 bits without a sign. */
const PID_MAX = 0xffff_ffff;
const PORT_MAX = 65_535;
/** Of a message with descriptors. */
const TAG_MAX = 0xffff_ffff;
/** An int of listen(2). */
const BACKLOG_MAX = 0x7fff_ffff;
/** Characters of the name of a listener. */
const NAME_TEXT = 255;
/** Slots, for each of the listeners that workers may have asked for in the life of a master. */
const SLOT_MAX = SLOTS * SLOTS;
/** Characters: of an error's name, message or stack, of a reason in a log line, of a piece of stderr. */
const ERROR_TEXT = 8 * 1024;
const REASON_TEXT = 512;
const STDERR_TEXT = 64 * 1024;

/** One row per message: what is right is put together anew, so nothing else comes along. */
const CHECKS: Checks = {
  watching: ({ pid }) => (isPid(pid) ? { type: 'watching', pid } : undefined),
  listening: () => ({ type: 'listening' }),
  'boot-failed': ({ error }) => {
    const checked = bootError(error);
    return checked && { type: 'boot-failed', error: checked };
  },
  'wrote-stderr': ({ text }) =>
    isText(text) && text.length <= STDERR_TEXT ? { type: 'wrote-stderr', text } : undefined,
  'became-ready': ({ pid, inLine, handlesSigterm }) =>
    isPid(pid)
      ? {
          type: 'became-ready',
          pid,
          ...(inLine === true && { inLine }),
          ...(handlesSigterm === true && { handlesSigterm }),
        }
      : undefined,
  'began-draining': ({ signal }) => (isSignal(signal) ? { type: 'began-draining', signal } : undefined),
  'stopped-accepting': () => ({ type: 'stopped-accepting' }),
  answered: ({ inspector, ...said }) => {
    const asked = ping(said);
    if (asked === undefined) return undefined;
    if (inspector === undefined) return { type: 'answered', ...asked };
    return inspector === false || isWhole(inspector, 1, PORT_MAX)
      ? { type: 'answered', ...asked, inspector }
      : undefined;
  },
  'adoption-failed': ({ slot }) => (isWhole(slot, 0, SLOT_MAX) ? { type: 'adoption-failed', slot } : undefined),
  'paused-accepting': () => ({ type: 'paused-accepting' }),
  'resumed-accepting': () => ({ type: 'resumed-accepting' }),
  // It becomes part of a log line.
  'wants-replacement': ({ reason }) =>
    isText(reason) ? { type: 'wants-replacement', reason: oneLine(reason) } : undefined,
  'changed-hearing': ({ messages }) =>
    typeof messages === 'boolean' ? { type: 'changed-hearing', messages } : undefined,
  'wants-listener': ({ id, want }) => {
    const wanted = wantedListener(want);
    return wanted !== undefined && isWhole(id, 0, TAG_MAX) ? { type: 'wants-listener', id, want: wanted } : undefined;
  },
  'released-listener': ({ name }) =>
    isText(name) && name.length <= NAME_TEXT ? { type: 'released-listener', name } : undefined,
  counted: ({ words }) =>
    Array.isArray(words) && words.length === REPORTED && words.every((word) => typeof word === 'number')
      ? { type: 'counted', words }
      : undefined,
  message: (said) => (Object.hasOwn(said, 'data') ? { type: 'message', data: said['data'] } : undefined),
};

export const FROM_WORKER: Grammar<WorkerMessage> = { check, limit: MESSAGE_LIMIT };

function check(value: unknown): WorkerMessage | undefined {
  if (!isFields(value)) return undefined;
  const { type } = value;
  // Own keys: `constructor` is no message.
  return isText(type) && Object.hasOwn(CHECKS, type) ? CHECKS[type as WorkerMessage['type']](value) : undefined;
}

/** JSON makes own properties only, also of `__proto__`; nothing but a destructuring looks at what is inherited. */
function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bootError(value: unknown): BootError | undefined {
  if (!isFields(value)) return undefined;
  const { name, message, stack, code } = value;
  if (!isText(name) || !isText(message)) return undefined;
  if ((stack !== undefined && !isText(stack)) || (code !== undefined && !isText(code))) return undefined;
  return {
    name: name.slice(0, ERROR_TEXT),
    message: message.slice(0, ERROR_TEXT),
    ...(stack !== undefined && { stack: stack.slice(0, ERROR_TEXT) }),
    ...(code !== undefined && { code: code.slice(0, ERROR_TEXT) }),
  };
}

function wantedListener(value: unknown): WantedListener | undefined {
  if (!isFields(value)) return undefined;
  const { kind, host, port, index, ipv6Only, path, backlog, secure } = value;
  if (backlog !== undefined && !isWhole(backlog, 1, BACKLOG_MAX)) return undefined;
  if (secure !== undefined && secure !== true) return undefined;
  const more = { ...(backlog !== undefined && { backlog }), ...(secure === true && { secure: true as const }) };
  if (kind === 'unix')
    return isText(path) && (isAbsolute(path) || path.startsWith('\0')) ? { kind, path, ...more } : undefined;
  if (kind !== 'tcp' || !isWhole(port, 0, PORT_MAX) || !isWhole(index, 0, PORT_MAX)) return undefined;
  if (typeof ipv6Only !== 'boolean' || (host !== undefined && !(isText(host) && isIP(host) !== 0))) return undefined;
  return { kind, port, index, ipv6Only, ...(host !== undefined && { host }), ...more };
}

function ping(said: Fields): Ping | undefined {
  const { for: reason, id } = said;
  if (reason === 'liveness') return { for: reason };
  return reason === 'queue' && isWhole(id, 0, Number.MAX_SAFE_INTEGER) ? { for: reason, id } : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}

function isPid(value: unknown): value is number {
  return isWhole(value, 1, PID_MAX);
}

function isSignal(value: unknown): value is NodeJS.Signals {
  return isText(value) && Object.hasOwn(constants.signals, value);
}

function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach the log.
  return text.slice(0, REASON_TEXT).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}
