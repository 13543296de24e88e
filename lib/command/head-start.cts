/**
 * The first worker's head start. Node needs as long to start a worker as it needed to start the command, and most of what the command loads
 * is of no use to that. So `prefork.cts` calls {@link headStart} before anything else: for a plain command line it spawns the process, which
 * waits in the preload (boot/head-start.cts), while the master is loaded beside it. The master later asks for its first worker as it asks for
 * every other one, and gets this process if it is what the master would have started, word by word. Otherwise the process ends, and has run
 * nothing of the program. docs/decisions/hosted-programs.md has the numbers.
 */

import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { posix } from '../addon/narrow.cjs';
import type { CommonAddon, Fd, NativeChild, NativeExit } from '../addon/native.cjs';
import { ENV, FIRST_FD, type HeadStartMessage, NOT_FOR_WORKERS } from '../protocol/protocol.cjs';
import type { HeadStart, WantedProcess } from '../system/posix/head-start.js' with { 'resolution-mode': 'import' };
import { CONFIG_NAMES } from './config-names.cjs';

/** Options that say nothing about the process of a worker. With any other one the worker gets no head start. */
const WITH_VALUE = new Set(
  (
    'workers name pid-file metrics log-format ready-timeout ready-for grace drain-delay drain-timeout max-surge max-draining ' +
    'recycle-rss recycle-age recycle-requests recover-threshold recover-window recover-interval'
  ).split(' '),
);
const WITHOUT_VALUE = new Set(['quiet', 'wait-ready', 'watch']);
/** Only behind an equals sign. */
const PERHAPS_WITH_VALUE = new Set(['admin', 'exit-after-drain']);
const SCRIPT = /\.[cm]?js$/;
/** With these another program has a say in how workers are started, or what they inherit. */
const OTHERS = ['NODE_OPTIONS', ENV.child, ENV.listenFds, ...NOT_FOR_WORKERS];
const KILL = 9;
const OWN = new Set<string>(Object.values(ENV));

/**
 * @param argv Without node and the command itself.
 * @param load May throw.
 * @returns `undefined` where the worker gets none. Never throws: whatever is wrong the master finds and reports.
 */
export function headStart(argv: readonly string[], load: () => Late): HeadStart | undefined {
  const program = programOf(argv);
  if (program === undefined || !isPlain()) return undefined;
  try {
    return new EarlyWorker(load(), program);
  } catch {
    return undefined;
  }
}

/** What `--version` does without. */
export interface Late {
  readonly addon: CommonAddon;
  /** What a worker loads first. */
  readonly preload: string;
}

interface NamedProgram {
  readonly script: string;
  readonly args: readonly string[];
}

function programOf(argv: readonly string[]): NamedProgram | undefined {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string;
    if (!word.startsWith('-')) {
      const script = resolve(word);
      return SCRIPT.test(script) && existsSync(script) ? { script, args: argv.slice(at + 1) } : undefined;
    }
    const [, name = '', inline] = /^--([^=]+)(=.*)?$/s.exec(word) ?? [];
    if (WITH_VALUE.has(name)) {
      if (inline === undefined) at++;
    } else if (!PERHAPS_WITH_VALUE.has(name) && !(WITHOUT_VALUE.has(name) && inline === undefined)) return undefined;
  }
  return undefined;
}

/** This process was started by hand or by a script, with nothing that workers would have to hear of. */
function isPlain(): boolean {
  const { env, execArgv, platform } = process;
  if (platform !== 'linux' || execArgv.length > 0 || process.permission !== undefined) return false;
  if (OTHERS.some((name) => env[name] !== undefined)) return false;
  if (env['PWD'] !== undefined && env['PWD'] !== process.cwd()) return false;
  return !CONFIG_NAMES.some((name) => existsSync(name));
}

class EarlyWorker implements HeadStart {
  readonly #native;
  readonly #args: readonly string[];
  readonly #environment: ReadonlySet<string>;
  readonly #cwd = process.cwd();
  readonly #child: NativeChild;
  /** The master's end, until it has been used. */
  #socket: Fd | undefined;
  #ended = false;
  #onExit: (exit: NativeExit) => void = () => {
    this.#ended = true;
  };

  constructor({ addon, preload }: Late, { script, args }: NamedProgram) {
    const native = posix(addon);
    this.#native = native;
    const below = relative(this.#cwd, script);
    this.#args = ['--require', preload, below.startsWith('..') ? script : `./${below}`, ...args];
    const environment = Object.entries(process.env).flatMap(([name, value]) =>
      OWN.has(name) ? [] : [`${name}=${value}`],
    );
    this.#environment = new Set(environment);
    native.replaceDeadTerminals();
    const [ours, theirs] = native.fdChannel();
    this.#socket = ours;
    const nothing = native.openNull();
    try {
      this.#child = native.spawn(
        {
          file: process.execPath,
          args: [process.execPath, ...this.#args],
          env: [...environment, `${ENV.headStart}=${FIRST_FD}`],
          fds: [nothing, 1, 2, theirs],
          dieWithParent: true,
          listenPid: true,
          cwd: this.#cwd,
        },
        (exit) => this.#onExit(exit),
      );
    } catch (error) {
      native.closeFd(ours);
      throw error;
    } finally {
      for (const fd of [nothing, theirs]) native.closeFd(fd);
    }
  }

  claim(wanted: WantedProcess, onExit: (exit: NativeExit) => void): NativeChild | undefined {
    const socket = this.#socket;
    if (socket === undefined) return undefined;
    const message = this.#messageFor(wanted);
    if (message === undefined || this.#native.sendFds(socket, message) !== 'sent') {
      this.end();
      return undefined;
    }
    this.#onExit = onExit;
    this.#forget();
    return this.#child;
  }

  end(): void {
    if (this.#socket === undefined) return;
    this.#forget();
    if (!this.#ended) this.#child.kill(KILL);
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
    let others = 0;
    for (const variable of environment) {
      const end = variable.indexOf('=');
      const name = variable.slice(0, end);
      if (OWN.has(name)) variables[name] = variable.slice(end + 1);
      else if (this.#environment.has(variable)) others++;
      else return undefined;
    }
    if (others !== this.#environment.size) return undefined;
    // In the other process they have the numbers that are free there; listeners need those of LISTEN_FDS.
    if (variables[ENV.listenFds] !== '0') return undefined;
    const names: string[] = [];
    const fds: number[] = [];
    for (const [at, fd] of descriptors.entries()) {
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

function same(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one, at) => one === others[at]);
}
