/** How many connections a worker had open when it was killed: `test/fixtures/tally.mjs`. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { inPackage, thereAs, urlThere } from './target.js';

const PRELOAD = urlThere(inPackage('test/fixtures/tally.mjs'));

export interface Tally {
  /** For the option `execArgv` of a fleet. */
  readonly execArgv: readonly string[];
  /** For the environment of the master. */
  readonly env: Readonly<Record<string, string>>;
  /** Connections that the process had accepted and that had not ended, at its death or now. */
  open(pid: number): number;
}

export function makeTally(): Tally {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-tally-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return {
    execArgv: ['--import', PRELOAD],
    env: { PREFORK_TALLY: thereAs(folder) },
    open(pid) {
      const bytes = readFileSync(join(folder, String(pid)));
      return bytes.length === 0 ? 0 : bytes.readUInt32LE(0) - bytes.readUInt32LE(4);
    },
  };
}
