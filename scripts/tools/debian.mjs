// Finds, and installs, tools that a check or a cross build needs and that Debian has as packages.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** @returns the path of the command, or undefined. Debian keeps some in sbin, which is not on every PATH. */
export function whereIs(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, command)).find(executable);
}

/**
 * Installs the missing packages, one apt at a time. A held lock of apt is no error: apt waits for it.
 * @param wanted command → Debian package
 * @throws with the command for a user with the right to install packages.
 */
export function ensureCommands(wanted) {
  const missing = Object.entries(wanted).filter(([command]) => whereIs(command) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  if (process.getuid?.() === 0 && whereIs('apt-get') !== undefined) {
    const printed = [['update', '-qq'], install].map((args) => apt(args)).join('');
    if (missing.every(([command]) => whereIs(command) !== undefined)) return;
    throw new Error(`apt-get install ${packages.join(' ')} failed:\n${printed}`);
  }
  const names = missing.map(([command]) => command).join(', ');
  throw new Error(
    `${names} not found. On Debian, as root: apt-get install --no-install-recommends ${packages.join(' ')}`,
  );
}

function apt(args) {
  const { stdout, stderr } = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=600', ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return `${stdout ?? ''}${stderr ?? ''}`;
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
