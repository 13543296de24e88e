import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { libcOf, ownLibc } from '../../../lib/addon/libc.cjs';

const folder = mkdtempSync(join(tmpdir(), 'prefork-elf-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The least that elf(5) asks of a program with an interpreter, whose name may be anywhere in the file. */
function program(interpreter: string, at = 200): string {
  const bytes = Buffer.alloc(at + interpreter.length + 1);
  bytes.write('\x7fELF\x02\x01\x01', 'latin1');
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  bytes.writeUInt32LE(6, 64);
  bytes.writeUInt32LE(3, 120);
  bytes.writeBigUInt64LE(BigInt(at), 128);
  bytes.writeBigUInt64LE(BigInt(interpreter.length + 1), 152);
  bytes.write(interpreter, at);
  return file('program', bytes);
}

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('the C library of a program is that of its interpreter', () => {
  expect(ownLibc(program('/lib/ld-musl-x86_64.so.1'))).toBe('musl');
  expect(ownLibc(program('/lib64/ld-linux-x86-64.so.2'))).toBe('glibc');
});

test('an interpreter is found at the far end of a file, where patchelf puts it', () => {
  expect(ownLibc(program('/nix/store/musl/lib/ld-musl-aarch64.so.1', 500_000))).toBe('musl');
});

test('a program that names no interpreter counts as one of glibc', () => {
  expect(ownLibc(join(folder, 'is-not-there'))).toBe('glibc');
  expect(ownLibc(file('empty', ''))).toBe('glibc');
  expect(ownLibc(file('text', 'x'.repeat(100)))).toBe('glibc');
});

test('this process has the C library that its own report names', () => {
  const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
  expect(ownLibc()).toBe(glibcVersionRuntime === undefined ? 'musl' : 'glibc');
});

test('a shared object is for the C library that it needs', () => {
  expect(libcOf(file('glibc.node', '\x7fELF\0libm.so.6\0libc.so.6\0'))).toBe('glibc');
  expect(libcOf(file('alpine.node', '\x7fELF\0libstdc++.so.6\0libc.musl-x86_64.so.1\0'))).toBe('musl');
  expect(libcOf(file('musl.node', '\x7fELF\0libc.so\0'))).toBe('musl');
  expect(libcOf(file('bundle.node', '\xcf\xfa\xed\xfe'))).toBeUndefined();
  expect(libcOf(join(folder, 'is-not-there'))).toBeUndefined();
});
