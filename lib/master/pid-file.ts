/** The file of the option `pidFile`, which names the master from before the first worker until the end. Loaded by masters that have the option. */

import { chmodSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { invalidOption } from '../common/errors.js';
import { reasonOf } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';
import { explained, systemError } from '../common/system-error.js';

/** Every user may read it, whatever the umask of the master. */
const MODE = 0o644;
/** kill(2) takes no larger one. */
const PID_MAX = 2 ** 31 - 1;
/** Bytes: ten digits, and room for blanks. */
const LONGEST = 64;

/** Files of the fleets of this process: each names the same pid, so the pid does not say whose it is. */
const claimed = new Set<string>();

export class PidFile {
  readonly #path: string;
  readonly #pid: number;
  readonly #log: Log;
  /** Where the pid is until it can be published. */
  readonly #temporary: string;

  /**
   * Proves, before anything is bound, that the file can be written and is free. Readers see nothing of it yet.
   * @param path Absolute.
   * @throws a system error, or `ERR_PREFORK_INVALID_OPTION` when another fleet of this process has the file.
   */
  constructor(path: string, pid: number, log: Log) {
    this.#path = path;
    this.#pid = pid;
    this.#log = log;
    this.#temporary = `${path}.${pid}`;
    if (claimed.has(path)) {
      throw invalidOption('pidFile', path, 'different from the pidFile of every running fleet', { range: true });
    }
    this.#refuseForeign();
    this.#try(() => {
      // Of a master with the same pid that was killed at this very point: in a container pids begin anew.
      remove(this.#temporary);
      try {
        writeFileSync(this.#temporary, `${pid}\n`, { flag: 'wx' });
      } catch (error) {
        // A full disk leaves an empty one.
        remove(this.#temporary);
        throw error;
      }
    });
    claimed.add(path);
  }

  /** The listeners are bound. @throws what keeps the file from being there, and when another master was faster. */
  publish(): void {
    this.#refuseForeign();
    this.#try(() => {
      chmodSync(this.#temporary, MODE);
      // A reader sees the old file, none, or all of the new one.
      renameSync(this.#temporary, this.#path);
    });
  }

  /** The fleet is over. What another process has written there stays. */
  remove(): void {
    claimed.delete(this.#path);
    try {
      remove(this.#temporary);
      if (pidIn(this.#path) === this.#pid) remove(this.#path);
    } catch (error) {
      this.#log.warn(`the pid file ${this.#path} could not be removed: ${reasonOf(error)}`, { event: 'stop', error });
    }
  }

  /** A pid file of a process that is gone is replaced; what is none, or names another process that runs, is not. */
  #refuseForeign(): void {
    const pid = this.#try(() => pidIn(this.#path));
    if (pid === undefined || pid === this.#pid) return;
    if (pid === 'none') this.#refuse('it holds no pid, so the master does not replace it: delete it');
    if (isRunning(pid)) {
      this.#refuse(
        `the file names process ${pid}, which is running: stop that process first, delete the file if it is no master of this program`,
      );
    }
  }

  #refuse(why: string): never {
    const hint = `option 'pidFile': ${why}, or name another file`;
    throw systemError('EEXIST', { syscall: 'open', path: this.#path, hint });
  }

  #try<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      const wayOut = `the master must be able to write a file in ${dirname(this.#path)}: create or open up that folder`;
      throw explained(error, `option 'pidFile': ${wayOut}, or name another file`, this.#path);
    }
  }
}

/** `undefined`: there is no file, or nothing in it. */
function pidIn(path: string): number | 'none' | undefined {
  let text: string;
  try {
    const stats = statSync(path);
    // Reading a named pipe would never end.
    if (!stats.isFile() || stats.size > LONGEST) return 'none';
    text = readFileSync(path, 'latin1').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (text === '') return undefined;
  const pid = /^\d+$/.test(text) ? Number(text) : 0;
  return pid > 0 && pid <= PID_MAX ? pid : 'none';
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: of another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
