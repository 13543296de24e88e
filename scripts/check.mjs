// `npm run check`: every check:* script of package.json, two at a time. Goes on after a failure, so that one run shows all of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

/** As many CPUs as a machine of CI has. */
const LANES = 2;

const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const waiting = Object.keys(scripts).filter((script) => script.startsWith('check:'));
const failed = [];
await Promise.all(Array.from({ length: LANES }, runNext));
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}. Formatting is repaired by \`npm run format\`.`);
  process.exit(1);
}

async function runNext() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await check(name);
}

async function check(name) {
  const started = performance.now();
  // `precheck` has built: a second build would replace files that another check reads.
  const child = spawn('npm', ['run', '--silent', '--ignore-scripts', name], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (status === 0) return;
  failed.push(name);
  console.log(`${stdout}${stderr}`);
}
