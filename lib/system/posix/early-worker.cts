/**
 * A process that is spawned before the master is loaded, and becomes the worker that the master asks for first. It waits in the preload
 * (boot/head-start.cts), before a line of the program runs. The master gets it if it is what the master would have started, word by word.
 * Otherwise the process ends. command/head-start.cts makes one for the command, ahead.ts for prefork().
 */

import type { Fd, NativeChild, NativeExit, PosixAddon } from '../../addon/native.cjs';
import { ENV, FIRST_FD, type HeadStartMessage, NOT_FOR_WORKERS } from '../../protocol/protocol.cjs';
import type { HeadStart, WantedProcess } from './head-start.js' with { 'resolution-mode': 'import' };

/** With these another program has a say in how workers are started, or what they inherit. */
const OTHERS = ['NODE_OPTIONS', ENV.child, ENV.listenFds, ...NOT_FOR_WORKERS];
const KILL = 9;
/** Variables by which a master and its worker know each other. */
export const OWN: ReadonlySet<string> = new Set(Object.values(ENV));

/** This process was started by hand or by a script, with nothing that workers would have to hear of. */
export function isPlainProcess(): boolean {
  const { env, execArgv, platform } = process;
  if (platform !== 'linux' || execArgv.length > 0 || process.permission !== undefined) return false;
  if (OTHERS.some((name) => env[name] !== undefined)) return false;
  return env['PWD'] === undefined || env['PWD'] === process.cwd();
}

/** What is known of a worker before the master is loaded. */
export interface EarlyProcess {
  /** Of node. */
  readonly args: readonly string[];
  /** `KEY=value`. */
  readonly environment: readonly string[];
  /** What the master hands it, from {@link FIRST_FD} up, as far as it is there: the master's numbers. The caller closes them. */
  readonly descriptors: readonly Fd[];
}

export class EarlyWorker implements HeadStart {
  readonly #native: PosixAddon;
  readonly #args: readonly string[];
  readonly #environment: ReadonlySet<string>;
  readonly #descriptors: readonly Fd[];
  readonly #cwd = process.cwd();
  readonly #child: NativeChild;
  /** The master's end, until it has been used. */
  #socket: Fd | undefined;
  #claimed = false;
  #ended = false;
  #onExit: (exit: NativeExit) => void = () => {
    this.#ended = true;
  };

  /** @throws what the kernel says. */
  constructor(native: PosixAddon, { args, environment, descriptors }: EarlyProcess) {
    this.#native = native;
    this.#args = args;
    this.#environment = new Set(environment);
    this.#descriptors = descriptors;
    native.replaceDeadTerminals();
    const nothing = native.openNull();
    const lent = [nothing];
    try {
      const [ours, theirs] = native.fdChannel();
      this.#socket = ours;
      lent.push(theirs);
      this.#child = native.spawn(
        {
          file: process.execPath,
          args: [process.execPath, ...args],
          env: [...environment, `${ENV.headStart}=${FIRST_FD + descriptors.length}`],
          fds: [nothing, 1, 2, ...descriptors, theirs],
          dieWithParent: true,
          listenPid: true,
          cwd: this.#cwd,
        },
        (exit) => this.#onExit(exit),
      );
    } catch (error) {
      this.#forget();
      throw error;
    } finally {
      for (const fd of lent) native.closeFd(fd);
    }
  }

  claim(wanted: WantedProcess, onExit: (exit: NativeExit) => void): NativeChild | undefined {
    const socket = this.#socket;
    if (socket === undefined) return undefined;
    const message = this.#messageFor(wanted);
    if (message === undefined || this.#native.sendFds(socket, message) !== 'sent') {
      void this.end();
      return undefined;
    }
    this.#claimed = true;
    this.#onExit = onExit;
    this.#forget();
    return this.#child;
  }

  end(): Promise<void> | undefined {
    if (this.#claimed || this.#ended) {
      this.#forget();
      return undefined;
    }
    if (this.#socket !== undefined) this.#child.kill(KILL);
    this.#forget();
    const before = this.#onExit;
    return new Promise((resolve) => {
      this.#onExit = (exit) => {
        before(exit);
        resolve();
      };
    });
  }

  #forget(): void {
    if (this.#socket !== undefined) this.#native.closeFd(this.#socket);
    this.#socket = undefined;
  }

  /** @returns `undefined` when the master would start another process. */
  #messageFor({ file, args, environment, stdio, cwd }: WantedProcess) {
    if (this.#ended || file !== process.execPath || cwd !== this.#cwd || !same(args, this.#args)) return undefined;
    const [input, output, errors, ...descriptors] = stdio;
    if (input !== 'ignore' || output !== 'inherit' || errors !== 'inherit') return undefined;
    const variables: Record<string, string> = {};
    let has = 0;
    for (const variable of environment) {
      const end = variable.indexOf('=');
      const name = variable.slice(0, end);
      if (this.#environment.has(variable)) has++;
      else if (OWN.has(name)) variables[name] = variable.slice(end + 1);
      else return undefined;
    }
    if (has !== this.#environment.size) return undefined;
    const given = this.#descriptors.length;
    if (!same(descriptors.slice(0, given), this.#descriptors)) return undefined;
    // In the other process they have the numbers that are free there; listeners need those of LISTEN_FDS.
    if ((variables[ENV.listenFds] ?? '0') !== '0') return undefined;
    const names: string[] = [];
    const fds: number[] = [];
    for (const [at, fd] of descriptors.entries()) {
      if (at < given) continue;
      const name = Object.keys(variables).find(
        (each) => each.endsWith('_FD') && variables[each] === String(FIRST_FD + at),
      );
      if (name === undefined || typeof fd !== 'number') return undefined;
      delete variables[name];
      names.push(name);
      fds.push(fd);
    }
    const text: HeadStartMessage = { variables, descriptors: names };
    return { tag: 0, text: JSON.stringify(text), fds };
  }
}

function same(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((one, at) => one === others[at]);
}
