// `npm run check`: every check:* script of package.json, in order. Goes on after a failure, so that one run shows all of them.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const failed = [];
for (const name of Object.keys(scripts).filter((script) => script.startsWith('check:'))) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', name], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (status === 0) continue;
  failed.push(name);
  console.log(`${stdout ?? ''}${stderr ?? ''}`);
}
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}. Formatting is repaired by \`npm run format\`.`);
  process.exit(1);
}
