import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { commandWorks, isLinux, testWhen } from '../../helpers/skip.js';
import { canRefuseSyscalls, refusing } from '../../helpers/wrappers.js';
import { fixture, native } from '../native-helpers.js';

const folder = mkdtempSync(join(tmpdir(), 'prefork-load-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = fixture('../../build/Release/prefork.node');
/** Where a file says for which CPU it is: elf(5). */
const E_MACHINE = 18;

const nm = 'nm';

testWhen(commandWorks(nm, '--version'), 'needs nm(1)')(
  'the addon uses Node-API and nothing else of Node, so that one binary loads in every version',
  () => {
    const symbols = execFileSync(nm, ['-D', addon], { encoding: 'utf8' }).split('\n');
    const undefinedOnes = symbols.filter((line) => / U /.test(line)).map((line) => line.trim().split(' ').at(-1) ?? '');
    expect(undefinedOnes.filter((name) => name.startsWith('napi_')).length).toBeGreaterThan(20);
    expect(undefinedOnes.filter((name) => /^uv_|v8|_ZN4node|^node_/.test(name))).toEqual([]);
    // And it keeps its own names to itself.
    const exported = symbols.filter((line) => / [TDB] /.test(line)).map((line) => line.split(' ').at(-1));
    expect(exported.toSorted()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  },
);

test('features say what this kernel can do', () => {
  expect(native.features).toEqual({
    nativeSpawn: true,
    reuseport: isLinux,
    sharding: expect.any(Boolean),
    pidfd: expect.any(Boolean),
    parentDeathSignal: isLinux,
    unixSockets: true,
    queueDepth: isLinux,
    dropPrivileges: true,
    acceptLine: true,
    exclusiveAccept: isLinux,
    reasons: expect.any(Object),
  });
  for (const [name, available] of Object.entries(native.features)) {
    if (name !== 'reasons') expect(name in native.features.reasons).toBe(available === false);
  }
});

testWhen(canRefuseSyscalls(), 'needs python3 and seccomp')('a feature that is refused says why', async () => {
  const print = `console.log(JSON.stringify(require(${JSON.stringify(addon)}).features))`;
  const [file, ...args] = [...refusing('pidfd_open', 'EPERM'), process.execPath, '-e', print];
  const child = spawn(file as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [out] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  const { pidfd, reasons } = JSON.parse(out) as typeof native.features;
  expect(pidfd).toBe(false);
  expect(reasons['pidfd']).toMatch(/pidfd_open\(2\).*EPERM, operation not permitted/);
});

/** A package that has `binding.cjs` in dist/ and is otherwise as the test makes it. */
function installed(name: string): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'dist', 'addon'), { recursive: true });
  for (const file of ['addon/binding.cjs', 'addon/libc.cjs', 'addon/runtime.cjs', 'paths.cjs'])
    cpSync(fixture(`../../dist/${file}`), join(root, 'dist', file));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  return root;
}

function load(root: string): { readonly stdout: string; readonly status: number | null } {
  const script = `
    try { console.log(typeof require('./dist/addon/binding.cjs').native.spawn); }
    catch ({ name, code, message, exits }) { console.log(JSON.stringify({ name, code, message, exits })); }`;
  return spawnSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' });
}

test('a missing addon is ERR_PREFORK_ADDON_NOT_FOUND with every path that was tried and the command that builds it', () => {
  const root = installed('missing');
  writeFileSync(join(root, 'binding.gyp'), '{}');
  const error = JSON.parse(load(root).stdout) as Error & { code: string; exits: unknown };
  expect(error).toMatchObject({ name: 'PreforkError', code: 'ERR_PREFORK_ADDON_NOT_FOUND', exits: [] });
  expect(error.message).toContain(join(root, 'build/Release/prefork.node'));
  expect(error.message).toContain(join(root, `prebuilds/${process.platform}-${process.arch}/`));
  expect(error.message).toContain(`Build it with: cd ${root} && npm install --ignore-scripts && npm run build:native`);
});

test('in an installed package, which has nothing to compile, the same error names the command that packs one with an addon', () => {
  const { message } = JSON.parse(load(installed('without-sources')).stdout) as Error;
  expect(message).toMatch(/^This package has no addon for it, .* repository .*`npm ci && npm run pack:local`/m);
  expect(message).not.toContain('build:native');
});

test('a build with --debug is loaded when there is no other', () => {
  const root = installed('debug');
  writeFileSync(join(root, 'binding.gyp'), '{}');
  // `bindings` looks for it, which only a clone has.
  symlinkSync(fixture('../../node_modules'), join(root, 'node_modules'));
  mkdirSync(join(root, 'build/Debug'), { recursive: true });
  cpSync(addon, join(root, 'build/Debug/prefork.node'));
  expect(load(root).stdout.trim()).toBe('function');
});

test('an installed package loads its addon from its own folder alone: no other package finds one for it', () => {
  for (const [name, own] of [
    ['with-another', false],
    ['with-its-own', true],
  ] as const) {
    const home = join(folder, name);
    // As a package manager would have put both.
    const root = installed(join(name, 'node_modules', 'prefork'));
    const other = join(home, 'node_modules', 'bindings');
    mkdirSync(other, { recursive: true });
    writeFileSync(
      join(other, 'index.js'),
      "require('fs').writeSync(1, 'other code ran'); module.exports = () => ({});",
    );
    const place = own ? join(root, 'prebuilds', `${process.platform}-${process.arch}`) : home;
    mkdirSync(place, { recursive: true });
    cpSync(addon, join(place, 'prefork.node'));
    const { stdout } = load(root);
    expect(stdout).not.toContain('other code ran');
    if (own) expect(stdout.trim()).toBe('function');
    else expect(stdout).toContain('ERR_PREFORK_ADDON_NOT_FOUND');
  }
});

test('an addon that cannot be loaded is the same error with the reason', () => {
  const root = installed('broken');
  mkdirSync(join(root, 'build/Release'), { recursive: true });
  writeFileSync(join(root, 'build/Release/prefork.node'), 'not an ELF file');
  const error = JSON.parse(load(root).stdout) as Error & { code: string };
  expect(error.code).toBe('ERR_PREFORK_ADDON_NOT_FOUND');
  expect(error.message).toMatch(/could not be loaded: .*(invalid ELF header|file too short)/s);
});

test('a local build for another CPU or C library does not stand in the way of a prebuilt addon', () => {
  // A folder that a container shares with its host has the host's build.
  const bytes = readFileSync(addon);
  const otherCpu = Buffer.from(bytes);
  otherCpu.writeUInt16LE(bytes.readUInt16LE(E_MACHINE) ^ 0xff, E_MACHINE);
  for (const [name, local, reason] of [
    ['cpu', otherCpu, /build.Release.* could not be loaded: /],
    ['libc', forOtherLibc(bytes), /build.Release.* is for (musl|glibc), this Node is for (glibc|musl)$/m],
  ] as const) {
    const root = installed(`other-${name}`);
    const prebuilds = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
    for (const path of [prebuilds, join(root, 'build/Release')]) mkdirSync(path, { recursive: true });
    writeFileSync(join(root, 'build/Release/prefork.node'), local);
    expect((JSON.parse(load(root).stdout) as Error).message).toMatch(reason);
    cpSync(addon, join(prebuilds, 'prefork.node'));
    expect(load(root).stdout.trim()).toBe('function');
  }
});

/** The name of the C library, as the other one is called, in the same number of bytes. */
function forOtherLibc(bytes: Buffer): Buffer {
  const isGlibc = bytes.includes('\0libc.so.6\0');
  const [own, other] = isGlibc ? ['\0libc.so.6\0', '\0libc.so\0\0\0'] : ['\0libc.musl-', '\0libc.so.6\0'];
  const changed = Buffer.from(bytes);
  changed.write(other, bytes.indexOf(own), 'latin1');
  return changed;
}

test('a prebuilt addon is found without any install script, with and without the C library in its name', () => {
  for (const name of ['prefork.node', 'prefork.glibc.node', 'prefork.musl.node']) {
    const root = installed(`prebuilt-${name}`);
    const prebuilds = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(prebuilds, { recursive: true });
    cpSync(addon, join(prebuilds, name));
    const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
    const other = glibcVersionRuntime === undefined ? 'glibc' : 'musl';
    const found = load(root).stdout.trim();
    if (name.includes(other)) expect(found).toContain('ERR_PREFORK_ADDON_NOT_FOUND');
    else expect(found).toBe('function');
  }
});
