import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { Connection } from '../../../../lib/master/admin/connection.js';
import { settle } from '../../../helpers/fake-system.js';

/** The master's end of a connection, whose time passes when the test says so. */
class Client extends Duplex {
  idle = 0;
  #expired = (): void => {};

  setTimeout(ms: number, expired = this.#expired): this {
    this.idle = ms;
    this.#expired = expired;
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {}

  override _write(_bytes: Buffer, _encoding: string, done: () => void): void {
    done();
  }

  expire(): void {
    this.#expired();
  }
}

function connected() {
  const client = new Client();
  let closed = false;
  new Connection(client as unknown as Socket, {
    request: (_request, reply) => reply({ result: {} }),
    closed: () => {
      closed = true;
    },
  });
  return { client, closed: () => closed };
}

test('R5h a client that asks nothing has its place for ten seconds, and one that has asked for a minute without a sign of life', async () => {
  const silent = connected();
  expect(silent.client.idle).toBe(10_000);
  silent.client.expire();
  await settle();
  expect(silent.closed()).toBe(true);

  const asked = connected();
  asked.client.push('{"v":1,"id":1,"method":"status"}\n');
  await settle();
  expect({ idle: asked.client.idle, closed: asked.closed() }).toEqual({ idle: 60_000, closed: false });
  asked.client.expire();
  await settle();
  expect(asked.closed()).toBe(true);
});
