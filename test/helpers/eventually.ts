import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { patience } from './target.js';

/**
 * Milliseconds: how long a test waits for what a healthy process does at once, on a machine that gives it no CPU for a while. Less than the
 * default `drainTimeout` and `readyTimeout`: a process that ends, or is ready, within it did not need them.
 */
export const USUAL_WAIT = 20_000;

export interface EventuallyOptions {
  /** Milliseconds. Default: {@link USUAL_WAIT}. */
  readonly within?: number;
  /** What is waited for, for the message of the failure. */
  readonly what?: string;
}

/**
 * Polls until `condition` returns a truthy value, and returns that value. Only for what the kernel cannot notify about; a throw
 * counts as "not yet" and becomes the cause of the failure.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  { within = USUAL_WAIT, what = 'the condition holds' }: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined | null>> {
  const deadline = performance.now() + patience(within);
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as Exclude<T, false | undefined | null>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`Not within ${within} ms: ${what}`, { cause });
    await delay(10);
  }
}

/** Rejects when `promise` has not settled after `within` milliseconds, more on a slower target. */
export async function bounded<T>(promise: Promise<T>, within: number, what: string | (() => string)): Promise<T> {
  const timer = new AbortController();
  const late = delay(patience(within), undefined, { signal: timer.signal }).then(async () => {
    // libuv runs timers before it reads: what arrived while this process got no CPU was in time.
    for (let turn = 0; turn < 2; turn++) await immediate();
    throw new Error(`Not within ${within} ms: ${typeof what === 'string' ? what : what()}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => {});
  }
}
