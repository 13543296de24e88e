/**
 * The control channel on Windows: two pipes. What a dying worker says has to be written at once, and a pipe that is opened for that
 * (synchronous, CreateFile without FILE_FLAG_OVERLAPPED) lets no thread write while another one reads.
 */

import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { ChannelEnds } from './ends-posix.js';
import { closeAfterWrites } from './ends-posix.js';
import { Outbox } from './outbox.js';

/** The master's ends, as child_process has made them. */
export function overStreams(input: Socket, output: Socket): ChannelEnds {
  // EPIPE: the worker is gone, which the end of `input` reports after its last words.
  output.on('error', () => {});
  const outbox = new Outbox(output);
  return {
    input,
    get waiting() {
      return outbox.waiting;
    },
    write(line) {
      if (output.destroyed || !output.writable) return false;
      outbox.push(line);
      return true;
    },
    ref() {
      input.ref();
      output.ref();
    },
    unref() {
      input.unref();
      output.unref();
    },
    close() {
      input.destroy();
      closeAfterWrites(output, outbox);
    },
    destroy() {
      input.destroy();
      output.destroy();
    },
  };
}

/** A worker's ends. Writing waits for the master to make room: 64 KB are on their way at most, and a master that is gone is an error. */
export function overPipes(control: number, report: number): ChannelEnds {
  const input = new Socket({ fd: control, readable: true, writable: false });
  return {
    input,
    waiting: 0,
    write(line) {
      try {
        for (let at = 0; at < line.length; ) at += writeSync(report, line, at);
        return true;
      } catch {
        return false;
      }
    },
    ref: () => void input.ref(),
    unref: () => void input.unref(),
    // The other pipe is closed with the process: until then it is the only way to say why that ends.
    close: () => void input.destroy(),
    destroy: () => void input.destroy(),
  };
}
