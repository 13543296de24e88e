/** Output of a worker on its way through the master: nothing is lost while somebody reads, nothing breaks when nobody does. */

import type { Readable, Writable } from 'node:stream';

/** A pipe that can stop keeping the event loop alive. */
export type PipedStream = Readable & { unref?(): void };

const guarded = new WeakSet<Writable>();

/** Reads from `source` only as fast as `sink` takes it. */
export function passOn(source: PipedStream, sink: Writable): void {
  if (!guarded.has(sink)) {
    guarded.add(sink);
    // EPIPE, ENOSPC: a closed or full stdout of the master is no reason to lose a worker, or the master.
    sink.on('error', () => {});
  }
  source.on('error', () => {});
  source.on('data', (chunk: Buffer) => {
    // Nowhere to go: read on, so that the worker does not wait for a reader for ever.
    if (!sink.writable || sink.write(chunk) || sink.destroyed) return;
    source.pause();
    const goOn = () => {
      sink.off('drain', goOn);
      sink.off('close', goOn);
      source.resume();
    };
    sink.on('drain', goOn);
    sink.on('close', goOn);
  });
}
