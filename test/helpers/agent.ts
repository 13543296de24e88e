/** The tests' end of `test/agent/main.mjs`, which starts fixtures where this machine cannot: started at first use, once for a test file. */

import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { inherited } from './environment.js';
import { Registry } from './registry.js';
import { type AgentCommand, inPackage, target, thereAs } from './target.js';

/** What {@link Master} needs of a process that it started, wherever that runs. */
export interface Program extends EventEmitter {
  /** Not known yet right after the start of a program on another system. */
  readonly pid?: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  kill(signal: NodeJS.Signals | number): boolean;
}

interface News {
  readonly id: number;
  /** The agent sends it once, before anything else. */
  readonly clock?: number;
  readonly pid?: number;
  readonly failed?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exit?: { readonly code: number | null; readonly signal: NodeJS.Signals | null };
  readonly closed?: true;
}

interface StartRequest {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** `undefined` removes a variable. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Signals that a master there can get: Ctrl+C, and Ctrl+Break for every wish to stop that Windows has no word for. */
const EMITTED: Readonly<Record<string, string>> = { SIGINT: 'SIGINT', SIGTERM: 'SIGBREAK' };

class RemoteProgram extends EventEmitter implements Program {
  pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  #over = false;
  readonly #agent: Agent;
  readonly #id: number;

  constructor(agent: Agent, id: number) {
    super();
    this.#agent = agent;
    this.#id = id;
    this.stdin = new Writable({
      write(chunk: Buffer, _encoding, done) {
        agent.send({ command: 'write', id, data: chunk.toString('base64') });
        done();
      },
      final(done) {
        agent.send({ command: 'end', id });
        done();
      },
    });
  }

  hear({ pid, failed, stdout, stderr, exit, closed }: News): void {
    if (pid !== undefined) this.pid = pid;
    if (failed !== undefined) this.emit('error', new Error(failed));
    if (stdout !== undefined) this.stdout.write(Buffer.from(stdout, 'base64'));
    if (stderr !== undefined) this.stderr.write(Buffer.from(stderr, 'base64'));
    if (exit !== undefined) {
      this.#over = true;
      this.emit('exit', exit.code, exit.signal);
    }
    if (closed === true) {
      // As with a process of our own: everything it wrote has been read when it counts as closed.
      const ends = [this.stdout, this.stderr].map((stream) => new Promise((resolve) => stream.once('close', resolve)));
      void Promise.all(ends).then(() => this.emit('close'));
      this.stdout.end();
      this.stderr.end();
    }
  }

  kill(signal: NodeJS.Signals | number): boolean {
    if (this.#over) return false;
    const emitted = EMITTED[signal];
    if (emitted === undefined) this.#agent.send({ command: 'kill', id: this.#id, signal });
    else this.#agent.emitIn(this, emitted);
    return true;
  }
}

class Agent {
  /** Where every node process there leaves a file: test/agent/registers.cjs. */
  readonly registry = mkdtempSync(join(tmpdir(), 'prefork-agent-'));
  /** Those that it started, and what they started. */
  readonly processes = new Registry(this.registry);
  /** For programs whose environment is not that of their parent. */
  readonly registering: Readonly<Record<string, string>> = {
    NODE_OPTIONS: `--require ${JSON.stringify(thereAs(inPackage('test/agent/registers.cjs')))}`,
    PREFORK_TEST_REGISTRY: thereAs(this.registry),
  };
  readonly #server: Server;
  readonly #programs = new Map<number, RemoteProgram>();
  readonly #ended: Promise<void>;
  readonly #signals = new Map<number, Socket>();
  readonly #pending = new Map<number, readonly string[]>();
  #process: ChildProcess | undefined;
  #socket: Socket | undefined;
  #queue: string[] = [];
  #ahead = 0;

