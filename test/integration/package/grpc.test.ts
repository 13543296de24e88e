import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { expect, onTestFinished } from 'vitest';
import { bounded, eventually, patience, startMaster, testOn } from '../../helpers/index.js';

const CALLERS = 4;
const RELOADS = 3;
const REFUSED = 'Stream refused by server';
/** A tenth of a second each: the stream is there when its worker is replaced. */
const NUMBERS = 60;

const serialize = (words: string): Buffer => Buffer.from(words);
const deserialize = (bytes: Buffer): string => bytes.toString();

class Greeter {
  readonly #client: Client;

  constructor(port: number) {
    // A connection of its own for each client: they would share one.
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    onTestFinished(() => this.#client.close());
  }

  /**
   * A call that a worker refuses because it drains has not run. The client sends it once more by itself, and the next worker may drain as well by
   * then. A retry policy would send again what was cut, too.
   */
  async hello(name: string): Promise<string> {
    try {
      return await this.#hello(name);
    } catch (error) {
      if ((error as ServiceError).details !== REFUSED) throw error;
      return await this.#hello(name);
    }
  }

  #hello(name: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/example.Greeter/Hello',
        serialize,
        deserialize,
        name,
        (error: ServiceError | null, answer?: string) => (error === null ? resolve(answer as string) : reject(error)),
      );
    });
  }

  async count(numbers: number): Promise<string[]> {
    const found: string[] = [];
    const stream = this.#client.makeServerStreamRequest(
      '/example.Greeter/Count',
      serialize,
      deserialize,
      String(numbers),
    );
    for await (const number of stream) found.push(number as string);
    return found;
  }
}

testOn('signals')(
  'F16l gRPC behind a connection injector that worker.signal drains loses no call in reloads, finishes its streams and stops in time',
  async () => {
    const master = startMaster('../../examples/grpc', { env: { PORT: '0' } });
    const [, port] = await eventually(() => /grpc:.*:(\d+) is served by/.exec(master.stdout), { within: 15_000 });
    const clients = Array.from({ length: CALLERS }, () => new Greeter(Number(port)));
    const failures: unknown[] = [];
    const pids = new Set<string>();
    let answered = 0;
    let over = false;
    const callers = clients.map(async (client) => {
      while (!over) {
        try {
          const [, pid = ''] = /^hello you from pid (\d+)$/.exec(await client.hello('you')) ?? [];
          pids.add(pid);
          answered += 1;
        } catch (error) {
          failures.push(error);
        }
      }
    });
    const stream = new Greeter(Number(port)).count(NUMBERS);
    for (let generation = 1; generation <= RELOADS; generation++) {
      const before = answered;
      await eventually(() => answered > before + 20, { what: 'calls are answered' });
      master.kill('SIGHUP');
      await master.logged(`reloaded: generation ${generation}`, { within: patience(60_000) });
    }
    expect(await bounded(stream, patience(20_000), 'the stream ends')).toEqual(
      Array.from({ length: NUMBERS }, (_, number) => String(number)),
    );
    over = true;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    // Workers of several generations answered, and the old ones are gone.
    expect(pids.size).toBeGreaterThan(RELOADS);
    await eventually(() => master.workers().length === 2, { within: patience(10_000), what: 'old workers are gone' });
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toContain('not done');
  },
  patience(120_000),
);
