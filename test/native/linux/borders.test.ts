/**
 * The border to native code under arguments that no caller of ours would pass: wrong types, getters that throw, detached buffers, huge numbers,
 * closed and foreign descriptors. `npm run test:borders` makes 120,000 calls. A failure prints its seed: `PREFORK_BORDERS_SEED=…` repeats it.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { inPackage, target, testOn } from '../../helpers/index.js';
import { startProgram } from '../../helpers/master.js';

const { PREFORK_BORDERS_CALLS: calls = '6000', PREFORK_BORDERS_SEED: chosen } = process.env;
const TIMEOUT = 60_000 + Number(calls) * 5;
vi.setConfig({ testTimeout: TIMEOUT });

testOn('sharding')(
  'every exported function, called with anything, returns or throws an error with a code, and the process goes on',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-borders-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const seed = chosen ?? String(Math.floor(Math.random() * 2 ** 31));
    const program = startProgram(target.node, {
      args: [inPackage('test/fixtures/native/borders.mjs'), calls, seed],
      cwd: folder,
    });
    const exit = await program.gone({ within: TIMEOUT });
    expect({ seed, exit, faults: JSON.parse(program.stdout || '{}').faults }).toEqual({
      seed,
      exit: { code: 0, signal: null },
      faults: {},
    });
  },
);
