/** `--watch`: reloads the fleet when a file of the program changes, and prints the verdict. For development. */

import { basename, extname, relative, sep } from 'node:path';
import type { ReloadResult } from '../types.js';
import { watchFolder } from './watcher.cjs';

/** Milliseconds without a further change: an editor saves several files, and a compiler writes many. */
const QUIET_MS = 100;

/** Endings of files that programs are made of. Others, such as logs and databases, a program may write while it serves. */
const PROGRAM =
  /^\.([cm]?[jt]sx?|json5?|node|wasm|html?|ejs|hbs|mustache|njk|pug|liquid|vue|svelte|astro|mdx?|graphql|gql|proto|sql|ya?ml|toml)$/;

export interface WatchOptions {
  /** Absolute. */
  readonly folder: string;
  readonly reload: () => Promise<ReloadResult>;
  readonly say: (message: string) => void;
}

export interface Watching {
  close(): Promise<void>;
}

export function watchApp({ folder, reload, say }: WatchOptions): Watching {
  const reloads = new Reloads(reload, say);
  const watcher = watchFolder(folder, (path) => isIgnored(relative(folder, path)));
  watcher.on('all', (event, path) => {
    if (event !== 'addDir' && event !== 'unlinkDir' && isOfProgram(path)) reloads.changed(path.replaceAll(sep, '/'));
  });
  watcher.on('ready', () => say(`watching ${folder}`));
  // Too many files, or a folder that may not be read: the fleet serves on.
  watcher.on('error', (error) => say(`watching ${folder} failed: ${String(error)}`));
  return {
    async close() {
      reloads.close();
      await watcher.close();
    },
  };
}

/** Packages, and what tools keep in folders such as .git and .cache. A file with a dot, such as .env, is no folder. */
export function isIgnored(path: string): boolean {
  const parts = path.split(sep).filter((part) => part !== '' && part !== '.');
  return parts.some(
    (part, i) => part === 'node_modules' || (part.startsWith('.') && (i < parts.length - 1 || !isEnv(part))),
  );
}

export function isOfProgram(path: string): boolean {
  const name = basename(path);
  return isEnv(name) || PROGRAM.test(extname(name).toLowerCase());
}

function isEnv(name: string): boolean {
  return /^\.env(\.|$)/.test(name);
}

/** One reload at a time. What changes during one makes another behind it. */
export class Reloads {
  readonly #reload: () => Promise<ReloadResult>;
  readonly #say: (message: string) => void;
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #closed = false;

  constructor(reload: () => Promise<ReloadResult>, say: (message: string) => void) {
    this.#reload = reload;
    this.#say = say;
  }

  changed(path: string): void {
    if (this.#closed) return;
    this.#changed.add(path);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#run();
    }, QUIET_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    // A change that came a moment ago has its timer, and may not be the last.
    while (this.#changed.size > 0 && this.#timer === undefined && !this.#closed) {
      const paths = [...this.#changed];
      this.#changed.clear();
      const verdict = await this.#verdict(paths);
      if (verdict !== undefined && !this.#closed) this.#say(verdict);
    }
    this.#running = false;
  }

  /** `undefined` when the fleet stops. */
  async #verdict([first, ...others]: readonly string[]): Promise<string | undefined> {
    const began = performance.now();
    try {
      const { ok, error } = await this.#reload();
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      return ok ? `reloaded in ${Math.round(performance.now() - began)} ms: ${first}${more} changed` : failed(error);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ABORT_ERR' ? undefined : failed(error);
    }
  }
}

function failed(error: unknown): string {
  return `reload failed: ${error instanceof Error ? error.message : String(error)}; the old workers serve on`;
}
