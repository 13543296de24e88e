/**
 * Opens every address before any worker exists: activated by the service manager, bound here, or guarded for the
 * workers.
 */

import { linux, posix } from '../../addon/narrow.cjs';
import type { BoundSocket, CommonAddon } from '../../addon/native.cjs';
import { PreforkError } from '../../common/errors.js';
import { explained, isSystemError, placeText } from '../../common/system-error.js';
import type { BoundPlan, ListenPlan, TcpPlan, UnixPlan } from '../../options/settings.js';
import { closeListeners, type OpenListener } from '../open-listener.js';
import type { Activation } from './activation.js';
import { GIVEN_BY } from './given-by.js';
import { heldHere } from './held-here.js';
import type { Adopted } from './inherited.js';
import { canBeKept, type ListenerContext, listenerOf } from './listener-of.js';
import { type Lookup, type ResolvedAddress, resolveHost } from './lookup.js';
import type { NotASocket } from './not-a-socket.js';
import { onFirst, openShared } from './shared.js';
import { wayOut } from './way-out.js';

type UnixListeners = typeof import('./unix.js');
type Guarded = typeof import('./guarded.js');
type KeptSockets = readonly [BoundSocket, ...BoundSocket[]];
type KeptUnix = Parameters<UnixListeners['adoptUnixSocket']>[2] & Pick<OpenListener, 'storedAs'>;

export interface OpenListenersContext extends ListenerContext {
  readonly native: CommonAddon;
  /** `'sharded'`: how many sockets an address gets now. */
  readonly slots: number;
  /** The fleet takes every listening socket that other programs have opened for the master: its program asks for addresses later. */
  readonly takesAll?: boolean;
  /** What the service manager keeps for the fleet, and none of the plans wants, is for addresses that its program asks for later. */
  readonly moreLater?: boolean;
  /** Read and cleaned of LISTEN_* here: workers and children must not see the master's copy. */
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  /** What a person can do about the error of an address, where that is another thing than on POSIX. */
  readonly wayOut?: (code: string, plan: TcpPlan) => string | undefined;
  /** Default: `dns.promises.lookup`. */
  readonly lookup?: Lookup;
  readonly notASocket?: (fd: number) => NotASocket | undefined;
}

/** While the addresses of one fleet are opened. */
interface Opening extends OpenListenersContext {
  /** Loaded when there may be a unix socket among them. */
  readonly unix: UnixListeners | undefined;
  /** Loaded unless workers share what the master opens. */
  readonly guarded: Guarded | undefined;
  /** Missing when no other program has opened a socket for the master. */
  readonly activation: Activation | undefined;
  /** Path of the option, for messages. */
  optionOf(plan: ListenPlan): string;
}

/**
 * All or nothing: a failing address closes what was opened before it.
 * @throws the system error of the address that failed, with `syscall`, `address`, `port` or `path`.
 * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER` or `ERR_PREFORK_UNSUPPORTED` for a socket of the service
 * manager that cannot be what it was named for.
 */
