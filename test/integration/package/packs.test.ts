import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { ownLibc } from '../../../lib/addon/libc.cjs';
import { copyPackage } from '../../helpers/copies.js';
import { inherited } from '../../helpers/environment.js';
import { inPackage, isLinux } from '../../helpers/index.js';
import { linksOf } from '../../helpers/links.js';
import { folderForFile, PACK_MS, packLocally, unpackInto } from '../../helpers/packed.js';

const folder = folderForFile('prefork-packs-');
let archive = '';
let root = '';

beforeAll(() => {
  archive = packLocally(folder);
  root = unpackInto(folder, archive);
}, PACK_MS);

function filesBelow(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.join(entry.parentPath.slice(path.length + 1).replaceAll('\\', '/'), entry.name));
}

test('F11b the package has nothing that a package manager would compile or run, and no dependency', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies', 'bundleDependencies']) {
    expect(manifest).not.toHaveProperty(kind);
  }
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    expect(manifest.scripts).not.toHaveProperty(script);
  }
  const compiled = filesBelow(root).filter((file) => /(\.gypi?|\.cc|\.h|\.c|\.node-gyp)$|^native\//.test(file));
  expect(compiled).toEqual([]);
  // In the repository node-gyp finds it where it looks.
  expect(existsSync(inPackage('binding.gyp'))).toBe(true);
});

test('the file that programs load names the version of the package', () => {
  const { version } = JSON.parse(readFileSync(inPackage('package.json'), 'utf8'));
  expect(readFileSync(inPackage('index.mjs'), 'utf8')).toContain(`const version = '${version}';`);
});

test('F11c npm run pack:local packs the addon of this system alone, says so in name and package.json, and is never published', () => {
  const libc = isLinux ? ownLibc() : undefined;
  const system = `${process.platform}-${process.arch}`;
  const { version } = JSON.parse(readFileSync(inPackage('package.json'), 'utf8'));
  const named = libc === undefined ? system : `${system}-${libc}`;
  expect(basename(archive)).toBe(`prefork-${version}-${named}.tgz`);
  const addon = `prebuilds/${system}/prefork.${libc === undefined ? '' : `${libc}.`}node`;
  expect(filesBelow(root).filter((file) => file.endsWith('.node'))).toEqual([addon]);
  expect(readFileSync(join(root, addon)).equals(readFileSync(inPackage('build/Release/prefork.node')))).toBe(true);
  expect(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).toMatchObject({
    version,
    private: true,
    os: [process.platform],
    cpu: [process.arch],
    ...(libc !== undefined && { libc: [libc] }),
  });
});

/** npm starts in a second, and packs in two. */
const NPM_MS = 60_000;

/** What a clone has, and what its package scripts need. */
const CLONE = [
  'package.json',
  'index.mjs',
  'index.cjs',
  'index.d.cts',
  'cluster.mjs',
  'cluster.cjs',
  'cluster.d.mts',
  'cluster.d.cts',
  'binding.gyp',
  'tsconfig.json',
  'README.md',
  'LICENSE',
];

function clone(name: string, ...more: readonly string[]): string {
  const copy = join(folder, name);
  for (const part of [...CLONE, 'lib', 'native', 'scripts', ...more]) {
    cpSync(inPackage(part), join(copy, part), { recursive: true });
  }
  onTestFinished(() => rmSync(copy, { recursive: true }));
  return copy;
}

function npm(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd,
    env: { ...inherited(), ...env },
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  return { status, output: `${stdout}${stderr}`, packed: readdirSync(cwd).filter((file) => file.endsWith('.tgz')) };
}

test(
  'F11d npm pack and npm run pack:local without npm ci fail, say what is missing, and pack nothing',
  () => {
    const copy = clone('without-dependencies');
    for (const command of [['pack'], ['run', 'pack:local']]) {
      const { status, output, packed } = npm(copy, command);
      expect(status, output).not.toBe(0);
      expect(output).toMatch(/that needs typescript, .*: run `npm ci`, then pack again\./);
      expect(output).not.toContain('not found');
      expect(packed).toEqual([]);
    }
  },
  NPM_MS,
);

