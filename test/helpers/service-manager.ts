/** A fleet below `test/fixtures/service-manager.py`, which stands in for systemd. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type FleetConfig, startFleet } from './fleet.js';
import type { FixtureEvent, Master, MasterOptions } from './master.js';
import { sendSignal } from './processes.js';
import { commandWorks, isLinux, testWhen } from './skip.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/service-manager.py', import.meta.url));

export const withManager = testWhen(
  isLinux && commandWorks('python3', '-c', ''),
  'needs Linux and python3',
  'posixProcesses',
);

export interface ManagerOptions {
  /** Default: a path. */
  readonly abstract?: boolean;
  /** Microseconds. */
  readonly watchdog?: number;
  /** Starts the fleet again after SIGKILL. */
  readonly restart?: boolean;
  /** Before that, sends SIGTERM to the workers and waits for them, as systemd does unless `KillMode=` says otherwise. */
  readonly group?: boolean;
  /** Reads nothing before it gets SIGUSR1. */
  readonly deaf?: boolean;
  /** How many descriptors it keeps. Default: any number. */
  readonly stores?: number;
  /** It says so, as systemd does since 254. */
  readonly says?: boolean;
  /** Between the manager and the fleet. */
  readonly wrapper?: readonly string[];
}

export interface Managed {
  /** Its pid is that of the manager, which passes SIGTERM and SIGHUP on. */
  readonly manager: Master;
  /** Of the master. */
  pid(): number;
  /** A notice that has this line, past or future. */
  notice(line: string, nth?: number): Promise<Notice>;
  notices(): readonly Notice[];
}

export interface Notice extends FixtureEvent {
  readonly sender: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly descriptors: number;
}

/** The command line that runs another one below the manager. */
export function managed({
  abstract,
  watchdog,
  restart,
  group,
  deaf,
  stores,
  says,
  wrapper = [],
}: ManagerOptions = {}): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-manager-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return [
    ...['python3', FIXTURE, `--notify=${abstract ? `@${folder}` : join(folder, 'notify')}`],
    ...(watchdog === undefined ? [] : [`--watchdog=${watchdog}`]),
    ...(restart ? ['--restart'] : []),
    ...(group ? ['--group'] : []),
    ...(deaf ? ['--deaf'] : []),
    ...(stores === undefined ? [] : [`--stores=${stores}`]),
    ...(says ? ['--says'] : []),
    '--',
    ...wrapper,
  ];
}

export function asManaged(manager: Master): Managed {
  const notices = () => manager.events('notice') as readonly Notice[];
  return {
    manager,
    // Programs have events of that name, too.
    pid: () => manager.events('started').findLast(({ pid }) => pid !== undefined)?.['pid'] as number,
    notice: async (line, nth = 1) => {
      const [key = '', value] = line.split('=', 2);
      const where = ({ fields }: FixtureEvent) =>
        fields[key] !== undefined && (value === undefined || fields[key] === value);
      return (await manager.event('notice', { where, nth })) as Notice;
    },
    notices,
  };
}

export function startManaged(
  config: FleetConfig = {},
  options: ManagerOptions = {},
  more: MasterOptions = {},
): Managed {
  return asManaged(startFleet(config, { ...more, wrapper: managed(options) }));
}

/** @returns the names of what the manager keeps of the master that is killed. */
export async function killMaster({ manager, pid }: Managed): Promise<readonly string[]> {
  const old = pid();
  sendSignal(old, 'SIGKILL');
  const ended = await manager.event('ended', { where: ({ pid: one }) => one === old });
  return ended['kept'] as readonly string[];
}
