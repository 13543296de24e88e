import { once } from 'node:events';
import http2 from 'node:http2';
import { expect, test } from 'vitest';
import { Drain } from '../../../lib/worker/drain/drain.js';
import type { Activity } from '../../../lib/worker/drain/quiet.js';
import { kernelActivity } from '../../../lib/worker/system/kernel-activity.js';
import { native } from '../../helpers/addon.js';
import { get, httpKinds, type Spoken, serve } from '../../helpers/drain-helpers.js';
import { bounded, commandWorks, patience, testWhen } from '../../helpers/index.js';
import { type LateReport, startLateClients } from '../../helpers/late-clients.js';
import { httpProgram, startLoneWorker } from '../worker-alone/lone-worker.js';

const CONNECTIONS = 1_000;
const testWithPython = testWhen(commandWorks('python3', '--version'), 'needs python3', 'descriptors');

/** Before a deadline all is a matter of so many milliseconds. */
const REPEATS = { N7a: 2, N7b: 0, N7c: 0 } as const;

/** A server that ends no connection for being idle. */
const program = httpProgram('shutdownGracePeriod: 15_000,', "response.end('ok')").replace(
  '.listen(listener)',
  '.on("connection", (socket) => { socket.server.keepAliveTimeout = 0; }).listen(listener)',
);

const occasions = [
  {
    number: 'N7a',
    when: 'at drainTimeout',
    // Long enough for a thousand answers on a machine that is busy with other tests.
    order: { type: 'drain', reason: 'replace', timeout: patience(3_000) },
    from: 1_500,
    to: 3_000,
  },
  {
    number: 'N7b',
    when: 'on a stop',
    order: { type: 'drain', reason: 'stop', timeout: patience(15_000) },
    from: 0,
    to: 500,
  },
  { number: 'N7c', when: 'when its master died', order: 'hangUp', from: 0, to: 500 },
] as const;

for (const { number, when, order, from, to } of occasions) {
  const end = async (connections: number): Promise<LateReport & { readonly cut: boolean; readonly said: string }> => {
    await using worker = await startLoneWorker({
      program,
      env: order === 'hangUp' ? { PREFORK_MASTER_PID: '999999999' } : {},
    });
    const gone = once(worker.child, 'exit');
    // Connecting takes its time on a busy machine.
    worker.exited.catch(() => {});
    await worker.message('became-ready');
    const clients = await startLateClients(worker.port, connections, patience(from), patience(to));
    if (order === 'hangUp') worker.hangUp();
    else worker.send(order);
    const report = await clients.go();
    expect((await bounded(gone, 20_000, 'the worker ends'))[1]).toBe(null);
    const said = worker.stderr();
    return { ...report, said, cut: said.includes('not done') };
  };

  testWithPython(
    `${number} none of 1,000 kept connections that a worker ends ${when} loses a request that was sent before its end`,
    async () => {
      let connections = CONNECTIONS;
      let report = await end(connections);
      // A worker that gets too little CPU for so many answers until its deadline may get enough for fewer.
      for (let left = REPEATS[number]; left > 0 && (report.cut || report.lost.length > 0); left--) {
        connections = Math.round(connections / 4);
        report = await end(connections);
      }
      const { sent, answered, crossed, lost, closed, open, cut, said } = report;
      expect({ answered, lost, open, cut, said, all: sent + closed }).toEqual({
        answered: sent - crossed,
        lost: [],
        open: 0,
        cut: false,
        said,
        all: connections,
      });
    },
    patience(240_000),
  );
}

/** Lets the client send right before the drain looks at a connection for the last time: as late as the drain can see a request. */
function sendingLate(clients: readonly Spoken[], sent: Set<Spoken>): Activity {
  const kernel = kernelActivity(native);
  const send = (socket: object): void => {
    const { remotePort } = socket as { readonly remotePort?: number };
    const client = clients.find(({ socket: { localPort } }) => localPort === remotePort);
    // Every second one: the others are ended.
    if (client !== undefined && clients.indexOf(client) % 2 === 0 && !sent.has(client)) {
      sent.add(client);
      client.socket.write(get('/late'));
    }
  };
  return {
    quietFor: (socket) => kernel.quietFor(socket),
    waiting(socket) {
      send(socket);
      return kernel.waiting(socket);
    },
    endIfSilent(socket) {
      send(socket);
      return kernel.endIfSilent?.(socket) ?? false;
    },
  };
}

for (const { kind, make } of httpKinds) {
  test.each(['endIdle', 'stop'] as const)(
    `N7d ${kind}: a request that the kernel has received is answered, however late the look before the close (%s)`,
    async (how) => {
      const clients: Spoken[] = [];
      const sent = new Set<Spoken>();
      const drain = new Drain(sendingLate(clients, sent));
      await using fleet = await serve(
        make((_request, response) => response.end('ok')),
        drain,
      );
      for (let i = 0; i < 40; i++) clients.push(await fleet.connect());
      for (const client of clients) client.socket.write(get());
      await Promise.all(clients.map((client) => client.until('ok')));
      if (how === 'stop') drain.begin('stop', 10);
      else drain.endIdle(100, () => {});
      const texts = await Promise.all(clients.map((client) => client.end));
      expect(sent.size).toBe(20);
      for (const [i, client] of clients.entries()) {
        if (sent.has(client)) expect(texts[i]).toMatch(/Connection: keep-alive[\s\S]*Connection: close[\s\S]*ok$/);
      }
      await fleet.finished();
    },
  );
}

test('N7e http2: a stream that the kernel has received is answered, however late the look before the GOAWAY', async () => {
  const server = http2.createServer();
  server.on('stream', (stream) => {
    stream.respond();
    stream.end('ok');
  });
  const kernel = kernelActivity(native);
  let late: Promise<unknown> | undefined;
  const activity: Activity = {
    quietFor: (socket) => kernel.quietFor(socket),
    waiting: (socket) => {
      if (late !== undefined) return kernel.waiting(socket);
      // Node's client sends in a later turn: as if that were now.
      late = ask();
      return 1;
    },
  };
  await using fleet = await serve(server, new Drain(activity));
  const client = http2.connect(`http://127.0.0.1:${fleet.port}`);
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      let text = '';
      const stream = client.request();
      stream.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      stream.on('end', () => resolve(text)).on('error', reject);
    });
  client.on('error', () => {});
  expect(await ask()).toBe('ok');
  fleet.drain.begin('stop', 10);
  await fleet.finished();
  expect(await late).toBe('ok');
});
