/** Whether a listener is the one that a hosted program asks for. */

import { lstatSync } from 'node:fs';
import type { WantedListener } from '../../protocol/protocol.cjs';
import type { OpenListener } from '../../system/open-listener.js';

/** The same for every worker that asks for it. */
export function keyOf(want: WantedListener): string {
  if (want.kind === 'unix') return `unix:${want.path}`;
  const { host = '', port, index, ipv6Only } = want;
  return [host, port, port === 0 ? index : '', ipv6Only].join('|');
}

/** The same for every master: names are numbers in the order of the asking. A file on disk is a part of the name beside this. */
export function storedKeyOf(want: WantedListener): string {
  return want.kind === 'unix' && !want.path.startsWith('\0') ? 'unix' : keyOf(want);
}

/** The same address: a listener that was opened before any worker, or under another name. */
export function isFor({ address, wire }: OpenListener, want: WantedListener): boolean {
  if (want.kind === 'unix') return address.family === 'unix' && address.address === want.path;
  if (want.port === 0 || address.port !== want.port || wire.ipv6Only !== want.ipv6Only) return false;
  return want.host === undefined ? isEverywhere(address.address) : want.host === address.address;
}

/** The clients of the address that the program names come to this socket, and with them perhaps more: it was opened for the program. */
export function reaches({ address }: OpenListener, want: WantedListener): boolean {
  if (want.kind === 'unix') return address.family === 'unix' && sameFile(address.address, want.path);
  if (want.port === 0 || address.port !== want.port) return false;
  return want.host === address.address || (isEverywhere(address.address) && isEverywhere(want.host ?? '::'));
}

function isEverywhere(host: string): boolean {
  return host === '::' || host === '0.0.0.0';
}

/** `/var/run` is `/run`. An abstract name is the same one for its reader, however many NULs are behind it. */
function sameFile(one: string, other: string): boolean {
  if (one.startsWith('\0')) return one.replace(/\0+$/, '') === other.replace(/\0+$/, '');
  try {
    const [a, b] = [lstatSync(one), lstatSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}
