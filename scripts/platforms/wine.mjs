// Our own Wine: a prefix in the cache in which node.exe runs, without a display.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureCommands } from '../tools/debian.mjs';

/** Wine 8 has a VirtualAlloc2 without the placeholders that V8 requests since version 13; without the function V8 works. */
const NEEDS_PATCH = 24;

/** @returns `{ env, node(exe, major), end() }`. `end` ends everything that runs in the prefix. */
export function prepareWine(cache) {
  ensureCommands({ wine: 'wine', wineserver: 'wine64' });
  const prefix = join(cache, 'wineprefix');
  const env = {
    WINEPREFIX: prefix,
    WINEARCH: 'win64',
    WINEDEBUG: '-all',
    // No questions about .NET and HTML engines, no entries in menus.
    WINEDLLOVERRIDES: 'mscoree,mshtml=;winemenubuilder.exe=d',
  };
  const settings = { env: { ...process.env, ...env }, stdio: 'ignore' };
  const run = (file, ...args) => spawnSync(file, args, settings).status;
  if (!existsSync(join(prefix, 'ready'))) {
    rmSync(prefix, { recursive: true, force: true });
    mkdirSync(dirname(prefix), { recursive: true });
    run('wineboot', '-i');
    // Debian 12 has Wine 8, whose default is Windows 7: node.exe refuses to run there.
    if (run('wine', 'winecfg', '-v', 'win10') !== 0) throw new Error('Wine could not be set up');
    run('wineserver', '-w');
    writeFileSync(join(prefix, 'ready'), '');
  }
  // The services of Wine start here and run until the end: the harness marks every process that a test starts as the test's, and these must
  // not be.
  run('wineserver', '-p');
  run('wine', 'cmd', '/c', 'ver');
  return {
    env,
    node: (exe, major) => (major >= NEEDS_PATCH ? patched(exe) : exe),
    end() {
      run('wineserver', '-k');
      // It has the order, and has not ended yet. Another user of the prefix may keep it: do not wait for that one.
      spawnSync('wineserver', ['-w'], { ...settings, timeout: 10_000 });
    },
  };
}

/** A copy of node.exe that does not find VirtualAlloc2, for tests under Wine alone. */
function patched(exe) {
  const copy = join(dirname(exe), 'wine', 'node.exe');
  if (existsSync(copy)) return copy;
  const bytes = readFileSync(exe);
  const name = Buffer.from('\0VirtualAlloc2\0', 'latin1');
  const at = bytes.indexOf(name);
  if (at < 0 || bytes.indexOf(name, at + 1) >= 0) throw new Error(`${exe} has another way to find VirtualAlloc2`);
  bytes.write('\0VirtualAllocX\0', at, 'latin1');
  mkdirSync(dirname(copy), { recursive: true });
  writeFileSync(`${copy}.next`, bytes, { mode: 0o755 });
  renameSync(`${copy}.next`, copy);
  return copy;
}
