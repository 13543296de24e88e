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
import type { CommonAddon } from '../addon/native.cjs';
import { EarlyWorker, isPlainProcess, OWN } from '../system/posix/early-worker.cjs';
import type { HeadStart } from '../system/posix/head-start.js' with { 'resolution-mode': 'import' };
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

/**
 * @param argv Without node and the command itself.
 * @param load May throw.
 * @returns `undefined` where the worker gets none. Never throws: whatever is wrong the master finds and reports.
 */
export function headStart(argv: readonly string[], load: () => Late): HeadStart | undefined {
  const program = programOf(argv);
  if (program === undefined || !isPlainProcess() || CONFIG_NAMES.some((name) => existsSync(name))) return undefined;
  try {
    const { addon, preload } = load();
    const below = relative(process.cwd(), program.script);
    const script = below.startsWith('..') ? program.script : `./${below}`;
    const environment = Object.entries(process.env).flatMap(([name, value]) =>
      OWN.has(name) ? [] : [`${name}=${value}`],
    );
    const args = ['--require', preload, script, ...program.args];
    return new EarlyWorker(posix(addon), { args, environment, descriptors: [] });
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
