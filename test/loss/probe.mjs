// What the suites ask of the process that is the master, beside the operations of its fleet.
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hoardDescriptors } from './hoard.mjs';

let collect;

export const probe = {
  master: () => process.pid,
  /** Bytes, without garbage: finalizers of the first collection release what the second one frees. */
  async memory() {
    if (collect === undefined) {
      // For contexts that are made from now on.
      setFlagsFromString('--expose-gc');
      collect = runInNewContext('gc');
    }
    for (let i = 0; i < 3; i++) {
      collect();
      await turn();
    }
    const { heapUsed, rss } = process.memoryUsage();
    return { heap: heapUsed, rss };
  },
  hoard: hoardDescriptors,
};
