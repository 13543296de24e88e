// The walk through the system calls of a master's main thread: in every phase each call of each kind is refused once.

import { until } from '../loss/waiting.mjs';
import { makeFleet, SOON } from './fleet.mjs';
import { judgeOver, judgeRunning, kinds, usualInWorkers } from './judge.mjs';
import { CLIENTS, lanesOf, startLoad, wasSilent } from './load.mjs';
import { heals, phases } from './phases.mjs';
import { attach, countCalls, injected } from './strace.mjs';

/** What a kernel that is short of something, or a policy, answers to each call. */
export const REFUSALS = {
  openat: ['EMFILE', 'ENOSPC', 'EACCES'],
  socket: ['ENFILE', 'ENOBUFS'],
  socketpair: ['EMFILE'],
  pipe2: ['EMFILE'],
  bind: ['ENOSPC', 'EACCES'],
  listen: ['ENOMEM'],
  connect: ['EAGAIN', 'EINTR'],
  clone: ['EAGAIN', 'ENOMEM'],
  clone3: ['EAGAIN'],
  pidfd_open: ['EMFILE'],
  pidfd_send_signal: ['EPERM', 'ENOSYS'],
  epoll_create1: ['EMFILE'],
  epoll_ctl: ['ENOMEM'],
  eventfd2: ['EMFILE'],
  memfd_create: ['ENFILE'],
  ftruncate: ['ENOSPC'],
  dup: ['EMFILE'],
  dup3: ['EMFILE'],
  fcntl: ['EMFILE'],
  sendmsg: ['ENOBUFS', 'EAGAIN', 'ETOOMANYREFS'],
  recvmsg: ['EINTR'],
  write: ['EAGAIN', 'ENOBUFS', 'ENOMEM', 'EINTR'],
  unlink: ['EBUSY', 'EROFS'],
  rename: ['ENOSPC'],
  mkdir: ['ENOSPC'],
  fchmod: ['EROFS'],
  chmod: ['EROFS'],
  flock: ['ENOLCK', 'EINTR'],
  setsockopt: ['ENOMEM', 'ENOPROTOOPT'],
  accept4: ['EMFILE', 'ECONNABORTED'],
  kill: ['EPERM'],
  prlimit64: ['EPERM'],
  poll: ['EINTR', 'ENOMEM'],
  readlink: ['EACCES'],
};

const ATTEMPTS = 3;

/** A fleet in the state in which the phase begins, with clients. */
export class Stage {
  /** @param how What makeFleet() takes. */
  constructor(phase, how) {
    this.phase = phase;
    this.how = how;
  }

  async up() {
    this.fleet = await makeFleet(this.how);
    await until(() => this.fleet.ended || this.fleet.processes().length > 0, 'the program runs', SOON);
    await this.fleet.order('nothing');
    this.before = kinds(this.fleet);
    if (this.phase === 'start') return;
    const addresses = await this.fleet.call('start');
    if (this.phase !== 'stop') return await this.serve(addresses);
    // What a program keeps of a fleet that it has stopped: what it has loaded, and what libuv keeps.
    await this.fleet.call('stop');
    this.stopped ??= kinds(this.fleet);
    await this.serve(await this.fleet.call('start'));
  }

  async serve([{ port }]) {
    this.fleet.port = port;
    this.load = startLoad(lanesOf({ port, path: this.fleet.path }));
    await until(() => this.load.answered > 8, 'clients are answered', SOON);
    if (!(await heals(this.fleet))) throw new Error(`no whole fleet without a fault\n${this.fleet.log}`);
  }

  async down() {
    await this.load?.stop();
    this.load = undefined;
    await this.fleet?.dispose();
    this.fleet = undefined;
  }

