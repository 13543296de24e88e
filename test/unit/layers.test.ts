/** The walls between the rooms of lib/: docs/internals/design.md draws them. */

import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const LIB = fileURLToPath(new URL('../../lib', import.meta.url));

/** Every room may import these, as far as they may import each other: addon and protocol know types only, common the addon as well. */
const GROUND = ['.', 'addon', 'protocol', 'common'];
const OS = [...GROUND, 'options', 'system'];
/** What a room may import beside itself. `.` is lib/ itself: the public types, and where the package is. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  addon: ['.'],
  protocol: ['.'],
  common: ['.', 'addon'],
  options: ['.', 'common'],
  boot: GROUND,
  system: [...GROUND, 'options'],
  'system/launch': OS,
  'system/listeners': OS,
  'system/releases': ['.', 'common', 'options', 'system/launch'],
  'system/doors': [...OS, 'system/listeners'],
  'system/inspector': ['protocol', 'system'],
  'system/posix': [...OS, 'system/launch', 'system/listeners', 'system/doors', 'system/inspector'],
  'system/windows': [...OS, 'system/launch', 'system/listeners', 'system/doors'],
  'master/scoreboard': OS,
  'master/workers': [...OS, 'system/releases', 'master/scoreboard'],
  'master/health': [...OS, 'master/workers'],
  'master/monitors': [...OS, 'master/workers', 'master/health'],
  /** Knows of the fleet only what it may ask of it. */
  'master/admin': OS,
  'master/addresses': OS,
  master: [
    ...[...OS, 'system/releases', 'master/scoreboard', 'master/workers'],
    ...['master/health', 'master/monitors', 'master/admin', 'master/addresses'],
  ],
  'worker/drain': GROUND,
  'worker/accepting': [...GROUND, 'boot', 'worker/drain'],
  'worker/system': [...GROUND, 'boot', 'worker/drain', 'worker/accepting'],
  'worker/scoreboard': [...GROUND, 'boot'],
  worker: [...GROUND, 'boot', 'options', 'worker/scoreboard', 'worker/drain', 'worker/accepting', 'worker/system'],
  'worker/hosted': [...GROUND, 'boot', 'worker', 'worker/accepting', 'worker/system'],
  cluster: [...GROUND, 'system', 'system/listeners', 'system/posix', 'master/monitors', 'master/addresses'],
  /** Asks a fleet of another process, and loads nothing that a master is made of. */
  client: ['.', 'protocol', 'common'],
  /** Above all: it runs a fleet as any program does. `.` never imports it. */
  command: [...GROUND, 'options', 'system', 'system/posix', 'master', 'client'],
  '.': [...GROUND, 'boot', 'options', 'system', 'system/posix', 'system/windows', 'master', 'worker', 'cluster'],
};

const sources = (readdirSync(LIB, { recursive: true }) as string[]).map((file) => file.replaceAll('\\', '/'));
const imports = new Map(sources.filter((file) => /\.c?ts$/.test(file)).map((file) => [file, importsOf(file)]));

/** Types included: what only the compiler sees keeps a reader from understanding one room by itself all the same. */
function importsOf(file: string): readonly string[] {
  const specifiers = readFileSync(posix.join(LIB, file), 'utf8').matchAll(
    /\b(?:from|import|require)\b[ (]*'(\.[^']+)'/g,
  );
  return [...specifiers].map(([, path = '']) =>
    posix.join(
      posix.dirname(file),
      path.replace(/\.(c?)js$/, (_js, common: string) => `.${common}ts`),
    ),
  );
}

test('no room of lib/ imports from one that it must not know: master and worker never meet', () => {
  const forbidden = [...imports].flatMap(([file, targets]) =>
    targets
      .filter((target) => {
        const [from, to] = [posix.dirname(file), posix.dirname(target)];
        return from !== to && MAY[from]?.includes(to) !== true;
      })
      .map((target) => `${file} imports ${target}`),
  );
  expect(forbidden).toEqual([]);
  expect(imports.size).toBeGreaterThan(100);
});

test('no file of lib/ imports itself by way of others', () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file)) return;
    done.add(file);
    for (const target of imports.get(file) ?? []) walk(target, [...path, file]);
  };
  for (const file of imports.keys()) walk(file, []);
  expect(circles).toEqual([]);
});

test('every room of lib/ is below a wall: the table of what it may import has no circle', () => {
  const order = Object.keys(MAY);
  const upwards = order
    .filter((room) => room !== '.')
    .flatMap((room, i) => (MAY[room] as readonly string[]).filter((to) => to !== '.' && order.indexOf(to) >= i));
  expect(upwards).toEqual([]);
  expect([...new Set([...imports.keys()].map(posix.dirname))].filter((room) => !(room in MAY))).toEqual([]);
});
