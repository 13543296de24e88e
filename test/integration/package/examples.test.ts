import { execFileSync } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { asFixture, copyPackage } from '../../helpers/copies.js';
import {
  bounded,
  commandWorks,
  eventually,
  httpGet,
  inPackage,
  type Master,
  sendSignal,
  startMaster,
  testWhen,
  tlsMaterial,
  untilDead,
} from '../../helpers/index.js';

function startExample(name: string, env: Record<string, string>): Master {
  return startMaster(`../../examples/${name}`, { env });
}

/** Waits for what the example prints to stdout. */
function printed(master: Master, pattern: RegExp): Promise<RegExpExecArray> {
  return eventually(() => pattern.exec(master.stdout), { within: 15_000, what: `${pattern} is printed` });
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(master.members()).toEqual([]);
}

test('the http example says where it listens, who serves, what to try, and all of it is true', async () => {
  const master = startExample('http', { PORT: '0' });
  const [, url, count, pid] = await printed(
    master,
    /^(http:\S+) is served by (\d+) workers .* the master is pid (\d+)$/m,
  );
  await printed(master, /here stops everything/);
  expect(Number(pid)).toBe(master.pid);
  const workers = [...master.stdout.matchAll(/^ {2}worker (\d+) {2}pid (\d+)$/gm)].map(([, , worker]) =>
    Number(worker),
  );
  expect(workers).toHaveLength(Number(count));
  expect(workers.toSorted()).toEqual(master.workers().toSorted());
  // Started without a terminal: there is no Ctrl-C to speak of.
  expect(master.stdout).toContain(`kill ${master.pid} here stops everything`);

  const port = Number(new URL(url as string).port);
  const [, answered] = /^hello from worker \d+ \(pid (\d+)\)$/m.exec((await httpGet({ port })).body) ?? [];
  expect(workers).toContain(Number(answered));

  const [, victim] = /kill -9 (\d+)/.exec(master.stdout) ?? [];
  expect(workers).toContain(Number(victim));
  sendSignal(Number(victim), 'SIGKILL');
  await master.logged(`took over from pid ${victim}`);
  expect((await httpGet({ port })).status).toBe(200);

  expect(master.stdout).toMatch(new RegExp(`kill -HUP ${master.pid} +reloads`));
  const before = master.workers();
  master.kill('SIGHUP');
  await master.logged('reloaded: generation 1');
  await eventually(() => master.workers().every((worker) => !before.includes(worker)), {
    what: 'the old ones are gone',
  });
  expect(master.workers()).toHaveLength(Number(count));
  expect(master.stdout).toContain(`kill -TTIN ${master.pid}`);
  master.kill('SIGTTIN');
  await eventually(() => master.workers().length === Number(count) + 1, { what: 'there is one worker more' });
  master.kill('SIGTTOU');
  await eventually(() => master.workers().length === Number(count), { what: 'there is one worker less' });
  expect((await httpGet({ port })).status).toBe(200);
  await stops(master);
});

test('the http example takes its workers along when the master is killed', async () => {
  const master = startExample('http', { PORT: '0' });
  await printed(master, /here stops everything/);
  master.kill('SIGKILL');
  expect(await master.gone()).toEqual({ code: null, signal: 'SIGKILL' });
  await eventually(() => master.members().length === 0, { what: 'its workers are gone' });
});

test('the http example says what to do when its port is taken', async () => {
  const first = startExample('http', { PORT: '0' });
  const [, port] = await printed(first, /^http:\S+:(\d+) is served/m);
  const second = startExample('http', { PORT: port as string });
  expect(await second.gone()).toEqual({ code: 1, signal: null });
  expect(second.stderr).toContain('EADDRINUSE');
  expect(second.stderr).toContain(`PORT=${Number(port) + 1} npm start takes another port`);
  await stops(first);
});

