// Runs scenarios in the machine: `node inside.mjs [name…]`. Prints a line of JSON for each.
import { mkdirSync, rmSync } from 'node:fs';
import { activated } from './scenarios/activated.mjs';
import { asked } from './scenarios/asked.mjs';
import { documented } from './scenarios/documented.mjs';
import { hardened } from './scenarios/hardened.mjs';
import { killed } from './scenarios/killed.mjs';
import { lives } from './scenarios/lives.mjs';
import { watched } from './scenarios/watched.mjs';
import { Service } from './service.mjs';
import { systemctl } from './units.mjs';

const wanted = process.argv.slice(2);
const version = Number(/^systemd (\d+)/.exec(await systemctl('--version'))[1]);

for (const { name, since = 0, run } of [
  ...lives,
  ...watched,
  ...killed,
  ...activated,
  ...asked,
  ...hardened,
  ...documented,
]) {
  if (wanted.length > 0 && !wanted.some((words) => name.includes(words))) continue;
  if (version < since) {
    report({ name, words: `systemd ${since} and later`, skipped: true });
    continue;
  }
  rmSync('/run/fleet', { recursive: true, force: true });
  mkdirSync('/run/fleet');
  const services = [];
  const began = performance.now();
  const make = (...args) => services[services.push(new Service(...args)) - 1];
  try {
    const words = await run(make);
    report({ name, words, ms: performance.now() - began });
  } catch (error) {
    const logs = await Promise.all(services.map((service) => service.journal()));
    report({ name, error: `${error.stack}\n${logs.join('\n')}`, ms: performance.now() - began });
  }
  for (const service of services) await service.remove();
}
process.exit();

function report(result) {
  console.log(JSON.stringify(result));
}
