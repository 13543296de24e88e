/** Names that `../stored-name.ts` has made, as the next master finds them. */

export interface StoredName {
  readonly fleet: string;
  readonly listener: string;
  /** Of a unix socket: which file leads to it. */
  readonly file?: string | undefined;
  /** Of the sockets of an address that is `'sharded'`. */
  readonly slot?: number | undefined;
}

/** `undefined`: no master of this package has given it. */
export function readStoredName(name: string | undefined): StoredName | undefined {
  const [, fleet, listener, file, slot] =
    /^prefork\.([^.]*)\.([^.]+)(?:\.(?:(\d+-\d+)|(\d{1,5})))?$/.exec(name ?? '') ?? [];
  if (fleet === undefined || listener === undefined) return undefined;
  try {
    const names = { fleet: decodeURIComponent(fleet), listener: decodeURIComponent(listener), file };
    return slot === undefined ? names : { ...names, slot: Number(slot) };
  } catch {
    return undefined;
  }
}