export async function openListeners(
  plans: readonly ListenPlan[],
  caller: OpenListenersContext,
): Promise<OpenListener[]> {
  const sockets = mayBeGiven(plans, caller.env) ? await givenSockets() : undefined;
  const activation = sockets && new sockets.Activation(caller);
  const opened = new Map<ListenPlan, OpenListener>();
  try {
    const unix =
      plans.some(({ kind }) => kind !== 'tcp') || (caller.takesAll && activation)
        ? await import('./unix.js')
        : undefined;
    const guarded = caller.sharing === 'shared' ? undefined : await import('./guarded.js');
    const optionOf = (plan: ListenPlan) => (plans.length === 1 ? 'listen' : `listen[${plans.indexOf(plan)}]`);
    const context: Opening = { ...caller, unix, guarded, activation, optionOf };
    for (const plan of plans) {
      if (plan.kind === 'inherited') adopt(plan, sockets?.inherited(plan, caller, activation), opened, context);
    }
    const bound = plans.filter((plan) => plan.kind !== 'inherited');
    // Names first: a plan whose name was passed must not lose its socket to the address of another, and needs no
    // lookup.
    for (const plan of bound) adopt(plan, activation?.takeByName(plan), opened, context);
    const addresses = await resolveAll(bound, opened, context);
    for (const plan of bound) {
      if (opened.has(plan)) continue;
      adopt(plan, activation?.takeByAddress(plan, addresses.get(plan) ?? []), opened, context);
    }
    if (activation !== undefined && caller.keptFor !== undefined) {
      const adoptOne = (plan: BoundPlan, sockets: KeptSockets, name: string) =>
        opened.set(plan, adoptKept(plan, sockets, name, context));
      const wanted = bound.filter((plan) => !opened.has(plan) && canBeKept(plan, caller));
      sockets?.goOn(wanted, { ...caller, fleet: caller.keptFor, activation, addresses }, adoptOne);
    }
    const rest = (caller.takesAll && activation?.takeRest(plans)) || [];
    for (const { plan, socket } of rest) adopt(plan, socket, opened, context);
    // From here to the return nothing waits: an error or a stop can never find a half-opened fleet.
    for (const plan of bound) {
      if (!opened.has(plan)) opened.set(plan, open(plan, addresses.get(plan) ?? [], context));
    }
    activation?.opened();
    return [...plans, ...rest.map(({ plan }) => plan)].flatMap((plan) => opened.get(plan) ?? []);
  } catch (error) {
    closeListeners([...opened.values()]);
    throw error;
  } finally {
    activation?.done();
  }
}

/** Loaded for few masters. From then on every fleet asks: it may be offered what the environment had for another one. */
let given: Promise<typeof import('./given-sockets.js')> | undefined;

function givenSockets(): NonNullable<typeof given> {
  given ??= import('./given-sockets.js');
  return given;
}

function mayBeGiven(plans: readonly ListenPlan[], env: NodeJS.ProcessEnv): boolean {
  const announced = GIVEN_BY.some((name) => env[name] !== undefined);
  return announced || given !== undefined || plans.some(({ kind }) => kind === 'inherited');
}

async function resolveAll(
  plans: readonly BoundPlan[],
  opened: ReadonlyMap<ListenPlan, OpenListener>,
  { lookup, optionOf }: Opening,
): Promise<ReadonlyMap<ListenPlan, readonly ResolvedAddress[]>> {
  const entries = plans.map(async (plan) => {
    if (plan.kind === 'unix' || opened.has(plan)) return [plan, []] as const;
    return [plan, await resolveHost(optionOf(plan), plan, lookup)] as const;
  });
  return new Map(await Promise.all(entries));
}

function adopt(
  plan: ListenPlan,
  activated: Adopted | undefined,
  opened: Map<ListenPlan, OpenListener>,
  context: Opening,
): void {
  if (activated === undefined) return;
  const { native, log, sharing, unix } = context;
  const {
    fd,
    socket,
    by: { who },
  } = activated;
  const { family, address, port } = socket;
  const place = port === undefined ? address : placeText(address, port);
  const bound = { fd, family, address, port };
  // The file of a unix socket belongs to the program that made it, which goes on listening there.
  const listener = listenerOf(plan, bound as BoundSocket, { activated: true }, context, () => native.closeFd(fd));
  const hasFile = family === 'unix' && !address.startsWith('\0') && address !== '';
  opened.set(
    plan,
    unix !== undefined && hasFile ? { ...listener, lease: unix.missActivated(listener, log) } : listener,
  );
  if (sharing !== 'shared' && family !== 'unix') {
    throw new PreforkError(
      'ERR_PREFORK_UNSUPPORTED',
      `The listener '${plan.name}' (${place}) was opened by ${who}, and such a socket can only be shared: ` +
        `use sharing 'shared' instead of '${sharing}'`,
    );
  }
  posix(native).setNonBlocking(fd);
  const number = plan.kind === 'inherited' ? plan.fd : fd;
  log.info(`listener '${plan.name}': using descriptor ${number} of ${who}, ${place}`, { event: 'listen' });
}

