/** Starts a fixture program as a master, in a session of its own, and listens to what it and its workers report. */

import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFailed, onTestFinished } from 'vitest';
import { agent, type Program } from './agent.js';
import { catchUp } from './catch-up.js';
import { inherited } from './environment.js';
import { bounded, eventually, USUAL_WAIT } from './eventually.js';
import { watchSession } from './leaks.js';
import { children, isDead, type ProcessInfo, processes, sendSignal } from './processes.js';
import { inPackage, target, thereAs } from './target.js';

/** The signal that a master reports when {@link Master.kill} sent it this one: Windows has Ctrl+Break for the wish to stop. */
export function asHeard(signal: NodeJS.Signals): string {
  return target.platform === 'win32' && signal === 'SIGTERM' ? 'SIGBREAK' : signal;
}

/** One line that `test/fixtures/report.mjs` wrote in the master or in a worker. */
export interface FixtureEvent {
  readonly event: string;
  /** Process that reported it. */
  readonly from: number;
  /** When it was reported: milliseconds on a monotonic clock that all processes share. */
  readonly at: number;
  // biome-ignore lint/suspicious/noExplicitAny: the fields are whatever the fixture reports; tests check them with expect().
  readonly [field: string]: any;
}

export interface MasterOptions {
  /** Arguments of the fixture. */
  readonly args?: readonly string[];
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Options of node itself. */
  readonly nodeArgs?: readonly string[];
  /** Another node than that of the target: a program of this machine. */
  readonly node?: string;
  readonly cwd?: string;
  /** A command that runs the command behind it, e.g. `['unshare', '--pid', '--fork']`. `pid` is then its pid. */
  readonly wrapper?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface EventOptions {
  /** Only events for which this is true. */
  readonly where?: (event: FixtureEvent) => boolean;
  /** Which of them, counted from 1. Default: `1`. */
  readonly nth?: number;
  /** Milliseconds. Default: {@link USUAL_WAIT}. */
  readonly within?: number;
}

/**
 * Starts `test/fixtures/<fixture>.mjs`. It is ended with everything it started when the test ends, and what it wrote to stderr is
 * printed when the test fails; outside of a test (in `beforeAll`) that is up to `dispose()`.
 */
export function startMaster(fixture: string, options: MasterOptions = {}): Master {
  return startFile(`test/fixtures/${fixture}.mjs`, options);
}

/** The same for any file of the package: `startFile('dist/command/prefork.cjs', { args: ['status'] })`. */
export function startFile(file: string, options: MasterOptions = {}): Master {
  const start = target.agent === undefined ? startHere : startThere;
  return watched(new Master(start(inPackage(file), options), basename(file, '.mjs')));
}

/** The same for a program that is not run by node, on this machine. */
export function startProgram(
  file: string,
  { args = [], ...options }: Pick<MasterOptions, 'args' | 'env' | 'cwd'> = {},
): Master {
  return watched(new Master(spawnHere([file, ...args], options), file));
}

function watched(master: Master): Master {
  try {
    onTestFinished(() => master.dispose());
    onTestFailed(() => console.error(master.transcript()));
  } catch {
    // Called outside of a test.
  }
  return master;
}

function startHere(file: string, options: MasterOptions): Program {
  const { wrapper = [], node = target.node, nodeArgs = [], args = [], env, cwd } = options;
  return spawnHere([...wrapper, node, ...nodeArgs, file, ...args], { env, cwd });
}

function spawnHere(words: readonly string[], { env, cwd }: Pick<MasterOptions, 'env' | 'cwd'>): Program {
  const [command, ...rest] = words as [string, ...string[]];
  // detached: setsid(2), so that the fixture is alone in its process group and session, and away from any terminal.
  const child = spawn(command, rest, { cwd, env: { ...inherited(), ...env }, detached: true, stdio: 'pipe' });
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  watchSession(child.pid);
  return child;
}

function startThere(file: string, { wrapper, nodeArgs = [], args = [], env = {}, cwd }: MasterOptions): Program {
  if (wrapper !== undefined) throw new Error(`The command ${wrapper[0]} is none of ${target.name}`);
  return agent().start({
    file: thereAs(target.node),
    args: [...nodeArgs, thereAs(file), ...args],
    cwd: thereAs(cwd ?? target.root),
    env,
  });
}

export class Master implements AsyncDisposable {
  /** Settles with how the fixture itself ended; its workers may still run. */
  readonly exited: Promise<Exit>;
  /** Settles when every process that holds the fixture's output has ended: the master and all workers that inherit it. */
  readonly outputEnded: Promise<void>;
  readonly #child: Program;
  readonly #name: string;
  readonly #events: FixtureEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #stdout = '';
  #stderr = '';
  #exit: Exit | undefined;
  #ended = false;
  #calls = 0;

