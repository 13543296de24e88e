/**
 * Where the debugger of a worker listens, when the master was started with `--inspect`, as a flag or in NODE_OPTIONS. One process holds a
 * port, so each worker needs another one, as in `cluster`.
 */

import { NODE_OPTIONS, optionsOf, wordsOf } from '../../common/node-options.js';

/** `--inspect`, `--inspect=9230`, `--inspect-brk=host:9230`… */
const START = /^(--inspect(?:-brk|-wait)?)(?:=(.*))?$/;
/** Where the debugger listens once it is started; the value may be the next word. */
const PORT = /^(--inspect-port)(?:=(.*))?$/;
/** Whatever says where the inspector is to be. */
const PLACED = /^--(inspect(?!-publish-uid)|debug-port)/;
const DEFAULT_PORT = 9229;

type Variables = Readonly<Record<string, string | undefined>>;

/** What the flags come to. */
export interface DebugPlace {
  /** `undefined`: Node's own choice, 127.0.0.1. */
  readonly host: string | undefined;
  /** Of the master; `0`: a free one. */
  readonly port: number;
}

/** What a worker with these flags is asked to start; `undefined` when it gets no debugger. */
export function debugPlace(flags: readonly string[], env: Variables): DebugPlace | undefined {
  let place: DebugPlace | undefined;
  let started = false;
  // Node reads NODE_OPTIONS first, and what comes later wins.
  eachPlace([...wordsOf(env[NODE_OPTIONS]), ...flags], (value, starts) => {
    started ||= starts;
    const { host = place?.host, port = place?.port } = value;
    place = { host, port: port ?? DEFAULT_PORT };
    return undefined;
  });
  return started ? place : undefined;
}

/** The same flags for a worker. @param port Default: the master's + 1 + slot. */
export function inspectPerWorker(flags: readonly string[], slot: number, port: number | undefined): string[] {
  return eachPlace(flags, (value) => {
    const base = value.port ?? DEFAULT_PORT;
    return `${value.host === undefined ? '' : `${value.host}:`}${base === 0 ? 0 : (port ?? base + 1 + slot)}`;
  });
}

/** NODE_OPTIONS for a worker, when it says where the master's debugger listens. */
export function debugVariables(env: Variables, slot: number, port: number | undefined): Record<string, string> {
  const words = wordsOf(env[NODE_OPTIONS]);
  if (!words.some((word) => PLACED.test(word))) return {};
  return { [NODE_OPTIONS]: optionsOf(inspectPerWorker(words, slot, port)) };
}

/** Whether any of it may start a debugger. */
export function mayInspect(flags: readonly string[], { NODE_OPTIONS = '' }: Variables): boolean {
  return NODE_OPTIONS.includes('--inspect') || flags.some((flag) => START.test(flag));
}

/** The user has an opinion about the inspector: it is used where it is. */
export function hasInspectPort(flags: readonly string[], env: Variables): boolean {
  return [...flags, ...wordsOf(env[NODE_OPTIONS])].some((word) => PLACED.test(word));
}

interface Value {
  readonly host?: string;
  readonly port?: number;
}

/** @param visit Returns the new value of the flag; `undefined`: it stays. */
function eachPlace(words: readonly string[], visit: (value: Value, starts: boolean) => string | undefined): string[] {
  const placed = [...words];
  placed.forEach((word, i) => {
    const [, starting, target] = START.exec(word) ?? [];
    if (starting !== undefined) {
      const value = visit(readPlace(target), true);
      if (value !== undefined) placed[i] = `${starting}=${value}`;
      return;
    }
    const [, placing, joined] = PORT.exec(word) ?? [];
    if (placing === undefined) return;
    const next = joined === undefined ? i + 1 : i;
    const value = visit(readPlace(joined ?? placed[next]), false);
    if (value !== undefined) placed[next] = joined === undefined ? value : `${placing}=${value}`;
  });
  return placed;
}

function readPlace(text = ''): Value {
  const [, host = '', port] = /^(?:(.*):)?(\d+)$/.exec(text) ?? [undefined, text];
  return { ...(host !== '' && { host }), ...(port !== undefined && { port: Number(port) }) };
}
