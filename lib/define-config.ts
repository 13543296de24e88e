/** `defineConfig()`, and what the configuration file of the command `prefork` may hold. The command itself is in `command/`. */

import type { PreforkOptions } from './types.js';

/** Options that the command sets by itself: it starts the program, and the program listens. */
type SetByCommand = 'serve' | 'exec' | 'readiness' | 'cluster';

/**
 * What `prefork.config.mjs` exports: {@link PreforkOptions} and what the command adds to them. Relative paths begin at the working directory
 * of the command.
 */
export interface CommandConfig extends Partial<Omit<PreforkOptions, SetByCommand>> {
  /** The program, when the command line names none: a file, or a command in node_modules/.bin. */
  readonly app?: string | undefined;
  /** Arguments of the program, when the command line has none. */
  readonly args?: readonly string[] | undefined;
  /** Flags of node for workers, in addition to those that the command itself runs with. */
  readonly execArgv?: readonly string[] | undefined;
  /** A worker is ready when the program calls `process.send('ready')`. Default: when its first server listens. */
  readonly waitReady?: boolean | undefined;
  /** Reload when a file of the program changes. For development. Default: `false`. */
  readonly watch?: boolean | undefined;
}

/** A configuration, or what makes one. */
export type CommandConfigExport =
  | CommandConfig
  | Promise<CommandConfig>
  | (() => CommandConfig | Promise<CommandConfig>);

/** Returns what it is given: an editor completes the options, and TypeScript checks them. For `prefork.config.ts` and its like. */
export function defineConfig<Config extends CommandConfigExport>(config: Config): Config {
  return config;
}