test(
  'F11d npm pack fails when an addon cannot be built, names it and the way out, and packs nothing',
  () => {
    const copy = clone('without-compilers');
    symlinkSync(inPackage('node_modules'), join(copy, 'node_modules'));
    const bin = join(copy, 'bin');
    mkdirSync(bin);
    // The compiler of most targets is a package of npm; Debian has those of the others.
    for (const tool of ['apt-get', 'x86_64-w64-mingw32-g++-posix', 'x86_64-w64-mingw32-dlltool']) {
      writeFileSync(join(bin, tool), '#!/bin/sh\nexit 1\n');
      chmodSync(join(bin, tool), 0o755);
    }
    const { status, output, packed } = npm(copy, ['pack'], {
      PATH: `${bin}:${process.env['PATH']}`,
      PREFORK_CACHE_DIR: join(copy, 'cache'),
      npm_config_cache: join(copy, 'npm-cache'),
      npm_config_registry: 'http://127.0.0.1:1/',
      npm_config_fetch_retries: '0',
    });
    expect(status, output).not.toBe(0);
    for (const addon of ['linux-arm64/prefork.musl.node', 'darwin-arm64/prefork.node', 'win32-x64/prefork.node']) {
      expect(output).toContain(`prebuilds/${addon}`);
    }
    expect(output).toContain('npm run pack:local');
    expect(output).toContain('Nothing was packed');
    expect(packed).toEqual([]);
    expect(readFileSync(join(copy, 'package.json')).equals(readFileSync(inPackage('package.json')))).toBe(true);
  },
  NPM_MS,
);

test(
  'F11e a package that was packed without scripts says what it lacks and how to make a whole one',
  () => {
    const copy = clone('ignored-scripts');
    // Inside of the clone the name would lead to the clone.
    const project = join(folder, 'ignored-scripts-project');
    mkdirSync(project);
    const { packed } = npm(copy, ['pack', '--ignore-scripts']);
    const installed = unpackInto(project, join(copy, packed[0] ?? ''));
    for (const load of ["import('prefork')", "Promise.resolve().then(() => require('prefork'))"]) {
      const { name, code, message, exits } = thrownBy(project, load);
      expect({ name, code, exits }).toEqual({ name: 'PreforkError', code: 'ERR_PREFORK_NOT_BUILT', exits: [] });
      expect(message).toContain(`The package prefork in ${installed} is incomplete`);
      expect(message).toContain('npm run pack:local');
    }
    // With the build, but without an addon.
    cpSync(inPackage('dist'), join(installed, 'dist'), { recursive: true });
    const { code, message } = thrownBy(project, "import('prefork')");
    expect(code).toBe('ERR_PREFORK_ADDON_NOT_FOUND');
    expect(message).toMatch(/^This package has no addon for it, .*npm run pack:local/m);
  },
  NPM_MS,
);

test(
  'F11e a clone that is installed as a folder and was not built names the command that builds it',
  () => {
    const copy = clone('clone');
    const project = join(folder, 'linked');
    mkdirSync(join(project, 'node_modules'), { recursive: true });
    symlinkSync(copy, join(project, 'node_modules', 'prefork'));
    expect(thrownBy(project, "import('prefork')")).toMatchObject({
      code: 'ERR_PREFORK_NOT_BUILT',
      message: `This clone of prefork was not built. Build it with: cd ${copy} && npm ci && npm run build`,
    });
  },
  NPM_MS,
);

test('F11i a build that was interrupted before its last step is no build, and the error comes without a line of source', () => {
  const project = join(folder, 'interrupted');
  const installed = join(project, 'node_modules/prefork');
  copyPackage(installed);
  rmSync(join(installed, 'dist/bundle.cjs'));
  for (const load of ["import('prefork')", "require('prefork')"]) {
    const { status, stderr } = spawnSync(process.execPath, ['-e', load], { cwd: project, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain("code: 'ERR_PREFORK_NOT_BUILT'");
    expect(stderr).toContain(`: The package prefork in ${installed} is incomplete`);
    expect(stderr).not.toContain('Object.assign');
  }
});

function thrownBy(cwd: string, load: string) {
  const script = `${load}.catch(({ name, code, message, exits }) => console.log(JSON.stringify({ name, code, message, exits })))`;
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { cwd, encoding: 'utf8' }));
}

test('F11h every relative link of a page in the package leads to a file in the package', () => {
  const files = new Set(filesBelow(root));
  const pages = [...files].filter((file) => file.endsWith('.md'));
  expect(pages).toContain('README.md');
  expect(pages).toContain('docs/guide/options.md');
  const dead = pages.flatMap((page) =>
    linksOf(join(root, page))
      .filter((link) => {
        const path = link.split('#')[0] ?? '';
        return path !== '' && !existsSync(join(root, dirname(page), path));
      })
      .map((link) => `${page}: ${link}`),
  );
  expect(dead).toEqual([]);
});
