/** One worker process as Windows has it: job, two pipes, piped output, exit. */

import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { WindowsAddon, WorkerJob } from '../../addon/native-windows.cjs';
import { Channel, hasRoom, lineOf } from '../../protocol/channel.js';
import { overStreams } from '../../protocol/ends-windows.js';
import type { InitMessage, MasterMessage, WorkerMessage } from '../../protocol/protocol.cjs';
import { MESSAGE_OVERHEAD, PIPES } from '../../protocol/protocol.cjs';
import { FROM_WORKER } from '../../protocol/what-workers-say.js';
import { followChild, LastWords } from '../launch/last-words.js';
import type { Launch, ProcessExit, WorkerProcess, WorkerProcessEvents } from '../system.js';

type Native = Pick<WindowsAddon, 'createJob' | 'duplicateSocket' | 'shareNewborns'>;

/** The exit code of what the master ended: what a POSIX shell says of SIGKILL and SIGTERM. */
const KILLED = { SIGKILL: 137, SIGTERM: 143 } as const;

export class WindowsProcess implements WorkerProcess {
  debugger: string | undefined;
  readonly #native: Native;
  readonly #child: ChildProcess;
  readonly #launch: Pick<Launch, 'listeners' | 'diesWithMaster'>;
  readonly #events: WorkerProcessEvents;
  readonly #lastWords: LastWords;
  readonly #channel: Channel<WorkerMessage, MasterMessage> | undefined;
  /** Ends the worker with the master until it watches the master itself, and whatever it started whenever it is killed. */
  readonly #job: WorkerJob | undefined;
  /** What is to be sent as soon as it is known who reads it: a wrapper may be in front of the process that serves. */
  #waiting: MasterMessage[] | undefined = [];
  /** Bytes of the user's messages in it. */
  #held = 0;
  #servingPid: number | undefined;
  #hears = false;
  #killedBy: keyof typeof KILLED | undefined;

  /**
   * @param child Started, with the pipes of `command.stdio`; without them the worker finds no channel, and says so itself.
   * @throws what keeps the kernel from tying it to this process; it is ended then.
   */
  constructor(
    native: Native,
    child: ChildProcess,
    launch: Pick<Launch, 'listeners' | 'diesWithMaster' | 'shape'>,
    events: WorkerProcessEvents,
  ) {
    this.#native = native;
    this.#child = child;
    this.#launch = launch;
    this.#events = events;
    // What Node prints at its end has the line ends of Windows; errors quote it.
    const stderr = (text: string): void => events.stderr(text.replaceAll('\r\n', '\n'));
    const dropped = (lines: number, target: 1 | 2): void => events.dropped(lines, target);
    const exit = (end: ProcessExit): void => events.exit(end);
    this.#lastWords = new LastWords({ stderr, dropped, exit }, () => this.#channel?.close(), launch.shape);
    child.on('error', () => {});
    this.#job = jobOf(native, child);
    const output = child.stdio[PIPES.control] as Socket | null | undefined;
    const input = child.stdio[PIPES.report] as Socket | null | undefined;
    if (input && output) {
      this.#channel = new Channel<WorkerMessage, MasterMessage>(overStreams(input, output), FROM_WORKER, {
        message: (message) => this.#hear(message),
        garbage: (line, cut) => {
          if (cut) return;
          events.broke(line);
          this.#channel?.close();
        },
        full: (waiting) => events.full(waiting),
        close: () => this.#lastWords.channelClosed(),
      });
      // The children keep the event loop alive, not their channels.
      this.#channel.unref();
    } else {
      this.#lastWords.channelClosed();
    }
    followChild(child, this.#lastWords, (exit) => this.#ended(exit));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  #hear(message: WorkerMessage): void {
    if (message.type === 'watching') this.#introduce(message.pid);
    else if (message.type === 'listening') this.#hears = true;
    else if (message.type !== 'wrote-stderr' || !this.#lastWords.pipedStderr) this.#events.message(message);
  }

  #introduce(pid: number): void {
    // Once: it is given what belongs to the fleet.
    if (this.#waiting === undefined) return;
    this.#servingPid = pid;
    if (!this.#launch.diesWithMaster) this.#outlives(pid);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const message of waiting) this.send(message);
  }

  /** From here on its own watch ends it, after its grace: not its job, nor that of a newborn that the master's end catches. */
  #outlives(pid: number): void {
    try {
      this.#native.shareNewborns(pid);
    } catch {
      // It ended just now, or may not be touched: then it cannot be given a socket either, which is reported.
    }
    this.#job?.release();
  }

  send(message: MasterMessage): boolean {
    if (this.#channel === undefined || this.#lastWords.exited) return false;
    if (this.#waiting !== undefined) {
      if (message.type === 'message') {
        const { length } = lineOf(message);
        if (!hasRoom(this.#held, length)) return false;
        this.#held += length + MESSAGE_OVERHEAD;
      }
      this.#waiting.push(message);
      return true;
    }
    if (message.type !== 'init') return this.#channel.send(message);
    const init = this.#withSockets(message);
    return init !== undefined && this.#channel.send(init);
  }

  #withSockets(init: InitMessage): InitMessage | undefined {
    const pid = this.#servingPid as number;
    try {
      const listeners = init.listeners.map((wire, i) => {
        const socket = this.#launch.listeners[i]?.fd;
        if (socket === undefined || socket === null) return wire;
        return { ...wire, handover: this.#native.duplicateSocket(socket, pid).toString('base64') };
      });
      return { ...init, listeners };
    } catch (error) {
      // Nothing is left for it to do. When it has ended meanwhile (ESRCH) its exit comes by itself.
      const { name, message, code } = error as NodeJS.ErrnoException;
      this.#events.message({ type: 'boot-failed', error: { name, message, ...(code !== undefined && { code }) } });
      this.kill('SIGKILL');
      return undefined;
    }
  }

  /** Only `'sharded'` has sockets of other slots. */
  adopt(): boolean {
    return false;
  }

  kill(signal: NodeJS.Signals): boolean {
    if (this.#lastWords.exited) return false;
    // There is no SIGTERM: who reads is asked, who does not read yet has nothing to finish.
    if (signal === 'SIGTERM' && this.#hears) {
      this.send({ type: 'drain', reason: 'stop' });
      return true;
    }
    const by = signal === 'SIGTERM' ? signal : 'SIGKILL';
    this.#killedBy = by;
    return this.#job === undefined ? this.#child.kill('SIGKILL') : this.#job.terminate(KILLED[by]);
  }

  letGo(): void {
    this.#channel?.destroy();
    this.#lastWords.letGo();
    this.#child.unref();
  }

  #ended({ code, signal }: ProcessExit): void {
    // It was a wrapper: what it leaves behind has no master any more that would reload, stop or kill it.
    if (this.#servingPid !== undefined && this.#servingPid !== this.pid) this.send({ type: 'drain', reason: 'stop' });
    const killed = this.#killedBy !== undefined && code === KILLED[this.#killedBy];
    this.#lastWords.ended(killed ? { code: null, signal: this.#killedBy as NodeJS.Signals } : { code, signal });
    // What it started and left behind is its own business: it was not killed, and nothing is killed with it.
    if (this.#killedBy === undefined && this.#servingPid === this.pid) this.#job?.release();
    this.#job?.close();
  }
}

/** `undefined`: it has ended already. */
function jobOf(native: Native, child: ChildProcess): WorkerJob | undefined {
  try {
    return native.createJob(child.pid as number);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
    child.kill('SIGKILL');
    throw error;
  }
}
