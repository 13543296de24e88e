// Every binary that the package carries. Names and places are those of prebuildify, so that a native runner's binary replaces the
// cross-built one: docs/decisions/prebuilds.md.
import { buildElf } from './elf.mjs';
import { buildMachO } from './macho.mjs';
import { buildPe } from './pe.mjs';
import { buildPeArm64 } from './pe-arm64.mjs';

/**
 * @typedef {object} Target
 * @property {string} name what `npm run prebuild -- <name>` selects, by itself or by its beginning
 * @property {'linux' | 'darwin' | 'win32'} platform as process.platform
 * @property {'x64' | 'arm64'} arch as process.arch
 * @property {string} [libc] of Linux
 * @property {string} [triple] for zig
 * @property {string} file relative to the root of the project
 * @property {(target: Target, output: string) => Promise<void>} build
 */

/** @type {readonly Target[]} */
export const TARGETS = [
  linux('x64', 'glibc', 'x86_64-linux-gnu.2.17'),
  linux('x64', 'musl', 'x86_64-linux-musl'),
  linux('arm64', 'glibc', 'aarch64-linux-gnu.2.17'),
  linux('arm64', 'musl', 'aarch64-linux-musl'),
  darwin('x64', 'x86_64-macos.11.0'),
  darwin('arm64', 'aarch64-macos.11.0'),
  windows('x64', buildPe),
  windows('arm64', buildPeArm64, 'aarch64-windows-gnu'),
];

function linux(arch, libc, triple) {
  const file = `prebuilds/linux-${arch}/prefork.${libc}.node`;
  return { name: `linux-${arch}-${libc}`, platform: 'linux', arch, libc, triple, file, build: buildElf };
}

function darwin(arch, triple) {
  const file = `prebuilds/darwin-${arch}/prefork.node`;
  return { name: `darwin-${arch}`, platform: 'darwin', arch, triple, file, build: buildMachO };
}

function windows(arch, build, triple) {
  return {
    name: `win32-${arch}`,
    platform: 'win32',
    arch,
    triple,
    file: `prebuilds/win32-${arch}/prefork.node`,
    build,
  };
}
