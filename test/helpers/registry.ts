/** Processes on a target with an agent, as they registered themselves: `test/agent/registers.cjs`. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessInfo } from './processes.js';

interface Registration {
  readonly pid: number;
  readonly ppid: number;
  readonly command: readonly string[];
  /** As the process was started with it. */
  readonly env: Readonly<Record<string, string>>;
}

interface Entry extends Registration {
  /** The process of this machine that it really is. */
  readonly local: number;
  /** When that process began, in the words of proc_pid_stat(5): another process may have its pid later. */
  readonly began: string;
  alive: boolean;
}

/** One agent's processes. */
export class Registry {
  readonly #folder: string;
  readonly #entries = new Map<string, Entry>();
  #server: string | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Every registered process that lives. */
  processes(): readonly ProcessInfo[] {
    this.#read();
    return [...this.#entries.values()]
      .filter((entry) => entry.alive)
      .map((entry) => ({
        pid: entry.pid,
        name: 'node.exe',
        state: stateOf(entry.local),
        ppid: entry.ppid,
        group: this.#firstOf(entry),
        session: this.#firstOf(entry),
      }));
  }

  /** What a process, living or not, registered when it began. */
  registered(pid: number): Registration | undefined {
    this.#read();
    return [...this.#entries.values()].findLast((entry) => entry.pid === pid);
  }

  /** The process of this machine that has this pid there. */
  local(pid: number): number | undefined {
    this.#read();
    return [...this.#entries.values()].findLast((entry) => entry.pid === pid && entry.alive)?.local;
  }

  /** What the agent itself started, and from which everything else of it descends. */
  #firstOf(entry: Entry): number {
    let first = entry;
    for (;;) {
      const parent = [...this.#entries.values()].findLast(({ pid }) => pid === first.ppid);
      if (parent === undefined || parent === first) return first.pid;
      first = parent;
    }
  }

  /**
   * The wineserver has every file open that a process there has open, until the very moment in which that process counts as ended. The
   * process of this machine behind it may end later.
   */
  #heldByServer(): ReadonlySet<string> {
    if (this.#server === undefined) {
      const servers = list('/proc').filter((pid) => /^wineserver/.test(read(`/proc/${pid}/comm`) ?? ''));
      this.#server = servers.find((pid) => heldBy(pid, this.#folder).length > 0);
    }
    return new Set(this.#server === undefined ? [] : heldBy(this.#server, this.#folder));
  }

  #read(): void {
    const alive = [...this.#entries].filter(([, entry]) => entry.alive);
    const held = alive.length === 0 ? new Set() : this.#heldByServer();
    for (const [name, entry] of alive) entry.alive = held.has(name) && beginOf(entry.local) === entry.began;
    const unknown = readdirSync(this.#folder).filter((name) => /^\d+-\d+$/.test(name) && !this.#entries.has(name));
    if (unknown.length === 0) return;
    const holders = holdersOf(this.#folder);
    for (const name of unknown) {
      const text = readFileSync(join(this.#folder, name), 'utf8');
      if (!text.endsWith('\n')) continue; // it is about to be written
      const local = holders.get(name);
      const began = local === undefined ? undefined : beginOf(local);
      // No process holds the file: its process ended before this look.
      this.#entries.set(name, {
        ...(JSON.parse(text) as Registration),
        local: local ?? 0,
        began: began ?? '',
        alive: began !== undefined,
      });
    }
  }
}

/** Which process has which file of the folder open. */
function holdersOf(folder: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    // The wineserver has a descriptor of every file that any process has.
    if (/wineserver/.test(read(`/proc/${pid}/comm`) ?? 'wineserver')) continue;
    for (const name of heldBy(pid, folder)) found.set(name, Number(pid));
  }
  return found;
}

/** Files of the folder that a process has open. */
function heldBy(pid: string, folder: string): readonly string[] {
  return list(`/proc/${pid}/fd`).flatMap((fd) => {
    const file = link(`/proc/${pid}/fd/${fd}`);
    return file?.startsWith(`${folder}/`) === true ? [file.slice(folder.length + 1)] : [];
  });
}

function beginOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function stateOf(pid: number): string {
  const stat = read(`/proc/${pid}/stat`) ?? ') X';
  return stat[stat.lastIndexOf(')') + 2] ?? 'X';
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // it ended meanwhile
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function link(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
