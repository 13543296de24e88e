/** What the log says, as types: one closed union, of which every line in JSON and every `'log'` event is a member. No code. */

/** The worker that an event is about. */
export interface EventOfWorker {
  readonly slot: number;
  readonly generation: number;
}

/** What went wrong. */
export interface EventFailure {
  /** Of an error: `EADDRINUSE`, `ERR_PREFORK_BOOT_FAILED`. */
  readonly code?: number | string;
  /** Why, in words. */
  readonly reason?: string;
}

/** What each event has beside {@link EventOrigin}. A field that does not apply is absent. */
export interface EventFields {
  /** A listener, its socket or its file. */
  readonly listen: Partial<EventOfWorker> & EventFailure;
  /** The start of a worker's process; of the level `warn` or `error`: it failed. */
  readonly spawn: EventOfWorker & EventFailure;
  /** Every worker serves: `workers` of them, on `addresses`, which are separated by `, `. */
  readonly ready: { readonly workers: number; readonly addresses: string };
  /** A worker ended; `requested`: by the master. Of the level `warn` or `error`: it was lost. */
  readonly exit: EventOfWorker & {
    readonly code?: number;
    readonly signal?: string;
    readonly reason?: string;
    readonly requested: boolean;
    /** Milliseconds. */
    readonly uptime: number;
  };
  /** The master fills the slot of a lost worker; with `oldPid`: it is filled again. */
  readonly recover: {
    readonly slot: number;
    readonly generation?: number;
    readonly oldPid?: number;
    readonly reason?: string;
  };
  /** With `ok` the verdict, after `took` milliseconds; with `slot` one worker more of the new generation. */
  readonly reload: Partial<EventOfWorker> &
    EventFailure & {
      readonly signal?: string;
      readonly oldPid?: number;
      readonly ok?: boolean;
      readonly took?: number;
    };
  /** To how many workers. */
  readonly scale: EventFailure & { readonly signal?: string; readonly workers?: number };
  /** A worker has had enough and is replaced. */
  readonly recycle: EventOfWorker & EventFailure;
  /** A worker finishes what it accepted. */
  readonly drain: Partial<EventOfWorker> & { readonly signal?: string };
  /** The event loop of a worker does not turn, or turns again. */
  readonly stall: EventOfWorker;
  /** The master kills a worker. */
  readonly kill: EventOfWorker & { readonly reason?: string };
  /** Who accepts connections, and who cannot. */
  readonly accept: Partial<EventOfWorker> & EventFailure;
  /** The master of a worker died. */
  readonly orphan: Partial<EventOfWorker>;
  /** A hook, or a listener of an event. */
  readonly hook: Partial<EventOfWorker> & EventFailure;
  /** The end of the fleet. */
  readonly stop: Partial<EventOfWorker> & EventFailure & { readonly signal?: string };
  /** A line of a worker's output that is no JSON object, with `stdio: 'pipe'` and `logFormat: 'json'`. */
  readonly output: EventOfWorker & { readonly stream: 'stdout' | 'stderr' };
  /** Anything else that a person should know. */
  readonly warning: Partial<EventOfWorker> & EventFailure & { readonly signal?: string };
}

/**
 * What a line of the log is about. `listen`: a listener, its socket or its file. `spawn`: the start of a worker's process. `ready`: workers
 * serve. `exit`: a worker ended. `recover`: the master fills the slot of a lost worker. `reload`, `scale`, `recycle`: these operations.
 * `drain`: a worker finishes what it accepted. `stall`: the event loop of a worker does not turn, or turns again. `kill`: the master kills a
 * worker. `accept`: who accepts connections, and who cannot. `orphan`: the master of a worker died. `hook`: a hook, or a listener of an
 * event. `stop`: the end of the fleet. `output`: a line that a worker wrote. `warning`: anything else that a person should know.
 */
export type LogEvent = keyof EventFields;

export type LogLevel = 'info' | 'warn' | 'error';

/** What every event has. */
export interface EventOrigin {
  /** ISO 8601, in UTC: `2031-05-09T16:05:09.042Z`. */
  readonly time: string;
  readonly level: LogLevel;
  /** Name of the fleet. */
  readonly fleet: string;
  /** The process that logs. */
  readonly role: 'master' | 'worker';
  /** Of the worker that the event is about; otherwise of the process that logs. */
  readonly pid: number;
  /** The same in words, as text has it behind the prefix. */
  readonly msg: string;
}

/**
 * One event of a fleet: a line of the log with `logFormat: 'json'`, and what the event `'log'` gives. A union that `event` discriminates, of
 * flat objects without a key for what does not apply. A later minor version may add fields and members.
 */
export type FleetEvent = { readonly [E in LogEvent]: EventOrigin & { readonly event: E } & EventFields[E] }[LogEvent];

/** The fields of a line of the log, which {@link Logger.child} gets: flat, and without a key for what does not apply. */
// A type and no interface: only a type fits the JSON objects of other libraries.
export type LogFields = {
  /** Name of the fleet. */
  readonly fleet: string;
  readonly event: LogEvent;
  /** Of the worker that the line is about; otherwise of the process that logs. */
  readonly pid: number;
  readonly slot?: number;
  /** Of the worker, or the one that a reload brings. */
  readonly generation?: number;
  /** Exit code of the worker that ended; otherwise `code` of the error. */
  readonly code?: number | string;
  /** The signal that ended the worker, or that a process got. */
  readonly signal?: string;
  /** Why, in words. */
  readonly reason?: string;
  /** Of `exit`: the master asked for it. */
  readonly requested?: boolean;
  /** Of `exit`: milliseconds that the worker lived. */
  readonly uptime?: number;
  /** Of `ready` and `scale`: how many. */
  readonly workers?: number;
  /** Of `ready`: where, separated by `, `. */
  readonly addresses?: string;
  /** Of `recover` and `reload`: which worker the one with `pid` took over from. */
  readonly oldPid?: number;
  /** Of `reload`: the verdict. */
  readonly ok?: boolean;
  /** Of `reload`: milliseconds until the verdict. */
  readonly took?: number;
};
