import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { testWhen } from '../../helpers/skip.js';

const asked = new URL('../../../scripts/prebuild/asked.mjs', import.meta.url).href;

testWhen(process.platform === 'linux', 'only Linux cross-builds')(
  'npm run build does not cross-build, although npm runs the script prebuild before it',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-hook-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'asked.mjs'), `import { isAskedFor } from '${asked}';\nconsole.log(isAskedFor());\n`);
    const scripts = { prebuild: 'node asked.mjs', build: 'node --version', again: 'npm run --silent prebuild' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts }));
    const run = (script: string) =>
      execFileSync('npm', ['run', '--silent', script], { cwd: folder, encoding: 'utf8' }).split('\n')[0];
    expect([run('build'), run('prebuild'), run('again')]).toEqual(['false', 'true', 'true']);
  },
);
