import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

test.each(['whole-life.mjs', 'whole-life.cjs'])(
  'a package that is linked into node_modules, as pnpm does, is found by masters and workers (%s)',
  (program) => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-layout-')));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'node_modules'));
    // Node finds the dependencies of the package only from its real path.
    symlinkSync(ROOT, join(folder, 'node_modules', 'prefork'));
    copyFileSync(join(ROOT, 'test/fixtures', program), join(folder, program));
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], { cwd: folder, encoding: 'utf8' });
    expect(stdout + stderr).toMatch(/^v[\d.]+: .*stopped\n$/);
    expect(status).toBe(0);
  },
);
