// What the fleet logs while it is soaked, as JSON: which workers ended and why, and how long their slots were empty.

/** Milliseconds in which a master may take to log an end, and a client to notice it. */
const LATE = 5_000;

/**
 * A worker notices that it is out of descriptors a turn of its event loop too late when a handler has used up all of them in one turn: libuv
 * closes what is queued then (docs/guide/sharing.md). Milliseconds on either side of the worker's line, and connections.
 */
const [AT_ONCE, QUEUED] = [500, 32];

/**
 * An hour of kills uses up all pids more than once: what is known of one ends with its process.
 * @param tallies `portsAt(pid)`: the clients' ports of the connections that a worker had open when it ended. `forget(pid)`: it has been asked.
 */
export function makeLedger(tallies) {
  const deaths = [];
  const ours = new Map();
  const blocked = new Set();
  const strange = [];
  const shortages = [];
  const recycled = new Set();
  const recoveries = [];
  const noticed = new Map();
  const causeOf = ({ pid, signal, code, requested, reason, msg }, ports) => {
    if (ours.has(pid)) return ours.get(pid);
    const how = `${signal ?? `exit code ${code}`}${requested ? ', requested' : ''}`;
    // SIGABRT: Node gives up when its inspector, which the master opens to see the stack of a blocked worker, gets no descriptor.
    if ((signal === 'SIGKILL' || signal === 'SIGABRT') && blocked.has(pid)) return `${how}: it was blocked`;
    // A worker that boots has accepted nothing: the master ends it by SIGTERM when its slot is taken away.
    if (signal === 'SIGTERM' && requested && ports.size === 0) return `${how}: it had not served`;
    strange.push(msg);
    return `${how}: ${reason}`;
  };
  const ended = (event, at) => {
    const { pid } = event;
    const ports = tallies.portsAt(pid);
    noticed.set(pid, at);
    // With code 0 it has finished everything that it had accepted.
    if (event.code !== 0) deaths.push({ at, ports, cause: causeOf(event, ports) });
    ours.delete(pid);
    blocked.delete(pid);
    tallies.forget(pid);
  };
  return {
    deaths,
    recoveries,
    /** Workers that the soak has made stand still: the master may kill them. */
    blocked,
    /** Ends that neither the soak nor a standstill explains, in words. */
    strange,
    /** When workers ran out of descriptors. */
    shortages,
    get recycled() {
      return recycled.size;
    },
    /** How many workers ended in each way that they did not choose. */
    get causes() {
      return tallied(deaths.map(({ cause }) => cause));
    },
    /** The soak is about to end this worker. */
    mark: (pid, cause) => ours.set(pid, cause),
    hear(line) {
      const event = parsed(line);
      if (event === undefined) return;
      const at = Date.parse(event.time);
      switch (event.event) {
        case 'exit':
          ended(event, at);
          break;
        case 'recover':
          if (noticed.has(event.oldPid)) recoveries.push(at - noticed.get(event.oldPid));
          break;
        case 'accept':
          if (event.msg.startsWith('out of descriptors')) shortages.push(at);
          break;
        case 'recycle':
          recycled.add(event.pid);
          break;
      }
    },
  };
}

/**
 * @param lost The lost requests of clients, as test/fixtures/load.mjs traces them.
 * @param shortages When workers ran out of descriptors.
 * @returns `{ causes, unexplained }`: how many each kind of end cost, and the requests that no end explains.
 */
export function explain(lost, deaths, shortages) {
  const unexplained = [];
  const causes = [];
  /** A worker may have taken one more from the queue when it ended, and not written that down yet. */
  const mayHaveOneMore = new Set(deaths);
  const closed = new Map(shortages.map((at) => [at, QUEUED]));
  const near = ({ at }, { began, ended }) => ended > at - LATE && began < at + LATE;
  for (const request of lost) {
    const all = deaths.filter((death) => near(death, request));
    let death = all.find(({ ports }) => ports.has(request.port));
    if (death === undefined && request.kind === 'reset') {
      death = all.find((each) => mayHaveOneMore.has(each));
      mayHaveOneMore.delete(death);
    }
    const shortage = shortages.find((at) => Math.abs(request.ended - at) < AT_ONCE && closed.get(at) > 0);
    if (death !== undefined) causes.push(death.cause);
    else if (shortage !== undefined && request.kind === 'reset') {
      closed.set(shortage, closed.get(shortage) - 1);
      causes.push('no descriptor left within one turn');
    } else unexplained.push(request);
  }
  return { causes: tallied(causes), unexplained };
}

function tallied(words) {
  const counts = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // Node's own words
  }
}
