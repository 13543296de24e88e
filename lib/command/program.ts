/** Finds the program that the command runs: a file as `node` takes it, or a command that a package has in node_modules/.bin. */

import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { nearest } from '../options/check.js';
import { binNames, fileOfBin } from './bins.js';
import { folderMain } from './folder-main.js';
import { isFile, isFolder } from './paths-on-disk.js';
import { loadsTypeScript } from './typescript.js';
import { UsageError } from './usage-error.js';

/** What `node app` tries behind a name that is no file. */
const ENDINGS = ['', '.js', '.cjs', '.mjs', '.ts', '.cts', '.mts'];
const SCRIPT = /\.[cm]?[jt]sx?$/;
const TYPESCRIPT = /\.[cm]?tsx?$/;
/** A line that names the interpreter has at most so many bytes (execve(2)). */
const HEAD_BYTES = 256;

/**
 * @param name As the user wrote it.
 * @param cwd Where a relative one begins. Its name is kept, links and all: a reload follows a link that a deploy has moved.
 * @param flags Of node, that workers get in addition to those of this process.
 * @returns the absolute path of a file that node can run.
 * @throws UsageError.
 */
export function findProgram(name: string, cwd: string, flags: readonly string[] = []): string {
  const file = found(name, cwd);
  if (file === undefined) throw missing(name, cwd);
  refuseOther(file, name);
  if (TYPESCRIPT.test(file) && !loadsTypeScript(flags)) {
    throw new UsageError(
      `${name} is TypeScript, and node ${process.version} does not run it: use a loader ` +
        `(npm install tsx; prefork --import tsx ${name}), or Node 22.18 or later`,
    );
  }
  return file;
}

function found(name: string, cwd: string): string | undefined {
  const path = resolve(cwd, name);
  // A file that is there by its full name is meant, even beside a command of that name.
  if (isFile(path)) return path;
  const bin = isBare(name) ? fileOfBin(name, cwd) : undefined;
  if (bin !== undefined) return bin;
  const ending = ENDINGS.find((end) => isFile(path + end));
  if (ending !== undefined) return path + ending;
  return isFolder(path) ? folderMain(path, name) : undefined;
}

/** A name without a path may be a command. */
function isBare(name: string): boolean {
  return !isAbsolute(name) && !/^\.|[\\/]/.test(name);
}

function missing(name: string, cwd: string): UsageError {
  const path = resolve(cwd, name);
  const bin = isBare(name) ? `, and for a command '${name}' in node_modules/.bin there and above` : '';
  const meant = nearestTo(name, path, cwd);
  const advice = meant === undefined ? '' : `: did you mean '${meant}'?`;
  return new UsageError(`there is no program '${name}'${advice} (looked for ${path}${bin})`);
}

function nearestTo(name: string, path: string, cwd: string): string | undefined {
  const file = nearest(basename(path), namesIn(dirname(path)));
  if (file !== undefined) return join(dirname(name), file);
  return isBare(name) ? nearest(name, binNames(cwd)) : undefined;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => SCRIPT.test(name));
  } catch {
    return [];
  }
}

/** Node would parse it as JavaScript: every worker would fail with an error about its syntax. */
function refuseOther(file: string, name: string): void {
  const kind = kindOf(file);
  if (kind === undefined) return;
  throw new UsageError(
    `${name} is ${kind}, and the command runs programs of node: ` +
      `for any other program use the option exec of prefork() (docs/guide/options.md)`,
  );
}

function kindOf(file: string): string | undefined {
  if (extname(file) === '.json') return 'data';
  const head = headOf(file);
  if (head === undefined) return undefined;
  // ELF, Mach-O and PE all have zeros in their head; JavaScript has none.
  if (head.includes(0)) return 'a binary';
  const [, interpreter] = /^#! *(.*)/.exec(head.toString('latin1')) ?? [];
  // A script that a shell and node can both run has an ending that says so.
  if (interpreter === undefined || SCRIPT.test(file) || /\b(node|nodejs|tsx|bun|deno)\b/.test(interpreter))
    return undefined;
  return /\b(ba|da|z|k)?sh\b/.test(interpreter) ? 'a shell script' : `a script for ${interpreter.trim()}`;
}

/** `undefined` for a file that this process may not read: the workers may run as another user. */
function headOf(file: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
