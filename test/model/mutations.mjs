/**
 * Mistakes that the model has to find: each takes something out of the sources that keeps a fleet whole. `from` has to be there exactly once.
 */

/** @typedef {{ what: string, file: string, from: string, to: string }} Mutation */

/** @type {readonly Mutation[]} */
export const MUTATIONS = [
  {
    what: 'a slot is forgotten: a worker that ends while its replacement boots is recovered by nobody when that one fails',
    file: 'lib/master/workers/slots.ts',
    from: '    else slot.duty = () => this.#context.vacant(handle, exit);\n',
    to: '',
  },
  {
    what: 'a recovery is dropped: it was due while a replacement booted, and the reload of that one fails',
    file: 'lib/master/workers/slots.ts',
    from: '    found.duty = duty;\n',
    to: '',
  },
  {
    what: 'a slot is forgotten for as long as a hook hangs whose worker has ended',
    file: 'lib/master/workers/starter.ts',
    from: 'return ready && (await Promise.race([counted, handle.gone.then(() => false)]));',
    to: 'return (await counted) && ready;',
  },
  {
    what: 'a slot is filled twice: a recovery does not look whether a reload has filled the slot meanwhile',
    file: 'lib/master/workers/slots.ts',
    from: '    if (found === undefined || found.current !== undefined) return false;\n',
    to: '    if (found === undefined) return false;\n',
  },
  {
    what: 'two workers stay in one slot: the one that was replaced is not asked to go',
    file: 'lib/master/workers/slots.ts',
    from: '      if (old !== undefined) this.retire(old);\n',
    to: '',
  },
  {
    what: 'a worker is forgotten by the stop: one that does not finish in time is not killed',
    file: 'lib/master/shutdown.ts',
    from: '    for (const handle of this.#workers) this.#ending?.kill(handle);\n',
    to: '',
  },
  {
    what: 'a worker that ends is not taken off the list',
    file: 'lib/master/fleet.ts',
    from: '    workers.delete(handle);\n',
    to: "    if (verdict !== 'too young') workers.delete(handle);\n",
  },
  {
    what: 'a timer is not cancelled: the one of readyTimeout',
    file: 'lib/master/workers/starter.ts',
    from: '    const ready = await readiness.promise;\n    timer.cancel();\n',
    to: '    const ready = await readiness.promise;\n',
  },
  {
    what: 'a timer is not cancelled: the one of a drain whose worker never came to be',
    file: 'lib/master/workers/starter.ts',
    from: '      handle.letGo();\n',
    to: '',
  },
  {
    what: 'a promise never settles: start() waits for a worker that cannot be killed',
    file: 'lib/master/workers/starter.ts',
    from: '    void handle.done.then(() => readiness.resolve(false));\n',
    to: '    void handle.gone.then(() => readiness.resolve(false));\n',
  },
  {
    what: 'a promise never settles: a stop lets those go on waiting who wait for a hook',
    file: 'lib/master/hooks.ts',
    from: "    for (const release of this.#waiting) release('skipped');\n",
    to: '',
  },
  {
    what: 'a socket is closed twice',
    file: 'lib/system/slot-sockets.ts',
    from: 'for (const fd of this.#fds.splice(0)) this.#native.closeFd(fd);',
    to: 'for (const fd of this.#fds) this.#native.closeFd(fd);',
  },
  {
    what: 'clients are led to a socket that is deaf',
    file: 'lib/system/slot-sockets.ts',
    from: 'if (this.#deaf.has(slot) && this.#setDeaf(slot, false)) this.#deaf.delete(slot);',
    to: 'if (this.#deaf.has(slot)) this.#deaf.delete(slot);',
  },
  {
    what: 'the listeners are closed while a worker accepts from them',
    file: 'lib/master/shutdown.ts',
    from: '    if (!attended) this.#unattended();\n',
    to: '    void attended;\n    this.#unattended();\n',
  },
  {
    what: 'a fleet that could serve is ended: one slot that fails again and again ends those that serve',
    file: 'lib/master/recovery-policy.ts',
    from: "return spread > threshold ? { kind: 'give-up', count }",
    to: "return spread >= threshold ? { kind: 'give-up', count }",
  },
  {
    what: 'sharded: a worker that was full goes on to accept for a slot that serves again',
    file: 'lib/master/monitors/sharding.ts',
    from: 'for (const handle of served.given) handle.release(',
    to: 'for (const handle of served.adopters ?? []) handle.release(',
  },
  {
    what: 'sharded: nobody accepts what waits at a slot whose worker has ended',
    file: 'lib/master/monitors/sharding.ts',
    from: '    if (this.#awake(served).length === 0) this.#orphan(served, slot);\n',
    to: '',
  },
];
