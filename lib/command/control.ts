/** `prefork status`, `reload`, `scale`, `stop` and `top`: asks a running fleet at its admin door. Loads nothing of a master. */

import { parseArgs } from 'node:util';
import { AT_ONCE, type Connection, Refusal } from '../client/connection.js';
import { ClientFailure, EXIT } from '../client/failure.js';
import { findFleet } from '../client/find.js';
import { fleetLines } from '../client/fleet-lines.js';
import { harmless } from '../client/harmless.js';
import { countColumns } from '../client/readings.js';
import { refused, reloaded, scaled } from '../client/verdicts.js';
import type { AdminReload, AdminScale, AdminStatus, AdminStop } from '../protocol/admin.js';
import type { Arguments } from './arguments.js';
import { duration } from './units.js';
import { UsageError } from './usage-error.js';
import type { Verb } from './verbs.js';

/** Milliseconds that a process may take to end once its fleet has stopped, before it is said to go on. */
const PROCESS_ENDS = 5_000;

export interface Means {
  readonly out: (text: string) => void;
  readonly say: (message: string) => void;
}

interface Request {
  readonly json: boolean;
  readonly admin: string | undefined;
  readonly name: string | undefined;
  readonly params: object;
}

const HELP = `prefork status [--json]     what the fleet is and does
prefork reload              new code, worker by worker; waits for the verdict
prefork scale <n>           so many workers; +1 and -1 add and take away
prefork stop [--grace <t>]  drains, and waits for the end of the master
prefork top                 a table that is drawn every second; q quits
  --name <name>  of the fleet, where several run
  --admin <path> its admin door, where that has a path of its own
  --json         the answer as JSON
Exit codes: 0; 1 the master refused or failed; 2 wrong usage; 3 no such master.`;

