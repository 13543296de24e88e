/**
 * What prefork() does of a plain fleet before it loads the master: it opens the addresses, and starts the first worker, whose Node needs longer
 * to boot than the master needs to be loaded. The master takes both as if it had made them; what it would have made otherwise it makes itself.
 * Everything that may keep a fleet from starting comes before: nothing is spawned by a fleet that cannot bind.
 */

import { realpathSync } from 'node:fs';
import type { Fd, NativeChild, NativeExit, PosixAddon } from '../../addon/native.cjs';
import type { Log } from '../../common/log.js';
import type { ListenPlan, Settings, TcpPlan } from '../../options/settings.js';
import { buildCommand, SCRIPT } from '../launch/command.js';
import { GIVEN_BY } from '../listeners/given-by.js';
import { HELD } from '../listeners/held-here.js';
import { numericAddresses, type ResolvedAddress } from '../listeners/lookup.js';
import { onFirst, openShared } from '../listeners/shared.js';
import { closeListeners, type OpenListener } from '../open-listener.js';
import { runningProgram } from '../running-program.js';
import { EarlyWorker, isPlainProcess } from './early-worker.cjs';
import type { HeadStart, WantedProcess } from './head-start.js';

/** Options that the master acts on before it binds or spawns, or that say how a worker is started. */
const EARLIER = ['tls', 'pidFile', 'admin', 'metrics', 'commandProducer', 'livenessTimeout'] as const;
/** The same in the environment. */
const EARLIER_ENV = ['pm_id', ...GIVEN_BY];

/** `undefined` where the fleet is not plain, and where anything fails: the master meets it again, and reports it. Never throws. */
export function goAhead(settings: Settings, native: PosixAddon, log: Log): HeadStart | undefined {
  const listeners: OpenListener[] = [];
  try {
    if (!isPlain(settings) || !isPlainProcess() || EARLIER_ENV.some((name) => process.env[name] !== undefined))
      return undefined;
    const addresses = numeric(settings.listen);
    if (addresses === undefined) return undefined;
    const context = { native, log, sharing: settings.sharing, held: HELD };
    for (const [plan, choice] of addresses)
      listeners.push(onFirst(choice, (address) => openShared(plan, address, context)));
    return new Ahead(native, settings, listeners);
  } catch {
    closeListeners(listeners);
    return undefined;
  }
}

function isPlain(settings: Settings): boolean {
  const { sharing, readiness, cluster, launch } = settings;
  if (sharing !== 'shared' || readiness !== 'listening' || cluster) return false;
  if (EARLIER.some((name) => settings[name] !== undefined)) return false;
  const { stdio, inspectable, byActivation, ...others } = launch;
  if (inspectable || byActivation || String(stdio) !== 'ignore,inherit,inherit') return false;
  return Object.values(others).every((value) => value === undefined) && isInPlace(process.argv[1] ?? '');
}

/** Behind a link there may be one release today and another one tomorrow: `system/releases` decides which one workers run. */
function isInPlace(script: string): boolean {
  return SCRIPT.test(script) && realpathSync(script) === script;
}

function numeric(plans: readonly ListenPlan[]): ReadonlyMap<TcpPlan, readonly ResolvedAddress[]> | undefined {
  const addresses = new Map<TcpPlan, readonly ResolvedAddress[]>();
  for (const plan of plans) {
    const choice = plan.kind === 'tcp' ? numericAddresses(plan) : undefined;
    if (choice === undefined) return undefined;
    addresses.set(plan as TcpPlan, choice);
  }
  return addresses;
}

class Ahead implements HeadStart {
  readonly #native: PosixAddon;
  readonly #plans: readonly ListenPlan[];
  readonly #worker: EarlyWorker;
  #listeners: OpenListener[] | undefined;
  #control: [Fd, Fd] | undefined;

  constructor(native: PosixAddon, { name, launch, listen }: Settings, listeners: OpenListener[]) {
    this.#native = native;
    this.#plans = listen;
    const control = native.socketPair();
    const [, theirs] = control;
    try {
      const { args, environment, files } = buildCommand(
        {
          ...{ fleet: name, slot: 0, generation: 0, listeners, settings: launch, program: runningProgram() },
          ...{ asks: false, adopts: false, diesWithMaster: false, commandProducer: undefined },
        },
        theirs,
      );
      const descriptors = [...files.map(({ fd }) => fd), theirs];
      this.#worker = new EarlyWorker(native, { args, environment, descriptors });
    } catch (error) {
      for (const fd of control) native.closeFd(fd);
      throw error;
    }
    this.#control = control;
    this.#listeners = listeners;
  }

  listeners(plans: readonly ListenPlan[]): OpenListener[] | undefined {
    if (plans !== this.#plans) return undefined;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    return listeners;
  }

  control(): [Fd, Fd] | undefined {
    const control = this.#control;
    this.#control = undefined;
    return control;
  }

  claim(wanted: WantedProcess, onExit: (exit: NativeExit) => void): NativeChild | undefined {
    return this.#worker.claim(wanted, onExit);
  }

  end(): Promise<void> | undefined {
    for (const fd of this.control() ?? []) this.#native.closeFd(fd);
    closeListeners(this.#listeners ?? []);
    this.#listeners = undefined;
    return this.#worker.end();
  }
}