  constructor(child: Program, name: string) {
    this.#child = child;
    this.#name = name;
    child.stdin.on('error', () => {}); // EPIPE: the fixture ended; every waiter hears of that by itself
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      this.#stderr += text;
      this.#wake();
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#line(line));
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
    this.exited.catch(() => {});
    this.outputEnded = new Promise((resolve) => {
      child.once('close', () => {
        this.#ended = true;
        resolve();
        this.#wake();
      });
    });
  }

  /** Of the fixture, or of its wrapper; also its process group and session. On another system known with its first event. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`The fixture ${this.#name} has not been started yet`);
    return this.#child.pid;
  }

  /** Everything written to stderr by the master and its workers so far. */
  get stderr(): string {
    this.#catchUp();
    return this.#stderr;
  }

  /** Everything written to stdout but the events. */
  get stdout(): string {
    this.#catchUp();
    return this.#stdout;
  }

  /** Every event so far, or those of one name. */
  events(name?: string): readonly FixtureEvent[] {
    this.#catchUp();
    return this.#named(name);
  }

  #catchUp(): void {
    catchUp(this.#child.stdout);
    catchUp(this.#child.stderr);
  }

  #named(name: string | undefined): readonly FixtureEvent[] {
    return this.#events.filter((event) => name === undefined || event.event === name);
  }

  /** Waits for an event, past or future. Rejects with the output when all processes end first, and when the time is over. */
  async event(
    name: string,
    { where = () => true, nth = 1, within = USUAL_WAIT }: EventOptions = {},
  ): Promise<FixtureEvent> {
    const find = (): FixtureEvent | undefined => this.#named(name).filter(where)[nth - 1];
    const what = `event '${name}'${nth > 1 ? ` number ${nth}` : ''}`;
    await this.#until(() => find() !== undefined, within, what);
    return find() as FixtureEvent;
  }

