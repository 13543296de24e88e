// Bad releases: code that dies some time after it listens, and code that does not boot while the suite kills a worker.
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { untilServing, WORKERS } from './waiting.mjs';

/** What follows a reload is a part of it: code may die after its verdict. Milliseconds. */
const AFTERMATH = 1_500;

/** @returns the code of a release of a server. */
const releases = {
  good: (server) => `import ${server};\n`,
  'dies after 0 ms': (server) => `globalThis.diesAfter = 0;\nawait import(${server});\n`,
  'dies after 100 ms': (server) => `globalThis.diesAfter = 100;\nawait import(${server});\n`,
  'dies after 1000 ms': (server) => `globalThis.diesAfter = 1_000;\nawait import(${server});\n`,
  'does not boot': () => "throw new Error('this release does not boot');\n",
};
const bad = Object.keys(releases).filter((name) => name !== 'good');

export const badReleases = {
  name: 'bad releases',
  count: 4,
  least: 4,
  run: deploys,
  deployed: true,
  options: { recoverThreshold: 20, recoverInterval: 100 },
};

/**
 * A folder `current` that is a link to one of the releases, as deployments have it.
 * @returns the path of the program to start, and how another release is made the current one.
 */
export function deployment(folder, url) {
  for (const [name, code] of Object.entries(releases)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'server.mjs'), code(JSON.stringify(url)));
  }
  const current = join(folder, 'current');
  const deploy = (name) => {
    symlinkSync(join(folder, name), `${current}.next`);
    renameSync(`${current}.next`, current);
  };
  deploy('good');
  return { program: join(current, 'server.mjs'), deploy };
}

async function deploys({ fleet, random, turns, kill, excuse }) {
  for (let turn = 0; turns.next(); turn++) {
    const release = bad[turn % bad.length];
    fleet.deploy(release);
    await fleet.call('tryToReload');
    await delay(AFTERMATH);
    if (release === 'does not boot') await kill(random.of(await fleet.call('workers')));
    await delay(AFTERMATH);
    fleet.deploy('good');
    await fleet.call('tryToReload');
    await untilServing(fleet, WORKERS);
    // No process can answer what a worker of a bad release had accepted when it threw.
    for (const pid of await fleet.call('died')) excuse(pid);
  }
}