  /** One go of the phase while `fault()` is there, which returns how it is lifted. @returns what was seen, and what does not hold. */
  async go(fault, { cuts = false, keeps, excused = () => false } = {}) {
    if (this.fleet === undefined || this.fleet.ended) {
      await this.down();
      await this.up();
    }
    const { fleet, phase } = this;
    const from = fleet.log.length;
    let allowed = 0;
    this.load?.take();
    const lift = await fault(fleet);
    const said = await phases[phase](fleet, { excuse: (pid) => (allowed += fleet.openAt(pid) + 1) });
    const seen = await lift();
    const { hits, made, wrong = [] } = Array.isArray(seen) ? { hits: seen } : seen;
    const log = fleet.log.slice(from);
    const gone = fleet.ended;
    const over = fleet.ended !== undefined || phase === 'stop' || (phase === 'start' && !said.ok);
    if (over) wrong.push(...(await judgeOver(fleet, phase === 'stop' ? this.stopped : this.before)));
    else wrong.push(...(await judgeRunning(fleet, this.usual, this.usualInWorkers, keeps)));
    // Of the first go, which is one without a fault: a first reload takes its release, a first scaling down leaves a queue.
    if (!over) this.usual ??= kinds(fleet);
    if (!over) this.usualInWorkers ??= await usualInWorkers(fleet);
    // A worker that does not move is killed in the end, with all that it has accepted.
    if (cuts)
      allowed += [...fleet.log.slice(from).matchAll(/\(pid (\d+), .* was killed by SIG/g)].reduce(
        (sum, [, pid]) => sum + fleet.openAt(Number(pid)) + 1,
        0,
      );
    // What waits at the slot of such a worker when the fleet stops, no other one accepts any more.
    if (cuts && phase === 'stop') allowed += CLIENTS;
    // The log said so.
    if (phase === 'stop' && fleet.log.includes('may be reset')) allowed += CLIENTS;
    wrong.push(...this.losses(allowed, fleet.ended !== undefined || phase === 'stop', excused));
    if (over && phase === 'start' && fleet.ended === undefined) {
      const again = await fleet.order('start');
      if (again.value === undefined) wrong.push(`does not start afterwards: ${JSON.stringify(again)}`);
    }
    if (wrong.length > 0 || over || phase === 'start') await this.down();
    return { ok: said.ok, error: said.error, gone, hits, made, log, wrong };
  }

  /** @param stops Those that come when nobody listens any more are refused, and may be. */
  losses(allowed, stops, excused) {
    const lost = (this.load?.take() ?? []).filter(
      (loss) =>
        !excused(loss) && !(stops && (loss.code === 'ECONNREFUSED' || loss.code === 'ENOENT' || wasSilent(loss))),
    );
    if (lost.length <= allowed) return [];
    return [`clients lost ${lost.length}, allowed ${allowed}: ${lost.map(({ code, over }) => `${code} over ${over}`)}`];
  }
}

/** How often each call occurs in a phase without a fault. */
export async function census(phase, how, calls = Object.keys(REFUSALS)) {
  const stage = new Stage(phase, how);
  try {
    let trace;
    const { wrong } = await stage.go(async (fleet) => {
      const tracer = await attach(fleet.pid, calls);
      return async () => {
        trace = await tracer.detach();
        return [];
      };
    });
    if (wrong.length > 0) throw new Error(`${phase} without a fault: ${wrong.join('; ')}`);
    return countCalls(trace);
  } finally {
    await stage.down();
  }
}

/** Refuses the call number `nth` of its kind. */
export function refuse(call, error, nth) {
  return async (fleet) => {
    const tracer = await attach(fleet.pid, [call], `error=${error}:when=${nth}`);
    return async () => struckOf(await tracer.detach());
  };
}

/** Where it struck; where it did not, the trace says how many calls there were. */
export function struckOf(lines) {
  const hits = injected(lines);
  return hits.length > 0 ? hits : { hits, made: [...countCalls(lines).values()].reduce((sum, n) => sum + n, 0) };
}

/** A call that the phase does not always make is waited for in more than one go. */
export async function untilStruck(go) {
  for (let attempt = 1; ; attempt++) {
    const seen = await go();
    if (seen.hits.length > 0 || seen.wrong.length > 0 || attempt === ATTEMPTS) return seen;
  }
}

/** `most` of the numbers from 1 to `count`, the first and the last among them; all of them for `Infinity`. */
export function chosen(count, most, random) {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  if (count <= most) return all;
  const some = new Set([1, count]);
  while (some.size < most) some.add(random.between(1, count));
  return [...some].sort((a, b) => a - b);
}
