/** Which TCP sockets a process holds, from proc(5). Where there is no proc file system, no process has any. */

import { open, readdir, readlink } from 'node:fs/promises';
import { endianness } from 'node:os';

/** Of the column `st`, from include/net/tcp_states.h. */
const ESTABLISHED = '01';
const LISTEN = '0A';

/** Bytes that are read at once. */
const PIECE = 32 * 1024;

const WILDCARD = { tcp: '0.0.0.0', tcp6: '::' } as const;
/** A socket that listens everywhere is reached by loopback. */
const LOOPBACK = { tcp: '127.0.0.1', tcp6: '::1' } as const;

export interface ListeningSocket {
  /** A connection to it goes here. */
  readonly host: string;
  /** It listens here, possibly at a wildcard. */
  readonly bound: string;
  readonly port: number;
  readonly inode: string;
}

interface Row {
  readonly address: string;
  readonly port: number;
  readonly state: string;
  readonly inode: string;
}

/** Sockets of the network namespace of `pid`. Listening ones come first (Documentation/networking/proc_net_tcp.rst). */
async function* rows(pid: number, table: 'tcp' | 'tcp6'): AsyncGenerator<Row> {
  for await (const line of lines(`/proc/${pid}/net/${table}`)) {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …; a headline is first.
    const [, local = '', , state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port] = local.split(':');
    if (port !== undefined) yield { address, port: Number.parseInt(port, 16), state, inode };
  }
}

/** No more is read than is asked for: a busy machine has a line for each of its hundred thousand connections. */
async function* lines(path: string): AsyncGenerator<string> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    // A kernel without IPv6 has no tcp6.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const buffer = Buffer.alloc(PIECE);
    let rest = '';
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE, null);
      if (bytesRead === 0) return;
      const found = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
      rest = found.pop() ?? '';
      yield* found;
    }
  } finally {
    await file.close();
  }
}

/** Inodes of all sockets that a process holds. Rejects with ENOENT when it is gone, with EACCES when it belongs to another user. */
export async function socketInodes(pid: number): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    // It may have been closed since.
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) found.add(inode);
  }
  return found;
}

/** Sockets that listen in the network namespace of `pid`: of whatever process. */
export async function listeningSockets(pid: number): Promise<readonly ListeningSocket[]> {
  const found: ListeningSocket[] = [];
  for (const table of ['tcp', 'tcp6'] as const) {
    for await (const { address, port, state, inode } of rows(pid, table)) {
      if (state !== LISTEN) break;
      const own = /^0+$/.test(address) ? undefined : hostOf(address);
      found.push({ host: own ?? LOOPBACK[table], bound: own ?? WILDCARD[table], port, inode });
    }
  }
  return found;
}

/** The table has words of 32 bits in the byte order of the machine. */
function hostOf(address: string): string {
  const words = (address.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, 'hex'));
  const bytes = Buffer.concat(endianness() === 'LE' ? words.map((word) => word.reverse()) : words);
  return bytes.length === 4 ? bytes.join('.') : (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
}

/** Whether one of the sockets with these inodes is a connection that came in on `port`. */
export async function hasConnection(pid: number, inodes: ReadonlySet<string>, port: number): Promise<boolean> {
  for (const table of ['tcp', 'tcp6'] as const) {
    for await (const row of rows(pid, table)) {
      if (row.state === ESTABLISHED && row.port === port && inodes.has(row.inode)) return true;
    }
  }
  return false;
}