function adoptKept(plan: BoundPlan, sockets: KeptSockets, storedAs: string, context: Opening): OpenListener {
  const [socket] = sockets;
  const { fd, family, address } = socket;
  // The manager goes on keeping it under that name, whatever this master calls it.
  if (plan.kind === 'unix') return openUnix(plan, context, { fd, boundAs: address, storedAs });
  const ipv6Only = family === 'IPv6' && plan.ipv6Only;
  const details = { ipv6Only, kept: 'adopted', storedAs } as const;
  const { guarded, native } = context;
  if (guarded !== undefined) return guarded.goOnSharded(plan, sockets, details, context);
  return listenerOf(plan, socket, details, context, () => native.closeFd(fd));
}

function open(plan: BoundPlan, addresses: readonly ResolvedAddress[], context: Opening): OpenListener {
  if (plan.kind === 'unix') return openUnix(plan, context);
  try {
    return openTcp(plan, addresses, context);
  } catch (error) {
    const { activation, keptFor } = context;
    const taken = keptFor !== undefined && isSystemError(error) && error.code === 'EADDRINUSE';
    // What was kept on the port is on another address, and waits for a program that asks for it.
    if (!taken || activation?.dismissKept(keptFor, (_, { port }) => port === plan.port) !== true) throw error;
    return openTcp(plan, addresses, context);
  }
}

function openUnix(plan: UnixPlan, context: Opening, kept?: KeptUnix): OpenListener {
  const { UnixRenewal, adoptUnixSocket, openUnixSocket, ownedBy } = context.unix as UnixListeners;
  const native = posix(context.native);
  const { path, backlog } = plan;
  // A name in no folder: there is no file to look after.
  if (path.startsWith('\0')) {
    const named: BoundSocket = kept
      ? { fd: kept.fd, family: 'unix', address: path }
      : bindUnix(path, context, () => linux(native).listenAbstract(path, backlog));
    return listenerOf(plan, named, { kept: kept && 'adopted', storedAs: kept?.storedAs }, context, () =>
      native.closeFd(named.fd),
    );
  }
  const owned = ownedBy(plan, context.optionOf(plan), native);
  const socket = bindUnix(path, context, () =>
    kept === undefined ? openUnixSocket(owned, native) : adoptUnixSocket(owned, native, kept),
  );
  const bound = { fd: socket.fd, family: 'unix', address: path } as const;
  const details = { boundAs: socket.boundAs, kept: kept && ('adopted' as const), storedAs: kept?.storedAs };
  const listener = listenerOf(plan, bound, details, context, () => renewal.close());
  const renewal = new UnixRenewal(socket, listener, context.log);
  return {
    ...listener,
    get fd() {
      return renewal.fd;
    },
    get file() {
      return socket.file;
    },
    lease: (generation) => renewal.lease(generation),
    watchBy: (watch) => renewal.watchBy(watch),
  };
}

function bindUnix<T>(path: string, context: Opening, bind: () => T): T {
  try {
    return bind();
  } catch (error) {
    throw explained(error, explain(isSystemError(error) ? error.code : '', { address: path }, context), path);
  }
}

/** The way out of an error of the kernel; of an address in use, the cause that the master has seen. */
function explain(
  code: string,
  { address, port }: { address: string; port?: number },
  { held, activation }: Opening,
  usual?: string,
): string | undefined {
  if (code !== 'EADDRINUSE') return usual;
  const own = held && heldHere(address, port, held);
  const missed = activation?.missed;
  if (own !== undefined || missed === undefined) return own ?? usual;
  return usual === undefined ? missed : `${missed}; otherwise ${usual}`;
}

function openTcp(plan: TcpPlan, addresses: readonly ResolvedAddress[], context: Opening): OpenListener {
  const { guarded, wayOut: own = wayOut } = context;
  let tried: string | undefined;
  try {
    return onFirst(addresses, ({ family, address }) => {
      tried = address;
      if (guarded === undefined) return openShared(plan, { family, address }, context);
      const ipv6Only = family === 'IPv6' && plan.ipv6Only;
      return guarded.openGuarded(plan, { family, address, port: plan.port, ipv6Only }, context);
    });
  } catch (error) {
    if (!isSystemError(error) || tried === undefined) throw error;
    const usual = own(error.code, plan);
    throw explained(error, explain(error.code, { address: tried, port: plan.port }, context, usual));
  }
}
