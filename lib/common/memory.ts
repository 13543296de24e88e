/**
 * The memory of this process. libuv reads the resident part from a file of /proc, so the questions of Node throw EMFILE while the process is out
 * of descriptors: what a worker looks at by the way must not end it then.
 */

/** `undefined` while the system does not say. */
export function memoryUsage(): NodeJS.MemoryUsage | undefined {
  return unlessRefused(() => process.memoryUsage());
}

/** Bytes; `undefined` while the system does not say. */
export function residentMemory(): number | undefined {
  return unlessRefused(() => process.memoryUsage.rss());
}

function unlessRefused<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
