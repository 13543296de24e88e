/** A client that asks again and again, a connection for each request, and notices everything: light enough for a busy machine. */

import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { httpGet, type Target } from './http.js';

export interface Steady {
  /** What was answered so far. */
  readonly answered: number;
  /** Ends it; returns the requests that got no answer. */
  stop(): Promise<readonly string[]>;
}

/** One request every 20 ms, or as fast as they are answered. */
export function askSteadily(target: Target): Steady {
  const lost: string[] = [];
  let answered = 0;
  let over = false;
  const asking = (async () => {
    while (!over) {
      try {
        await httpGet(target);
        answered++;
      } catch (error) {
        lost.push(String(error));
      }
      await delay(20);
    }
  })();
  const stop = async (): Promise<readonly string[]> => {
    over = true;
    await asking;
    return lost;
  };
  onTestFinished(async () => void (await stop()));
  return {
    get answered() {
      return answered;
    },
    stop,
  };
}
