import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { testWhen } from '../../helpers/skip.js';

interface Examine {
  faultsOf(bytes: Buffer, target: { platform: string; arch: string; libc?: string }): string[];
}

const script = new URL('../../../scripts/platforms/examine.mjs', import.meta.url).href;
const { faultsOf } = (await import(script)) as Examine;

const local = readFileSync(fileURLToPath(new URL('../../../build/Release/prefork.node', import.meta.url)));

testWhen(process.platform === 'linux', 'needs a build for Linux')(
  'an addon that needs the C++ library of this machine is no prebuilt addon',
  () => {
    const faults = faultsOf(local, { platform: 'linux', arch: process.arch, libc: 'glibc' }).join('\n');
    expect(faults).toMatch(/needs the library libstdc\+\+\.so\.6/);
    expect(faults).toMatch(/needs \S+ of GLIBCXX_3/);
  },
);

test('a file of another format is found out', () => {
  expect(
    faultsOf(Buffer.from('no binary, but some text'.repeat(9)), { platform: 'linux', arch: 'x64', libc: 'glibc' }),
  ).toContain('no ELF file');
  expect(faultsOf(Buffer.alloc(64), { platform: 'darwin', arch: 'arm64' })).toContain('no 64-bit Mach-O file');
  expect(faultsOf(Buffer.alloc(64), { platform: 'win32', arch: 'x64' })).toContain('no PE file');
});
