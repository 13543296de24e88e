/** Unix sockets with a name in no folder (Linux). */

import type { PosixAddon } from '../../addon/native.cjs';
import { PATH } from './cluster.js';

/** Makes and binds what net.Server listens on (node: lib/net.js); not in @types/node. */
interface Internals {
  _createServerHandle(address: string, port: number, type: number): { readonly fd: number; close(): void } | number;
}

/** Bytes of an address. */
const LONGEST = 108;

export function isAbstract(path: string): boolean {
  return path.startsWith('\0');
}

let fills: boolean | undefined;

/**
 * The name as this Node would bind it: until libuv has let go of it, every byte of the address belongs to the name, and clients of the same
 * Node say it so. A socket of another name shows it.
 */
export function asBound(path: string, native: Pick<PosixAddon, 'inspectListener'>): string {
  fills ??= fillsAddress(native);
  return fills ? path + '\0'.repeat(Math.max(0, LONGEST - Buffer.byteLength(path))) : path;
}

function fillsAddress(native: Pick<PosixAddon, 'inspectListener'>): boolean {
  const net = process.getBuiltinModule('node:net') as unknown as Internals;
  const handle = net._createServerHandle(`\0prefork-${process.pid}`, -1, PATH);
  if (typeof handle === 'number') return false;
  try {
    return native.inspectListener(handle.fd).address.length === LONGEST;
  } finally {
    handle.close();
  }
}