test('the https example answers with a certificate that clients can verify, and sessions resume on any worker', async () => {
  const { cert: ca, keyFile, certFile } = tlsMaterial();
  const master = startExample('https', { PORT: '0', TLS_KEY: keyFile, TLS_CERT: certFile });
  const [, port, first, second] = await printed(master, /localhost:(\d+) is served by the workers (\d+), (\d+)/);
  const session = await new Promise<Buffer>((resolve, reject) => {
    const socket = tls.connect({ port: Number(port), host: '127.0.0.1', servername: 'localhost', ca });
    socket.once('error', reject);
    socket.once('session', (ticket) => {
      resolve(ticket);
      socket.destroy();
    });
  });
  const agent = new https.Agent({ session, maxCachedSessions: 0 });
  for (let i = 0; i < 5; i++) {
    const [, pid] =
      /^hello from pid (\d+), resumed TLS session$/m.exec((await httpGet({ port: Number(port), ca, agent })).body) ??
      [];
    expect([first, second]).toContain(pid);
  }
  await stops(master);
});

testWhen(
  commandWorks('openssl', 'version'),
  'needs openssl',
  'posixProcesses',
)(
  'the https and http2 examples of an installed package serve with the certificate that the command in their head makes',
  async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-examples-')));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const installed = join(folder, 'node_modules/prefork');
    copyPackage(installed, 'examples');
    const [, command = ''] =
      /^\/\/ {3}(openssl .*\n(?:\/\/ {5}.*\n)*)/m.exec(readFileSync(join(installed, 'examples/https.mjs'), 'utf8')) ??
      [];
    execFileSync('sh', ['-c', command.replace(/^\/\/ +/gm, '')], { cwd: folder, stdio: 'pipe' });
    const ca = readFileSync(join(folder, 'cert.pem'), 'utf8');
    for (const name of ['https', 'http2']) {
      const master = startMaster(asFixture(join(installed, `examples/${name}.mjs`)), {
        cwd: folder,
        env: { PORT: '0' },
      });
      const [, port] = await printed(master, /localhost:(\d+) is served by the workers/);
      expect((await httpGet({ port: Number(port), ca })).body).toMatch(/^hello from pid \d+/);
      await stops(master);
    }
  },
);

test('no example needs a file that the package does not contain', () => {
  const files = readdirSync(inPackage('examples'), { recursive: true, encoding: 'utf8' });
  const leaving = files
    .filter((file) => /\.(mjs|py)$/.test(file))
    .filter((file) =>
      /\.\.\/(test|bench|scripts|lib|native)\b/.test(readFileSync(inPackage(`examples/${file}`), 'utf8')),
    );
  expect(leaving).toEqual([]);
});

test('the http2 example speaks HTTP/2 and, to other clients, HTTP/1.1', async () => {
  const { cert: ca, keyFile, certFile } = tlsMaterial();
  const master = startExample('http2', { PORT: '0', TLS_KEY: keyFile, TLS_CERT: certFile });
  const [, port, first, second] = await printed(master, /localhost:(\d+) is served by the workers (\d+), (\d+)/);
  const session = http2.connect(`https://localhost:${port}`, {
    ca,
    lookup: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }] as never, 4),
  });
  onTestFinished(() => session.destroy());
  const body = new Promise<string>((resolve, reject) => {
    session.once('error', reject);
    let text = '';
    session
      .request({ ':path': '/' })
      .setEncoding('utf8')
      .on('data', (chunk: string) => {
        text += chunk;
      })
      .on('end', () => resolve(text))
      .on('error', reject)
      .end();
  });
  const [, pid] =
    /^hello from pid (\d+) over HTTP\/2\.0$/m.exec(await bounded(body, 10_000, 'the stream is answered')) ?? [];
  expect([first, second]).toContain(pid);
  expect((await httpGet({ port: Number(port), ca })).body).toMatch(/over HTTP\/1\.1$/m);
  // With the session still open: a stop ends idle sessions.
  await stops(master);
});

