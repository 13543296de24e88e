/** What is said of an exit, and whether it was asked for. */

import type { WorkerExit } from '../common/errors.js';
import type { Log } from '../common/log.js';
import type { OpenListener } from '../system/open-listener.js';
import type { ExitInfo, WorkerInfo } from '../types.js';
import { exitAdvice, mayBelongToStop } from './exit-advice.js';
import { type GroupSignals, signalOfGroup } from './group-signals.js';
import type { HookRunner } from './hooks.js';
import { describeExit, firstLine } from './workers/boot-failure.js';
import type { Delays } from './workers/delays.js';
import { GROUP_RACE } from './workers/life.js';
import type { WorkerHandle } from './workers/worker-handle.js';

const OUR_ADDRESS =
  'the master holds this address for its workers: pass `listener`, the first argument of serve, to listen(), in place of the address';

/** `too young`: a signal to everybody ended it before it could know how to take it. It is started again. */
export type Verdict = 'requested' | 'too young' | 'lost';

export interface ExitsContext {
  readonly log: Log;
  readonly delays: Delays;
  readonly hooks: HookRunner;
  readonly groupSignals: Pick<GroupSignals, 'heard'>;
  /** What the master holds for programs that know of it. */
  readonly listeners: readonly Pick<OpenListener, 'address'>[];
  /** Whether the fleet is ending: every exit is part of that. */
  ending(): boolean;
  /** For observers. */
  exited(worker: WorkerInfo, exit: ExitInfo): void;
}

export class Exits {
  readonly #context: ExitsContext;

  constructor(context: ExitsContext) {
    this.#context = context;
  }

  /** Settles when it is known whether the master asked for the exit, or the worker ended too young to be judged. */
  async verdict(handle: WorkerHandle, exit: WorkerExit): Promise<Verdict> {
    const everybodys = handle.life.booted ? undefined : signalOfGroup(exit);
    const late = handle.life.drainedBy !== undefined || everybodys !== undefined || mayBelongToStop(exit);
    if (late && !handle.life.requested) await this.#context.delays.sleep(GROUP_RACE);
    if (handle.life.requested || this.#context.ending()) return 'requested';
    return everybodys !== undefined && this.#context.groupSignals.heard(everybodys, exit.uptime) ? 'too young' : 'lost';
  }

  report(handle: WorkerHandle, exit: WorkerExit, verdict: Verdict): void {
    const { log, hooks, exited } = this.#context;
    const { code, signal } = exit;
    const requested = verdict === 'requested';
    const what = `${handle} ${describeExit(exit)} after ${exit.uptime} ms`;
    const about = { event: 'exit', worker: handle.info, code, signal, requested, uptime: exit.uptime } as const;
    if (requested) log.info(what, about);
    else if (verdict === 'too young')
      log.warn(`${what}, before it was ready: the whole process group got that signal, so it is started again`, about);
    else {
      const why = this.#why(handle, exit);
      log.error(`${what}${why}`, { ...about, reason: why.replace(/^(?:: | \((.*)\)$)/s, '$1') });
    }
    exited(handle.info, { code, signal, requested });
    hooks.reportExit(handle.info, { code, signal, requested });
  }

  /** The error of a worker that was ready, or what a person can do. An error before that is quoted by the failure of the boot. */
  #why(handle: WorkerHandle, exit: WorkerExit): string {
    const { bootCause: cause, life } = handle;
    if (cause === undefined || life.killedBecause !== undefined) return exitAdvice(exit, life);
    if (!life.booted) return this.#isOurs(cause) ? ` (${OUR_ADDRESS})` : exitAdvice(exit, life);
    return `: ${firstLine(`${cause.name}: ${cause.message}`)}`;
  }

  /** The program calls listen() with the address, as it did without a master. */
  #isOurs({ message }: Error): boolean {
    if (!/^listen EADDRINUSE\b/.test(message)) return false;
    return this.#context.listeners.some(({ address: { address, port } }) =>
      message.endsWith(port === undefined ? ` ${address}` : `:${port}`),
    );
  }
}