  /** Waits for an event that is reported after this call. */
  next(name: string, { where = () => true, nth = 1, within = USUAL_WAIT }: EventOptions = {}): Promise<FixtureEvent> {
    const seen = new Set(this.#events);
    return this.event(name, { where: (event) => !seen.has(event) && where(event), nth, within });
  }

  /** Waits until stderr contains a text or matches a pattern; returns the match. */
  async logged(pattern: string | RegExp, { within = USUAL_WAIT }: { within?: number } = {}): Promise<string> {
    const find = (): string | undefined =>
      typeof pattern === 'string'
        ? this.#stderr.split('\n').find((line) => line.includes(pattern))
        : pattern.exec(this.#stderr)?.[0];
    await this.#until(() => find() !== undefined, within, `${pattern} on stderr`);
    return find() as string;
  }

  /**
   * Calls a method of the fleet in the master (fixtures that import `commands.mjs`); returns or throws what it does. A reload takes as long as
   * its workers take to boot, one after the other.
   */
  // biome-ignore lint/suspicious/noExplicitAny: as in FixtureEvent.
  async call(method: string, ...args: readonly unknown[]): Promise<any> {
    this.#calls += 1;
    const id = this.#calls;
    // These end a line for the readline of newer versions of Node, and JSON leaves them as they are.
    const line = JSON.stringify({ id, method, args }).replace(
      /[\u2028\u2029]/g,
      (end) => `\\u${end.codePointAt(0)?.toString(16)}`,
    );
    this.#child.stdin.write(`${line}\n`);
    const { value, error } = await this.event('result', {
      where: (event) => event.id === id,
      within: 60_000,
    });
    if (error !== undefined) throw Object.assign(new Error(error.message), error);
    return value;
  }

  /** Ends the master's standard input, which some fixtures take as the wish to stop. */
  endInput(): void {
    this.#child.stdin.end();
  }

  /** Sends a signal to the master alone. False when it has ended. */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    return this.#child.kill(signal);
  }

  /** Sends a signal to the master and its workers, like Ctrl-C on a terminal. */
  killGroup(signal: NodeJS.Signals | number): void {
    // On Windows the workers are away from the console of their master. Only the master gets a key of it.
    if (target.agent === undefined) process.kill(-this.pid, signal);
    else if (signal !== 'SIGKILL') this.#child.kill(signal);
    else for (const { pid } of this.members()) sendSignal(pid, signal);
  }

  /** Waits for the end of the master. */
  async exit({ within = USUAL_WAIT }: { within?: number } = {}): Promise<Exit> {
    return bounded(this.exited, within, () => `the master ends\n${this.transcript()}`);
  }

  /** Waits for the end of the master and of every worker that inherited its output. */
  async gone({ within = USUAL_WAIT }: { within?: number } = {}): Promise<Exit> {
    await bounded(this.outputEnded, within, () => `the fleet is gone\n${this.transcript()}`);
    return this.exited;
  }

  /** Living children of the master. */
  workers(): readonly number[] {
    return children(this.pid)
      .filter((info) => !isDead(info))
      .map((info) => info.pid);
  }

  /** No worker is left once the master has said so: at once, or a moment later where workers are emulated processes of this machine. */
  async expectNoWorkers(): Promise<void> {
    if (target.agent !== undefined)
      await eventually(() => this.workers().length === 0, { what: 'its workers are gone' });
    expect(this.workers()).toEqual([]);
  }

  /** Every living process of the master's session: itself, its workers, and theirs. */
  members(): readonly ProcessInfo[] {
    const pid = this.#child.pid;
    return processes().filter((info) => info.session === pid && !isDead(info));
  }

  /** Ends whatever is left of the session. */
  async dispose(): Promise<void> {
    await eventually(
      () => {
        for (const { pid } of this.members()) sendSignal(pid, 'SIGKILL');
        return this.members().length === 0;
      },
      { what: `the processes of ${this.#name} end` },
    );
    await this.exited.catch(() => {});
    // Not `outputEnded`: a process that left the session may hold the pipe; the leak check of the file reports it.
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    this.#child.stdin.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** What to read when a test failed. */
  transcript(): string {
    const state = this.#exit === undefined ? 'running' : `exit code ${this.#exit.code}, signal ${this.#exit.signal}`;
    const events = this.#events.map((event) => JSON.stringify(event).slice(0, 300)).join('\n');
    return `--- ${this.#name} (pid ${this.#child.pid}, ${state})\n--- events\n${events}\n--- stdout\n${this.#stdout}\n--- stderr\n${this.#stderr}\n---`;
  }

  async #until(condition: () => boolean, within: number, what: string): Promise<void> {
    let check = (): void => {};
    const done = new Promise<void>((resolve, reject) => {
      check = () => {
        if (condition()) resolve();
        else if (this.#ended) reject(new Error(`The fixture ended before ${what}\n${this.transcript()}`));
      };
    });
    this.#waiting.add(check);
    check();
    try {
      await bounded(done, within, () => `${what}\n${this.transcript()}`);
    } finally {
      this.#waiting.delete(check);
    }
  }

  #line(line: string): void {
    if (line.startsWith('{"event":')) {
      const event = JSON.parse(line) as FixtureEvent;
      this.#events.push(target.agent === undefined ? event : { ...event, at: agent().here(event.at) });
    } else this.#stdout += `${line}\n`;
    this.#wake();
  }

  #wake(): void {
    for (const check of this.#waiting) check();
  }
}
