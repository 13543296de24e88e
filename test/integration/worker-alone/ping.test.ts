import { expect, test } from 'vitest';
import { startLoneWorker } from './lone-worker.js';

/** Opens its inspector when a message asks for it, and reports the address. */
const PROGRAM = `
  import { createServer } from 'node:http';
  import inspector from 'node:inspector';
  import { prefork } from 'prefork';
  await prefork({
    name: 'lone',
    listen: 0,
    serve: (listener, worker) => {
      worker.on('message', (message) => {
        if (message === 'open') inspector.open(0);
        worker.send(inspector.url() ?? null);
      });
      return createServer((_request, response) => setTimeout(() => response.end(), 60_000)).listen(listener);
    },
  });
`;

test('a worker answers a ping with its reason and number', async () => {
  await using worker = await startLoneWorker({ program: PROGRAM, execArgv: ['--inspect-port=0'] });
  await worker.message('became-ready');
  worker.send({ type: 'ping', for: 'queue', id: 4_711 });
  expect(await worker.message('answered')).toEqual({ type: 'answered', for: 'queue', id: 4_711 });
});

test('the answer to a ping has the port of an inspector that is open', async () => {
  await using worker = await startLoneWorker({
    program: PROGRAM,
    execArgv: ['--inspect-port=0', '--inspect-publish-uid=http'],
  });
  await worker.message('became-ready');
  worker.send({ type: 'message', data: 'open' });
  const { data } = await worker.message('message');
  worker.send({ type: 'ping', for: 'liveness' });
  const { inspector } = await worker.message('answered');
  expect(inspector).toBe(Number(new URL(data as string).port));
});
