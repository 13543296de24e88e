// A process without descriptors: it opens all that it can get, until it is told to stop.
import { closeSync, openSync } from 'node:fs';

/** Milliseconds: what its own connections release is taken, too. */
const AGAIN = 20;
const taken = [];
let taking;

export function hoardDescriptors(on) {
  clearInterval(taking);
  if (on) {
    takeAll();
    taking = setInterval(takeAll, AGAIN);
  } else {
    for (const fd of taken.splice(0)) closeSync(fd);
  }
}

function takeAll() {
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
}