const OPTIONS = {
  json: { type: 'boolean' },
  name: { type: 'string' },
  admin: { type: 'string' },
  grace: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/**
 * @param line What stands before the verb may be --name and --admin.
 * @returns the exit code.
 * @throws UsageError.
 */
export async function control(verb: Verb, line: Arguments, means: Means): Promise<number> {
  const request = requestOf(verb, line);
  if (request === 'help') {
    means.out(HELP);
    return 0;
  }
  const { json } = request;
  const { out, say } = json ? means : forPeople(means);
  let connection: Connection | undefined;
  try {
    connection = await findFleet(request);
    return await CALLS[verb](connection, request, { out, say });
  } catch (error) {
    if (!(error instanceof ClientFailure || error instanceof Refusal)) throw error;
    const [code, shown] =
      error instanceof Refusal
        ? [EXIT.REFUSED, { error: error.error, text: refused(verb, error.error) }]
        : [error.exitCode, { error: { code: error.code, message: error.message }, text: error.message }];
    if (json) out(JSON.stringify({ error: shown.error }));
    else say(shown.text);
    return code;
  } finally {
    connection?.close();
  }
}

/** On a terminal, which what was answered must not steer. JSON is for programs. */
function forPeople({ out, say }: Means): Means {
  return { out: (text) => out(harmless(text)), say: (message) => say(harmless(message)) };
}

type Call = (connection: Connection, request: Request, means: Means) => Promise<number>;

const CALLS: Readonly<Record<Verb, Call>> = {
  async status(connection, { json }, { out }) {
    const status = await connection.ask<AdminStatus>('status', {}, { within: AT_ONCE });
    out(json ? JSON.stringify(status, undefined, 2) : textOf(status));
    return 0;
  },

  async reload(connection, { json }, { out, say }) {
    const begun = performance.now();
    const verdict = await connection.ask<AdminReload>('reload');
    const { ok, error, workers } = verdict;
    if (json) out(JSON.stringify(verdict, undefined, 2));
    else if (ok) out(reloaded(verdict, performance.now() - begun));
    else say(refused('reload', error ?? { code: '', message: 'no reason was given' }, workers));
    return ok ? 0 : EXIT.REFUSED;
  },

  async scale(connection, { json, params }, { out }) {
    const result = await connection.ask<AdminScale>('scale', params);
    out(json ? JSON.stringify(result) : scaled(result));
    return 0;
  },

  async stop(connection, { json, params }, { out, say }) {
    const result = await connection.ask<AdminStop>('stop', params);
    const { pid, error } = result;
    const ended = await connection.ends(PROCESS_ENDS);
    if (json) out(JSON.stringify({ ...result, ended }));
    else if (error !== undefined) say(refused('the fleet', error));
    else out(ended ? 'stopped' : `stopped; its process ${pid} goes on: the program keeps it alive`);
    return error === undefined ? 0 : EXIT.REFUSED;
  },

  async top(connection, { json }, { out }) {
    const { stdin, stdout, env } = process;
    if (json || !stdout.isTTY || env['TERM'] === 'dumb') {
      const status = await connection.ask<AdminStatus>('status', {}, { within: AT_ONCE });
      out(json ? JSON.stringify(status, undefined, 2) : textOf(status));
      return 0;
    }
    const { top } = await import('../client/top.js');
    await top(connection, { output: stdout, input: stdin.isTTY ? stdin : undefined, styled: !env['NO_COLOR'] });
    return 0;
  },
};

function textOf(status: AdminStatus): string {
  const { head, titles, workers } = fleetLines(status, Date.now(), countColumns(status));
  return [...head, '', titles, ...workers].join('\n');
}

function requestOf(verb: Verb, line: Arguments): Request | 'help' {
  // `-1` is no option.
  const changes = verb === 'scale' ? line.args.filter((word) => /^-\d+$/.test(word)) : [];
  const words = line.args.filter((word) => !changes.includes(word));
  const { tokens } = parseArgs({ args: words, options: OPTIONS, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string | undefined>();
  for (const [name, { texts }] of line.given) {
    if (name !== 'name' && name !== 'admin') throw notTaken(verb, line.given.get(name)?.written ?? name);
    given.set(name, texts[0]);
  }
  for (const token of tokens) {
    if (token.kind === 'positional') changes.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (!Object.hasOwn(OPTIONS, name) || (name === 'grace' && verb !== 'stop')) {
      throw new UsageError(`prefork ${verb} has no option '${rawName}' (prefork ${verb} --help)`);
    }
    const { type } = OPTIONS[name as keyof typeof OPTIONS];
    if (type === 'string' && (value === undefined || value === ''))
      throw new UsageError(`option '${rawName}' needs a value`);
    if (type === 'boolean' && value !== undefined)
      throw new UsageError(`option '${rawName}' takes no value; got '${value}'`);
    given.set(name, value);
  }
  if (given.has('help')) return 'help';
  return {
    json: given.has('json'),
    admin: given.get('admin'),
    name: given.get('name'),
    params: paramsOf(verb, changes, given.get('grace')),
  };
}

function notTaken(verb: Verb, written: string): UsageError {
  return new UsageError(
    `'${verb}' asks a running fleet, and takes no option '${written}'; to start a program of that name: prefork ${written} … ./${verb}`,
  );
}

function paramsOf(verb: Verb, words: readonly string[], grace: string | undefined): object {
  const [first, second] = words;
  const surplus = verb === 'scale' ? second : first;
  if (surplus !== undefined) {
    throw new UsageError(
      `prefork ${verb} takes no argument '${surplus}'; to start a program of that name: prefork ./${verb} ${words.join(' ')}`,
    );
  }
  if (verb === 'scale') return scaleOf(first);
  if (grace === undefined) return {};
  const gracePeriod = duration(grace);
  if (gracePeriod === undefined)
    throw new UsageError(`option '--grace' must be a time such as 500ms, 10s, 5m, 1h, or milliseconds; got '${grace}'`);
  return { gracePeriod };
}

function scaleOf(word: string | undefined): object {
  const [, sign, digits] = /^([+-]?)(\d{1,5})$/.exec(word ?? '') ?? [];
  if (digits === undefined || (sign === '' && Number(digits) === 0)) {
    throw new UsageError(
      `prefork scale needs the number of workers, such as 4, or a change, such as +1 or -1${word === undefined ? '' : `; got '${word}'`}`,
    );
  }
  return sign === '' ? { workers: Number(digits) } : { by: Number(`${sign}${digits}`) };
}
