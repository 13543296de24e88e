/** What has been opened, as the master holds it and as its workers are to have it. */

import type { BoundSocket } from '../../addon/native.cjs';
import { reasonOf } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import type { BoundPlan, ListenPlan } from '../../options/settings.js';
import type { ListenerAddress, Sharing } from '../../types.js';
import type { OpenListener } from '../open-listener.js';

export interface ListenerContext {
  readonly sharing: Sharing;
  readonly log: Log;
  /** What the fleets of this process hold; this one adds its own. Without it every address that is taken is held by another process. */
  readonly held?: Set<ListenerAddress>;
  /** The fleet for which the service manager keeps sockets. Absent: it keeps none. */
  readonly keptFor?: string | undefined;
}

export interface ListenerDetails {
  readonly boundAs?: string;
  readonly ipv6Only?: boolean;
  /** False: workers bind for themselves, the descriptor is a guard. */
  readonly inherited?: boolean;
  /** Opened by the service manager. */
  readonly activated?: true;
  /** The service manager has kept it. */
  readonly kept?: OpenListener['kept'];
  /** Under this name, if it is not that of the plan. */
  readonly storedAs?: string | undefined;
}

export function listenerOf(
  plan: ListenPlan,
  { fd, family, address, port }: BoundSocket,
  { boundAs = address, ipv6Only = false, inherited = true, activated, kept = 'new', storedAs }: ListenerDetails,
  context: ListenerContext,
  release: () => void,
): OpenListener {
  const { log, held, keptFor } = context;
  const isKept = keptFor !== undefined && !activated && canBeKept(plan, context);
  const where: ListenerAddress = { name: plan.name, family, address, ...(port === undefined ? {} : { port }) };
  let closed = false;
  held?.add(where);
  return {
    address: where,
    fd: inherited ? fd : null,
    ...(activated && { foreign: true as const }),
    ...(isKept && { kept, storedAs: storedAs ?? plan.storedAs ?? plan.name }),
    wire: {
      ...where,
      boundAs,
      backlog: plan.backlog,
      ipv6Only,
      ...(isKept && { kept: true }),
      ...(activated && { activated }),
    },
    close() {
      if (closed) return;
      closed = true;
      held?.delete(where);
      try {
        release();
      } catch (error) {
        // The fleet is stopping: the error cannot be returned any more, and the other listeners must be closed, too.
        log.warn(`listener '${plan.name}': closing it failed: ${reasonOf(error)}`, { event: 'listen', error });
      }
    },
  };
}

/** The service manager can keep what the master holds. */
export function canBeKept(plan: ListenPlan, { sharing }: Pick<ListenerContext, 'sharing'>): plan is BoundPlan {
  return plan.kind === 'unix' || (plan.kind === 'tcp' && sharing !== 'reuseport');
}
