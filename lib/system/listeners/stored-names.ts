/** Names that `../stored-name.ts` has made, as the next master finds them. */

export interface StoredName {
  readonly fleet: string;
  readonly listener: string;
  /** Of a unix socket: which file leads to it. */
  readonly file?: string | undefined;
}

/** `undefined`: no master of this package has given it. */
export function readStoredName(name: string | undefined): StoredName | undefined {
  const [, fleet, listener, file] = /^prefork\.([^.]*)\.([^.]+)(?:\.(\d+-\d+))?$/.exec(name ?? '') ?? [];
  if (fleet === undefined || listener === undefined) return undefined;
  try {
    return { fleet: decodeURIComponent(fleet), listener: decodeURIComponent(listener), file };
  } catch {
    return undefined;
  }
}
