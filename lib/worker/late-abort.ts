/** `worker.signal`: listeners that come after the abort are called, too. */

type Listen = AbortSignal['addEventListener'];

/**
 * A request that arrives on a kept connection of a worker that drains is handled like any other, and a handler that ends its stream
 * when the signal aborts would wait for what has happened already:
 *
 *     signal.addEventListener('abort', () => response.end());
 *
 * So a listener that is added after the abort is called in a microtask, once. One that also looks at `signal.aborted` may be called
 * twice, like any that is added twice. Everything else of the signal is the platform's.
 */
export function callLateListeners(signal: AbortSignal): AbortSignal {
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  /** What was added since the last microtask. */
  let late: EventTarget | undefined;
  const call = (): void => {
    const target = late;
    late = undefined;
    target?.dispatchEvent(new Event('abort'));
  };
  const addEventListener: Listen = (...args: Parameters<Listen>) => {
    if (args[0] !== 'abort' || !signal.aborted) {
      Reflect.apply(add, signal, args);
      return;
    }
    if (late === undefined) {
      // What a listener asks the target of its event for.
      late = Object.assign(new EventTarget(), { aborted: true, reason: signal.reason as unknown });
      queueMicrotask(call);
    }
    Reflect.apply(late.addEventListener, late, args);
  };
  const removeEventListener: Listen = (...args: Parameters<Listen>) => {
    if (late !== undefined) Reflect.apply(late.removeEventListener, late, args);
    Reflect.apply(remove, signal, args);
  };
  Object.defineProperties(signal, {
    addEventListener: { value: addEventListener, configurable: true, writable: true },
    removeEventListener: { value: removeEventListener, configurable: true, writable: true },
  });
  return signal;
}
