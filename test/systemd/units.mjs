// Units of systemd, as the scenarios write, start and ask for them. In the machine.
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const UNITS = '/etc/systemd/system';
/** Milliseconds for one command, systemd's own limits included. */
const LIMIT = 60_000;
const execute = promisify(execFile);

/** @returns what it printed. @throws when it failed, with what it printed. */
export async function systemctl(...args) {
  const { stdout } = await execute('systemctl', args, { timeout: LIMIT });
  return stdout.trim();
}

/** A property of a unit: 'NRestarts'. */
export function property(unit, name) {
  return systemctl('show', '--value', `--property=${name}`, unit);
}

/** @param since Milliseconds, as Date.now() has them. */
export async function journalOf(unit, since) {
  const args = [`--unit=${unit}`, `--since=@${Math.floor(since / 1_000)}`, '--output=short-precise', '--no-pager'];
  return (await execute('journalctl', args, { maxBuffer: 2 ** 26 })).stdout;
}

/** `drop`: sections and their lines, which change a unit without touching its file. */
export async function install(files, drops = {}) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(UNITS, name), text);
  for (const [name, text] of Object.entries(drops)) {
    mkdirSync(join(UNITS, `${name}.d`), { recursive: true });
    writeFileSync(join(UNITS, `${name}.d`, 'scenario.conf'), text);
  }
  await systemctl('daemon-reload');
}

export async function uninstall(files) {
  const names = Object.keys(files);
  await systemctl('kill', '--signal=SIGKILL', ...names.filter((name) => name.endsWith('.service'))).catch(() => {});
  await systemctl('stop', ...names).catch(() => {});
  await systemctl('reset-failed', ...names).catch(() => {});
  for (const name of names)
    for (const path of [name, `${name}.d`]) rmSync(join(UNITS, path), { recursive: true, force: true });
  await systemctl('daemon-reload');
}
