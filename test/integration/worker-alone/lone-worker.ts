/** A worker process whose master is the test: real descriptors, real preload, real channel, and every message in sight. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { SecureContextOptions } from 'node:tls';
import { linux } from '../../../lib/addon/narrow.cjs';
import { Channel } from '../../../lib/protocol/channel.js';
import { overSocket } from '../../../lib/protocol/ends-posix.js';
import type { MasterMessage, WireListener, WorkerMessage } from '../../../lib/protocol/protocol.cjs';
import { ENV, MARKER } from '../../../lib/protocol/protocol.cjs';
import { FROM_WORKER } from '../../../lib/protocol/what-workers-say.js';
import { native } from '../../helpers/addon.js';
import { catchUp } from '../../helpers/catch-up.js';
import { bounded, eventually, inPackage, target } from '../../helpers/index.js';

const PRELOAD = inPackage('dist/preload.cjs');

export interface LoneWorkerOptions {
  /** ES module source. `prefork` can be imported; without a trailing call to it the process is a worker that never serves. */
  readonly program: string;
  /** Number of TCP listeners on loopback. Default: `1`. */
  readonly listeners?: number;
  /** Listeners that the worker binds by itself. Default: `false`. */
  readonly reuseport?: boolean;
  /** Changes what the environment promises. */
  readonly promise?: (wire: WireListener) => WireListener;
  readonly tls?: SecureContextOptions;
  /** Path of the preload. Default: the built one; `false`: none. */
  readonly preload?: string | false;
  /** Default: `true`. False: the environment names a control channel that is not there. */
  readonly control?: boolean;
  /** Default: `true`. False: the test sends `init` itself. */
  readonly init?: boolean;
  /** Default: `true`. False: a worker that drains on a signal does not hear that it was the only one. */
  readonly says?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
}

export interface LoneWorker extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly wires: readonly WireListener[];
  readonly port: number;
  /** The test's own descriptors of the listeners. */
  readonly listenerFds: readonly number[];
  readonly messages: readonly WorkerMessage[];
  /** What the worker wrote to stdout and stderr. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  send(message: MasterMessage): void;
  /** The first message of a type; rejects when the process ends without one. */
  message<Type extends WorkerMessage['type']>(type: Type): Promise<Extract<WorkerMessage, { type: Type }>>;
  /** Ends the master's side of the channel: to the worker its master is gone. */
  hangUp(): void;
}

export async function startLoneWorker(options: LoneWorkerOptions): Promise<LoneWorker> {
  const { listeners = 1, reuseport = false, preload = PRELOAD, control = true } = options;
  const bound = Array.from({ length: listeners }, () => {
    const request = { family: 'IPv4', address: '127.0.0.1', port: 0, ipv6Only: false } as const;
    return reuseport ? linux(native).guard(request) : native.listen({ ...request, backlog: 100, reusePort: false });
  });
  const wires = bound.map((socket, i): WireListener => {
    const { family, address, port } = socket;
    const wire = {
      fd: reuseport ? null : 3 + i,
      name: String(i),
      family,
      address,
      boundAs: address,
      backlog: 77,
      ipv6Only: false,
    };
    return (
      options.promise?.({ ...wire, ...(port !== undefined && { port }) }) ?? {
        ...wire,
        ...(port !== undefined && { port }),
      }
    );
  });
  const inherited = reuseport ? [] : bound.map(({ fd }) => fd);
  const [mine, theirs] = native.socketPair();
  const child = spawn(
    target.node,
    [
      ...(preload === false ? [] : ['--require', preload]),
      ...(options.execArgv ?? []),
      '--input-type=module',
      '--eval',
      options.program,
    ],
    {
      cwd: target.root,
      stdio: ['ignore', 'pipe', 'pipe', ...inherited, ...(control ? [theirs] : [])],
      env: {
        ...process.env,
        [ENV.child]: MARKER,
        [ENV.fleet]: 'lone',
        [ENV.slot]: '2',
        [ENV.generation]: '1',
        [ENV.masterPid]: String(process.pid),
        [ENV.controlFd]: String(3 + inherited.length),
        [ENV.listenFds]: String(inherited.length),
        ...options.env,
      },
    },
  );
  native.closeFd(theirs);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const messages: WorkerMessage[] = [];
  let gone = false;
  const channel = new Channel<WorkerMessage, MasterMessage>(overSocket(mine), FROM_WORKER, {
    message: (message) => {
      messages.push(message);
      if (message.type === 'began-draining' && (options.says ?? true)) channel.send({ type: 'alone' });
    },
    close: () => {},
    garbage: (line) => {
      throw new Error(`The worker sent ${line}`);
    },
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => {
      gone = true;
      resolve({ code, signal });
    });
  });
  const { tls } = options;
  if (options.init ?? true) channel.send({ type: 'init', listeners: wires, ...(tls !== undefined && { tls }) });
  return {
    child,
    pid: child.pid ?? 0,
    wires,
    port: wires[0]?.port ?? 0,
    listenerFds: bound.map(({ fd }) => fd),
    messages,
    stdout: () => {
      catchUp(child.stdout);
      return stdout;
    },
    stderr: () => {
      catchUp(child.stderr);
      return stderr;
    },
    get exited() {
      return bounded(exited, 30_000, () => `the worker ends; ${stderr}`);
    },
    send: (message) => void channel.send(message),
    async message(type) {
      const find = () => messages.find((message) => message.type === type);
      await eventually(() => find() !== undefined || gone, {
        within: 20_000,
        what: `the worker sends ${type}; ${stderr}`,
      });
      // The messages that it sent before it ended may be read after its end.
      const found = await eventually(find, {
        within: 2_000,
        what: `a message '${type}' of a worker that ended: ${stderr}`,
      });
      return found as never;
    },
    hangUp: () => channel.close(),
    async [Symbol.asyncDispose]() {
      channel.close();
      child.kill('SIGKILL');
      await exited;
      for (const { fd } of bound) native.closeFd(fd);
    },
  };
}

/** A program that serves HTTP and says on stdout when `prefork()` has settled. */
export function httpProgram(options = '', handler = "response.end('ok')", before = '', after = ''): string {
  return `
    import { createServer } from 'node:http';
    import { currentWorker, isChild, prefork } from 'prefork';
    ${before}
    await prefork({
      name: 'lone',
      listen: '127.0.0.1:0',
      serve: (listener, worker) => createServer((request, response) => { ${handler} }).listen(listener),
      ${options}
    });
    console.log('settled');
    ${after}
  `;
}
