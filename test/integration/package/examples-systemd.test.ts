import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { commandWorks, inPackage, testWhen } from '../../helpers/index.js';

const UNITS = inPackage('examples/systemd');

testWhen(commandWorks('systemd-analyze', '--version'), 'needs systemd-analyze')(
  'S5a systemd-analyze verify has nothing to say about the unit files of the examples',
  () => {
    // The units refer to each other by name: systemd looks in the folder of the first.
    const folder = mkdtempSync(join(tmpdir(), 'prefork-units-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    cpSync(UNITS, folder, { recursive: true });
    const files = readdirSync(folder).map((name) => join(folder, name));
    expect(files).toHaveLength(3);
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  },
);

test('S5b no unit of the examples and of the guide lets systemd kill the workers of a master that was killed', () => {
  const files = [UNITS, inPackage('docs/guide')].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const texts = files.filter((file) => /\.(md|service)$/.test(file)).map((file) => readFileSync(file, 'utf8'));
  const modes = texts.flatMap((text) => text.match(/^KillMode=.*$/gm) ?? []);
  expect(modes).toEqual([]);
});

test('the guide shows the units of the examples as they are', () => {
  const guide = readFileSync(inPackage('docs/guide/deploy.md'), 'utf8');
  const unit = readFileSync(join(UNITS, 'app.service'), 'utf8');
  const [, shown = ''] = /```ini\n# \/etc\/systemd\/system\/app\.service\n([\s\S]*?)```/.exec(guide) ?? [];
  expect(shown).toBe(unit.slice(unit.indexOf('[Unit]')));
});
