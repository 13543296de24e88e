/** No duration is taken from the wall clock, which jumps: `npm run test:faults` lets it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const LIB = fileURLToPath(new URL('../../../lib', import.meta.url));
/** Files that show people when something was. */
const SHOWN = [
  ...['client/top.ts', 'command/control.ts', 'common/json-lines.ts', 'common/log.ts', 'common/on-terminal.ts'],
  ...['master/scoreboard/reading.ts', 'master/scoreboard/tally.ts', 'master/workers/life.ts'],
  'master/workers/worker-handle.ts',
];

test('only what people are shown has the wall clock: everything that waits or measures has the monotonic one', () => {
  const files = (readdirSync(LIB, { recursive: true }) as string[]).filter((file) => /\.c?ts$/.test(file));
  const found = files.filter((file) => /Date\.now\(|new Date\(\)/.test(readFileSync(join(LIB, file), 'utf8')));
  expect(found.map((file) => file.replaceAll('\\', '/')).sort()).toEqual(SHOWN.toSorted());
});