test('the unix socket example makes the file with its mode, and removes it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const socketPath = join(folder, 'app.sock');
  const master = startExample('unix-socket', { SOCKET: socketPath });
  const [, ...pids] = await printed(master, /is served by the workers (\d+), (\d+)/);
  expect(statSync(socketPath).mode & 0o777).toBe(0o660);
  const [, pid] = /^hello from pid (\d+)$/m.exec((await httpGet({ socketPath })).body) ?? [];
  expect(pids).toContain(pid);
  await stops(master);
  expect(existsSync(socketPath)).toBe(false);
});

test('F17m the prom-client example adds up the metrics of all workers, also after one was replaced', async () => {
  const master = startExample('prom-client', { PORT: '0', METRICS_PORT: '0' });
  const [, port, metricsPort] = await printed(master, /:(\d+) is served by[\s\S]*127\.0\.0\.1:(\d+)\/metrics/);
  const total = async (): Promise<number> => {
    const { status, body } = await httpGet({ port: Number(metricsPort) });
    expect(status).toBe(200);
    return Number(/^app_requests_total (\d+)$/m.exec(body)?.[1]);
  };
  // A worker that has not answered within a second is left out of a sum.
  const adds = (sum: number) =>
    eventually(async () => (await total()) === sum, { what: `the workers add up to ${sum}` });
  const pids = new Set<string>();
  for (let i = 1; i <= 20 || pids.size < 2; i++) {
    pids.add((await httpGet({ port: Number(port) })).body);
    if (i % 10 === 0) await adds(i);
  }
  const old = master.workers();
  master.kill('SIGHUP');
  await master.logged('reloaded: generation 1');
  await Promise.all(old.map((worker) => untilDead(worker)));
  await adds(0);
  await httpGet({ port: Number(port) });
  await adds(1);
  await stops(master);
});

testWhen(commandWorks('python3', '-c', 'pass'), 'needs python3')(
  'the Python example: workers in another language answer, are recovered, and stop',
  async () => {
    const master = startExample('python-worker', { PORT: '0' });
    const [, port, ...pids] = await printed(master, /:(\d+) is served by the Python workers (\d+), (\d+)/);
    const ask = async (): Promise<string | undefined> =>
      /^hello from Python, pid (\d+)$/m.exec((await httpGet({ port: Number(port) })).body)?.[1];
    for (let i = 0; i < 5; i++) expect(pids).toContain(await ask());
    sendSignal(Number(pids[0]), 'SIGKILL');
    await master.logged(`took over from pid ${pids[0]}`);
    expect(master.workers().map(String)).toContain(await ask());
    await stops(master);
  },
);

test('the ws example answers over WebSocket, and a reload asks its clients to come back', async () => {
  const master = startExample('ws', { PORT: '0' });
  const [, url, pids] = await printed(master, /^(ws:\S+) is served by the workers (.*)$/m);
  const workers = String(pids).split(', ').map(Number);
  const { socket, answer } = await says(String(url), 'hello');
  expect(workers).toContain(Number(/^(\d+): hello$/.exec(answer)?.[1]));

  const closed = bounded(once(socket, 'close'), 10_000, 'the close of the socket');
  master.kill('SIGHUP');
  expect((await closed)[0]).toBe(1012);
  // It may come back to the other one, and be asked again.
  await Promise.all(workers.map((pid) => untilDead(pid)));
  const again = await says(String(url), 'again');
  expect(workers).not.toContain(Number.parseInt(again.answer, 10));
  again.socket.close();
  await stops(master);
});

/** ws has no types of its own. */
interface WebSocket extends EventEmitter {
  send(text: string): void;
  close(): void;
}
const ws: { WebSocket: new (url: string) => WebSocket } = createRequire(import.meta.url)('ws');

async function says(url: string, text: string): Promise<{ socket: WebSocket; answer: string }> {
  const socket = new ws.WebSocket(url);
  await bounded(once(socket, 'open'), 10_000, 'the opening of the socket');
  const answered = once(socket, 'message');
  socket.send(text);
  const [data] = await bounded(answered, 10_000, 'the answer');
  return { socket, answer: String(data) };
}
