import http from 'node:http';
import { expect, test } from 'vitest';
import { gate, get, type Handler, serve } from '../../helpers/drain-helpers.js';

/** The headers of its own answer that a handler saw: before the head was written, and when the answer had ended. */
type Seen = readonly [names: readonly string[], headers: http.OutgoingHttpHeaders];

interface Row {
  readonly what: string;
  readonly handler: Handler;
  readonly request?: string;
  /** The last line of the answer's text, where it has one. Default: `ok`. */
  readonly end?: string;
}

const rows: Row[] = [
  { what: 'nothing set', handler: (_, response) => response.end('ok') },
  {
    what: 'set headers, some of them twice',
    handler: (_, response) => {
      response.setHeader('Set-Cookie', ['a=1', 'b=2']);
      response.setHeader('X-lower', 'é');
      response.appendHeader('Vary', 'a').appendHeader('vary', 'b');
      response.end('ok');
    },
  },
  {
    what: 'a flat array with duplicates',
    handler: (_, response) => {
      response.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Vary', 'a', 'vary', 'b']);
      response.end('ok');
    },
  },
  {
    what: 'a flat array after set headers',
    handler: (_, response) => {
      response.setHeader('X-One', '1');
      response.writeHead(200, 'Fine', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']);
      response.end('ok');
    },
  },
  {
    what: 'an array of pairs',
    handler: (_, response) => {
      response.writeHead(200, [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ] as unknown as string[]);
      response.end('ok');
    },
  },
  {
    what: 'an object with an array, a reason, and the case that the app gave',
    handler: (_, response) => {
      response.writeHead(203, 'Indeed', { 'x-CASE': 'y', 'Set-Cookie': ['a=1', 'b=2'], 'Content-Length': 2 });
      response.end('ok');
    },
  },
  {
    what: 'an object after an undefined reason, with set headers',
    handler: (_, response) => {
      response.setHeader('X-One', '1');
      response.writeHead(200, undefined, { 'X-One': '2', 'X-Two': '3' });
      response.end('ok');
    },
  },
  {
    what: 'chunks, trailers and no date',
    handler: (_, response) => {
      response.sendDate = false;
      response.setHeader('Trailer', 'X-Sum');
      response.write('o');
      response.addTrailers({ 'X-Sum': '1' });
      response.end('k');
    },
    end: 'X-Sum: 1\r\n\r\n',
  },
  {
    what: 'headers that were removed',
    handler: (_, response) => {
      response.setHeader('X-Gone', '1');
      for (const name of ['X-Gone', 'Date', 'Transfer-Encoding', 'Content-Length']) response.removeHeader(name);
      response.setHeader('Content-Length', 2);
      response.end('ok');
    },
  },
  {
    what: 'flushed headers',
    handler: (_, response) => {
      response.setHeader('X-One', '1');
      response.flushHeaders();
      setImmediate(() => response.end('ok'));
    },
  },
  { what: 'HEAD', handler: (_, response) => response.setHeader('X-One', '1').end('ok'), request: 'HEAD', end: '\r\n' },
  { what: '204', handler: (_, response) => response.writeHead(204, ['Vary', 'a', 'Vary', 'b']).end(), end: '\r\n' },
  { what: '304', handler: (_, response) => response.writeHead(304, { ETag: '"1"' }).end(), end: '\r\n' },
  {
    what: 'early hints and a processing notice ahead',
    handler: (_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.writeProcessing();
      response.setHeader('X-One', '1').end('ok');
    },
  },
  {
    what: 'a body that was announced with 100-continue',
    handler: (request, response) => request.resume().on('end', () => response.writeHead(200, ['A', 'b']).end('ok')),
    request: 'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
  },
  {
    what: 'HTTP/1.0 with keep-alive',
    handler: (_, response) => response.writeHead(200, { 'Content-Length': 2 }).end('ok'),
    request: 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  },
];

function text(row: Row): string {
  if (row.request === 'HEAD') return get().replace('GET', 'HEAD');
  return row.request ?? get();
}

const SAID = /^(Connection|Keep-Alive|Date): .*\r\n/gim;

function watched(handler: Handler, seen: Seen[]): Handler {
  return (request, response) => {
    const look = (): void => {
      const headers = response.getHeaders();
      delete headers['date'];
      seen.push([response.getHeaderNames(), { ...headers }]);
    };
    look();
    response.on('finish', look);
    handler(request, response);
  };
}

for (const row of rows) {
  test(`N5a an answer in a drain is the one before it but for Connection: close, and so is what its handler sees: ${row.what}`, async () => {
    const seen: Seen[] = [];
    await using fleet = await serve(http.createServer(watched(row.handler, seen)));
    const client = await fleet.connect();
    client.socket.write(text(row));
    const end = row.end ?? 'ok';
    const complete = (): boolean => new RegExp(`${end}(\\r\\n0\\r\\n\\r\\n)?$`).test(client.received());
    await client.until(end);
    while (!complete() || seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const before = client.received();
    fleet.drain.begin('replace');
    client.socket.write(text(row));
    const after = (await client.end).slice(before.length);
    expect(after.replaceAll(SAID, '')).toBe(before.replaceAll(SAID, ''));
    expect(after.match(/^(Connection|Keep-Alive): .*/gim)).toEqual(['Connection: close']);
    expect(seen.slice(2)).toEqual(seen.slice(0, 2));
    await fleet.finished();
  });
}

class Stubborn extends http.ServerResponse {
  override writeHead(status: number): this {
    return super.writeHead(status, { Connection: 'keep-alive' });
  }
}

const overruling: Readonly<Record<string, Handler>> = {
  'a set header': (_, response) => {
    response.setHeader('connection', 'keep-alive').setHeader('Keep-Alive', 'timeout=60').end('ok');
  },
  'an object': (_, response) => {
    response.writeHead(200, { Connection: 'keep-alive', connection: 'Keep-Alive', 'keep-alive': 'timeout=60' });
    response.end('ok');
  },
  'a flat array': (_, response) => {
    response.writeHead(200, ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=60', 'Vary', 'a', 'Vary', 'b']);
    response.end('ok');
  },
  'an array of pairs': (_, response) => {
    response.writeHead(200, 'OK', [['Connection', 'keep-alive']] as unknown as string[]).end('ok');
  },
  'a set header and an object': (_, response) => {
    response.setHeader('Connection', 'keep-alive').writeHead(200, { Connection: 'keep-alive' }).end('ok');
  },
  'a set header and a flat array': (_, response) => {
    response.setHeader('X-One', '1').writeHead(200, ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=1']).end('ok');
  },
  'flushed headers': (_, response) => {
    response.setHeader('Connection', 'keep-alive').flushHeaders();
    setImmediate(() => response.end('ok'));
  },
  'a header that was removed': (_, response) => {
    response.removeHeader('Connection');
    response.end('ok');
  },
  'a header that was removed, with a flat array': (_, response) => {
    response.removeHeader('Connection');
    response.writeHead(200, ['Vary', 'a', 'Vary', 'b']).end('ok');
  },
  'a header that was set and removed': (_, response) => {
    response.setHeader('Connection', 'keep-alive').setHeader('X-One', '1').removeHeader('connection');
    response.end('ok');
  },
  'a wrapped writeHead': (_, response) => {
    wrap(response, 'Connection', 'keep-alive', 'Vary', 'a', 'Vary', 'b');
    response.end('ok');
  },
};

for (const [what, handler] of [...Object.entries(overruling), ['a class of its own', undefined] as const]) {
  test(`N5b an app that wishes to keep the connection with ${what} cannot`, async () => {
    const server =
      handler === undefined
        ? http.createServer({ ServerResponse: Stubborn }, (_, response) => void response.end('ok'))
        : http.createServer(handler);
    await using fleet = await serve(server);
    const client = await fleet.connect();
    client.socket.write(get());
    await client.until('ok');
    const before = client.received().length;
    fleet.drain.begin('replace');
    client.socket.write(get());
    const answer = (await client.end).slice(before);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok/);
    expect(answer.match(/^(Connection|Keep-Alive): .*/gim)).toHaveLength(1);
    expect(answer).toMatch(/^connection: close\r$/im);
    if (answer.includes('Vary')) expect(answer).toMatch(/Vary: a\r\nVary: b\r\n/);
    await fleet.finished();
  });
}

/** Wraps writeHead() as libraries do that add headers at the last moment. */
function wrap(response: http.ServerResponse, ...headers: string[]): void {
  const { writeHead } = response;
  response.writeHead = (...args: unknown[]) => {
    const all = headers.length === 0 ? args : [args[0], headers];
    return Reflect.apply(writeHead, response, all) as http.ServerResponse<http.IncomingMessage>;
  };
}

test('N5b a response whose writeHead a library has wrapped before the drain began closes its connection', async () => {
  const { reached, reach } = gate<http.ServerResponse>();
  await using fleet = await serve(
    http.createServer((_, response) => {
      wrap(response);
      reach(response);
    }),
  );
  const client = await fleet.connect();
  client.socket.write(get());
  const response = await reached;
  fleet.drain.begin('replace');
  response.writeHead(200, { Connection: 'keep-alive' }).end('ok');
  expect(await client.end).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/);
  await fleet.finished();
});

test('N5c an answer that offers another protocol still offers it: 426 has both close and Upgrade', async () => {
  const handler: Handler = (_, response) => {
    response.writeHead(426, { Connection: 'Upgrade, Keep-Alive', Upgrade: 'websocket' }).end('upgrade');
  };
  await using fleet = await serve(http.createServer(handler));
  const client = await fleet.connect();
  fleet.drain.begin('replace');
  client.socket.write(get());
  expect(await client.end).toMatch(/^HTTP\/1\.1 426 .*\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n/);
  await fleet.finished();
});

test('N5c an answer that changes the protocol, written with writeHead, says what the app says', async () => {
  const server = http.createServer((_, response) => {
    const { socket } = response;
    response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'echo' });
    response.flushHeaders();
    socket?.end('echo');
  });
  await using fleet = await serve(server);
  const client = await fleet.connect();
  fleet.drain.begin('replace');
  client.socket.write(get());
  expect(await client.end).toMatch(/^HTTP\/1\.1 101 .*\r\nConnection: Upgrade\r\nUpgrade: echo\r\n[\s\S]*echo$/);
  await fleet.finished();
});
