import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { inherited } from '../../helpers/environment.js';
import { inPackage, target } from '../../helpers/index.js';
import { folderForFile, PACK_MS, unpackInto } from '../../helpers/packed.js';

const ADDRESS = {
  homepage: 'https://example.com/acme/prefork#readme',
  bugs: { url: 'https://example.com/acme/prefork/issues' },
  repository: { type: 'git', url: 'git+https://example.com/acme/prefork.git' },
};
/** Formatted as no JSON.stringify would. */
const OWN =
  '{ "name": "packed",\r\n\t"version": "1.0.0", "scripts": { "prepack": "node before.mjs", "postpack": "node after.mjs" } }';

const folder = folderForFile('prefork-address-');
const env = Object.fromEntries(Object.entries(inherited()).filter(([name]) => !name.startsWith('GITHUB_')));
let clones = 0;

/** A package with the scripts of this one, in a clone of `origin`. */
function clone(origin?: string) {
  const root = join(folder, `clone-${clones++}`);
  mkdirSync(root);
  const from = JSON.stringify(pathToFileURL(inPackage('scripts/pack/manifest.mjs')).href);
  writeFileSync(join(root, 'package.json'), OWN);
  writeFileSync(join(root, 'before.mjs'), `import { writeAddress } from ${from};\nwriteAddress('.');`);
  writeFileSync(join(root, 'after.mjs'), `import { giveBack } from ${from};\ngiveBack('.');`);
  execFileSync('git', ['init', '-q'], { cwd: root, env });
  if (origin !== undefined) execFileSync('git', ['remote', 'add', 'origin', origin], { cwd: root, env });
  return {
    root,
    own: () => readFileSync(join(root, 'package.json'), 'utf8'),
    change: (text: string) => writeFileSync(join(root, 'package.json'), text),
    run: (file: string, more: Readonly<Record<string, string>> = {}) =>
      spawnSync(process.execPath, [file], { cwd: root, env: { ...env, ...more } }),
    pack(more: Readonly<Record<string, string>> = {}) {
      const { status, stderr } = spawnSync('npm', ['pack'], { cwd: root, env: { ...env, ...more }, encoding: 'utf8' });
      const archive = readdirSync(root).find((file) => file.endsWith('.tgz'));
      if (archive === undefined) return { status, stderr, packed: undefined };
      return { status, stderr, packed: manifestOf(root, join(root, archive)) };
    },
  };
}

function manifestOf(place: string, archive: string) {
  return JSON.parse(readFileSync(join(unpackInto(place, archive), 'package.json'), 'utf8'));
}

test.each([
  'https://example.com/acme/prefork.git',
  'https://ada:secret@example.com/acme/prefork',
  'git@example.com:acme/prefork.git',
  'ssh://git@example.com:2222/acme/prefork.git',
])(
  'npm packs the public address of the clone, and the clone keeps its package.json: %s',
  (origin) => {
    const { pack, own } = clone(origin);
    const { packed, stderr } = pack();
    expect(packed, stderr).toMatchObject(ADDRESS);
    expect(JSON.stringify(packed)).not.toMatch(/secret|git@|2222/);
    expect(own()).toBe(OWN);
  },
  PACK_MS,
);

test.each([
  undefined,
  '/srv/git/prefork.git',
  '../prefork',
  'file:///srv/git/prefork.git',
  'C:\\prefork',
  'http://example.com/acme/prefork.git',
  'https://git/acme/prefork.git',
  'https://10.0.0.7/acme/prefork.git',
  'git@forge.internal:acme/prefork.git',
])('an address that the public cannot reach is not packed: %s', async (origin) => {
  const { root } = clone(origin);
  const { addressOf } = await import(pathToFileURL(inPackage('scripts/pack/address.mjs')).href);
  expect(addressOf(root, {})).toBe(undefined);
});

test('a folder that is no clone does not get the address of the clone around it', async () => {
  const { root } = clone('https://example.com/acme/prefork.git');
  const { addressOf } = await import(pathToFileURL(inPackage('scripts/pack/address.mjs')).href);
  mkdirSync(join(root, 'vendor'));
  expect(addressOf(join(root, 'vendor'), {})).toBe(undefined);
});

const CI = { GITHUB_SERVER_URL: 'https://example.com', GITHUB_REPOSITORY: 'acme/prefork' };

test(
  "in GitHub's CI the address is that of the repository which runs it",
  () => {
    const { root, pack, own } = clone('/srv/mirror');
    expect(pack({ ...CI, GITHUB_WORKSPACE: root }).packed).toMatchObject(ADDRESS);
    expect(own()).toBe(OWN);
  },
  PACK_MS,
);

test(
  'in the CI of another repository it is not',
  () => {
    const { pack } = clone('/srv/mirror');
    expect(pack({ ...CI, GITHUB_WORKSPACE: folder }).packed).not.toHaveProperty('repository');
  },
  PACK_MS,
);

test(
  'an interrupted npm pack leaves nothing that the next one does not repair',
  () => {
    const { run, own, pack } = clone('https://example.com/acme/prefork.git');
    run('before.mjs');
    expect(JSON.parse(own())).toMatchObject(ADDRESS);
    expect(pack().packed).toMatchObject(ADDRESS);
    expect(own()).toBe(OWN);
  },
  PACK_MS,
);

test('a package.json that was changed after an interrupted npm pack stays', () => {
  const { run, own, change } = clone('https://example.com/acme/prefork.git');
  run('before.mjs');
  const changed = OWN.replace('1.0.0', '2.0.0');
  change(changed);
  run('before.mjs');
  expect(JSON.parse(own())).toMatchObject({ ...ADDRESS, version: '2.0.0' });
  run('after.mjs');
  expect(own()).toBe(changed);
});

test(
  'npm run pack:local packs the address as well',
  () => {
    const before = readFileSync(inPackage('package.json'));
    const place = join(folder, 'local');
    mkdirSync(place);
    const args = [inPackage('scripts/pack/local.mjs'), '--built', '--pack-destination', place];
    const archive = execFileSync(process.execPath, args, {
      env: { ...env, ...CI, GITHUB_WORKSPACE: target.root },
      encoding: 'utf8',
    }).trim();
    expect(manifestOf(place, archive)).toMatchObject(ADDRESS);
    expect(readFileSync(inPackage('package.json')).equals(before)).toBe(true);
  },
  PACK_MS,
);