  constructor({ command: [file, ...args], env }: AgentCommand) {
    const log = join(this.registry, 'log');
    let ended = (): void => {};
    this.#ended = new Promise((resolve) => {
      ended = resolve;
    });
    const signals = createServer((socket) => this.#hearFrom(socket));
    this.#server = createServer((socket) => this.#connected(socket));
    signals.listen(0, '127.0.0.1', () => {
      const where = (signals.address() as AddressInfo).port;
      this.#server.listen(0, '127.0.0.1', () => {
        const { port } = this.#server.address() as AddressInfo;
        const own = {
          PREFORK_TEST_REGISTRY: thereAs(this.registry),
          PREFORK_TEST_SIGNALS: String(where),
        };
        const output = openSync(log, 'w');
        // Files, because the first node.exe under Wine cannot use a pipe of Linux.
        this.#process = spawn(file as string, [...args, String(port)], {
          env: { ...inherited(), ...env, ...own },
          stdio: ['ignore', output, output],
          detached: true,
        });
        closeSync(output);
        this.#process.once('exit', (code, signal) => {
          if (this.#programs.size > 0) {
            const why = `The agent ended, code ${code}, signal ${signal}: ${readFileSync(log, 'utf8')}`;
            for (const program of this.#programs.values()) program.emit('error', new Error(why));
          }
          signals.close();
          this.#server.close();
          ended();
        });
      });
    });
  }

  /** A moment of the monotonic clock there, as one of the clock here: a little later, never earlier. */
  here(moment: number): number {
    return moment + this.#ahead;
  }

  /** Starts a program there; what happens to it comes as events, its pid first. */
  start({ env, ...request }: StartRequest): RemoteProgram {
    const id = this.#programs.size;
    const program = new RemoteProgram(this, id);
    this.#programs.set(id, program);
    const changes = Object.entries({ ...this.registering, ...env }).map(([name, value]) => [name, value ?? null]);
    this.send({ command: 'start', id, ...request, env: Object.fromEntries(changes) });
    return program;
  }

  /** TerminateProcess. */
  terminate(pid: number): void {
    this.send({ command: 'terminate', pid });
  }

  /** Emits a signal in a program, as Node does for an event of the console. */
  emitIn(program: Program, signal: string): void {
    if (program.pid === undefined) throw new Error(`A program that has not been started cannot get ${signal}`);
    const socket = this.#signals.get(program.pid);
    if (socket !== undefined) socket.write(`${signal}\n`);
    // The program is about to send its pid on the socket on which it hears.
    else this.#pending.set(program.pid, [...(this.#pending.get(program.pid) ?? []), signal]);
  }

  send(message: Readonly<Record<string, unknown>>): void {
    const line = `${JSON.stringify(message)}\n`;
    if (this.#socket === undefined) this.#queue.push(line);
    else this.#socket.write(line);
  }

  /** Ends it, and with it the programs that it started. */
  async end(): Promise<void> {
    this.#programs.clear();
    if (this.#socket === undefined) this.#process?.kill('SIGKILL');
    else this.#socket.end();
    for (const socket of this.#signals.values()) socket.destroy();
    await this.#ended;
    rmSync(this.registry, { recursive: true, force: true });
  }

  #connected(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', () => {}); // the exit of the agent is the report
    createInterface({ input: socket }).on('line', (line) => {
      const news = JSON.parse(line) as News;
      if (news.clock !== undefined) this.#ahead = now() - news.clock;
      this.#programs.get(news.id)?.hear(news);
    });
    for (const line of this.#queue) socket.write(line);
    this.#queue = [];
  }

  #hearFrom(socket: Socket): void {
    socket.on('error', () => {}); // the program ended
    socket.once('data', (data) => {
      const pid = Number(data);
      this.#signals.set(pid, socket);
      for (const signal of this.#pending.get(pid) ?? []) socket.write(`${signal}\n`);
      this.#pending.delete(pid);
    });
  }
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

let running: Agent | undefined;

/** @throws on a target whose programs are started from here. */
export function agent(): Agent {
  if (target.agent === undefined) throw new Error(`The target ${target.name} has no agent`);
  running ??= new Agent(target.agent);
  return running;
}

/** After the last test of a file. */
export async function endAgent(): Promise<void> {
  await running?.end();
  running = undefined;
}
