/**
 * The package `chokidar`, which finds out that files change. CommonJS: scripts/bundle.mjs puts it into this file's output, with its licence.
 * Only `prefork --watch` loads it.
 */

/** What is used of it. */
export interface FileWatcher {
  on(event: 'all', listener: (event: string, path: string) => void): this;
  on(event: 'ready', listener: () => void): this;
  on(event: 'error', listener: (error: unknown) => void): this;
  close(): Promise<void>;
}

interface WatchOptions {
  readonly cwd: string;
  readonly ignoreInitial: boolean;
  /** Asked about every file and folder, by its absolute path. */
  readonly ignored: (path: string) => boolean;
}

type Watch = (path: string, options: WatchOptions) => FileWatcher;

/** Paths in events are relative to the folder. */
export function watchFolder(folder: string, ignored: (path: string) => boolean): FileWatcher {
  const { watch } = require('chokidar') as { readonly watch: Watch };
  return watch('.', { cwd: folder, ignoreInitial: true, ignored });
}
