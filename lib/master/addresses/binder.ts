/**
 * Opens the addresses that a hosted program asks for. The log has once why one cannot be opened: every worker of a generation meets the same
 * failure.
 */

import { reasonOf } from '../../common/in-words.cjs';
import { type Log, showAddress } from '../../common/log.js';
import { isSystemError, placeText } from '../../common/system-error.js';
import { DEFAULT_BACKLOG } from '../../options/listen.js';
import type { ListenPlan, Settings } from '../../options/settings.js';
import type { WantedListener } from '../../protocol/protocol.cjs';
import type { OpenListener } from '../../system/open-listener.js';
import type { OpeningOptions, System } from '../../system/system.js';
import { keyOf, storedKeyOf } from './wanted-address.js';

/** Every address is a descriptor of the master, and of each worker. A program that asks for more is at fault. */
const MOST = 256;

/** Whose the file of a unix socket is to be. */
type Owner = Pick<Settings['launch'], 'uid' | 'gid'>;

export interface BinderContext {
  readonly settings: Pick<Settings, 'sharing'> & { readonly launch: Owner };
  readonly system: Pick<System, 'openListeners'>;
  readonly log: Log;
  /** Of the fleet. */
  readonly listeners: readonly OpenListener[];
  readonly keptFor?: OpeningOptions['keptFor'];
  /**
   * Workers will get it, by this number.
   * @throws what keeps them from it.
   */
  prepare?(listener: OpenListener, index: number): void;
  ending(): boolean;
}

export class Binder {
  readonly #context: BinderContext;
  /** What was open before any worker asked. */
  readonly #given: readonly OpenListener[];
  /** Keys of the addresses whose failure the log has. */
  readonly #failed = new Set<string>();

  constructor(context: BinderContext, given: readonly OpenListener[]) {
    this.#context = context;
    this.#given = given;
  }

  /** @throws what keeps the master from opening it; the log has it. */
  async bind(want: WantedListener, index: number): Promise<OpenListener> {
    const key = keyOf(want);
    try {
      const listener = await this.#open(want, index);
      this.#failed.delete(key);
      return listener;
    } catch (error) {
      if (!this.#failed.has(key)) this.#report(want, error);
      this.#failed.add(key);
      throw error;
    }
  }

  async #open(want: WantedListener, index: number): Promise<OpenListener> {
    const { settings, system, log, ending, listeners, prepare, keptFor } = this.#context;
    if (ending()) throw new Error('the fleet stops');
    if (listeners.length >= MOST) {
      throw new Error(
        `the program asks for more than ${MOST} addresses: it has to close servers that it needs no more`,
      );
    }
    const plan = planOf(want, String(index), settings.launch);
    const [listener] = await system.openListeners([plan], settings.sharing, 1, log, { keptFor, moreLater: true });
    if (listener === undefined) throw new Error('the system opened nothing');
    try {
      if (ending()) throw new Error('the fleet stops');
      prepare?.(listener, index);
      return listener;
    } catch (error) {
      listener.close();
      throw error;
    }
  }

  #report(want: WantedListener, error: unknown): void {
    const { log, settings } = this.#context;
    const who = settings.launch.uid === undefined ? '' : ' (the master binds, as its own user)';
    const why = this.#besideGiven(want, error) ?? reasonOf(error);
    log.error(`the program cannot listen${who}: ${why}`, { event: 'listen', error });
  }

  /** Of an address that is in use: why, when a socket that was open before the program has the port. */
  #besideGiven(want: WantedListener, error: unknown): string | undefined {
    if (want.kind === 'unix' || !isSystemError(error) || error.code !== 'EADDRINUSE') return undefined;
    const other = this.#given.find(({ address }) => address.port === want.port);
    if (other === undefined) return undefined;
    const { host = '::', port } = want;
    return (
      `${placeText(host, port)} is in use by ${showAddress(other.address)}, which was open before the program: ` +
      'make both the same address, in the program or where the socket is opened (ListenStream=, --listen)'
    );
  }
}

function planOf(want: WantedListener, name: string, { uid, gid }: Owner): ListenPlan {
  const backlog = want.backlog ?? DEFAULT_BACKLOG;
  const storedAs = storedKeyOf(want);
  if (want.kind === 'unix')
    return { kind: 'unix', name, storedAs, path: want.path, mode: undefined, owner: uid, group: gid, backlog };
  const { host, port, ipv6Only } = want;
  return { kind: 'tcp', name, storedAs, host, port, network: 'tcp', ipv6Only, backlog };
}
