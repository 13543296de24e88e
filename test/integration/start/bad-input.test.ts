/** Bad options given to a program of its own: refused with their code, and the program ends as if nothing had been. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BAD_ADDRESSES, BAD_OPTIONS } from '../../helpers/bad-options.js';
import { type FixtureEvent, startMaster, target, testWhen } from '../../helpers/index.js';

interface Case {
  readonly what: string;
  readonly options: Readonly<Record<string, unknown>>;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-bad-input-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** How each was refused, in order. The process has ended by itself: nothing kept its event loop alive. */
async function refusals(name: string, cases: readonly Case[]): Promise<readonly FixtureEvent[]> {
  const file = join(folder, name);
  writeFileSync(file, serialize(cases));
  const program = startMaster('refuses-options', { args: [file] });
  expect(await program.gone({ within: 25_000 })).toEqual({ code: 0, signal: null });
  const { spawned, children, descriptors, signals } = await program.event('left');
  expect({ spawned, children, descriptors, signals }).toEqual({
    spawned: 0,
    children: [],
    descriptors: [],
    signals: [],
  });
  expect(program.stderr).toBe('');
  return program.events('refused');
}

/** Functions and class instances do not survive the way; test/integration/bad-input.test.ts has them. */
function isPortable({ options }: Case): boolean {
  try {
    return isDeepStrictEqual(deserialize(serialize(options)), options);
  } catch {
    return false;
  }
}

test('C18 every malformed address is refused by prefork() before any spawn, and nothing stays open', async () => {
  expect(BAD_ADDRESSES.length).toBeGreaterThanOrEqual(20);
  const cases = BAD_ADDRESSES.map((listen) => ({ what: listen, options: { listen } }));
  const events = await refusals('addresses', cases);
  expect(events).toHaveLength(cases.length);
  for (const { what, error } of events) {
    expect({ what, code: error?.code, option: error?.option }).toEqual({
      what,
      code: 'ERR_PREFORK_INVALID_OPTION',
      option: 'listen',
    });
  }
});

test('every bad option is refused by prefork() with its code before any spawn, and nothing stays open', async () => {
  const cases = BAD_OPTIONS.filter(isPortable);
  expect(cases.length).toBeGreaterThan(100);
  const events = await refusals('options', cases);
  expect(
    events.map(({ what, error }) => ({ what, code: error?.code, option: error?.option, name: error?.name })),
  ).toEqual(
    cases.map(({ what, option, error }) => ({ what, code: 'ERR_PREFORK_INVALID_OPTION', option, name: error })),
  );
});

testWhen(target.platform === 'win32', 'other systems have it')(
  'C20 what Windows does not have is refused by prefork() with its code, and nothing stays open',
  async () => {
    const codes = [
      [{ sharing: 'sharded' }, 'ERR_PREFORK_REUSEPORT_UNSUPPORTED'],
      [{ sharing: 'reuseport' }, 'ERR_PREFORK_REUSEPORT_UNSUPPORTED'],
      [{ listen: 'unix:/tmp/prefork.sock' }, 'ERR_PREFORK_UNSUPPORTED'],
      [{ uid: 1_000 }, 'ERR_PREFORK_UNSUPPORTED'],
      [{ exec: 'other.exe', readiness: 'spawn' }, 'ERR_PREFORK_UNSUPPORTED'],
    ] as const;
    const cases = codes.map(([options]) => ({ what: JSON.stringify(options), options }));
    const events = await refusals('unsupported', cases);
    expect(events.map(({ what, error }) => [what, error?.code])).toEqual(
      codes.map(([options, code]) => [JSON.stringify(options), code]),
    );
  },
);
