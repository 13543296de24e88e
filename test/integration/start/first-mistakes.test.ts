import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../helpers/free-port.js';
import { type Master, patience, startMaster, target, testOn, testWhen } from '../../helpers/index.js';

function start(way: string, ...args: (string | number)[]): Master {
  return startMaster('first-mistakes', { args: [way, ...args.map(String)] });
}

/** What Node prints of an uncaught error, without the log lines before it. */
async function uncaught(master: Master): Promise<string> {
  expect(await master.gone({ within: patience(20_000) })).toEqual({ code: 1, signal: null });
  return master.stderr.replace(/^(?:prefork\[.*\n)+/, '').trimStart();
}

const REFUSED = {
  'a misspelt option': "TypeError: There is no option 'worker': did you mean 'workers'?; got 2",
  'a misspelt option of the class': "TypeError: There is no option 'worker': did you mean 'workers'?; got 2",
  'the name of another library': "TypeError: There is no option 'user': did you mean 'uid'?; got",
  'an option of nowhere': "TypeError: There is no option 'colour': there are serve, listen, ",
  'a user by name': `TypeError: Option 'uid' must be a number, as 'id -u www-data' prints it for a name; got "www-data"`,
  'a group by name': `TypeError: Option 'gid' must be a number, as 'id -g www-data' prints it for a name; got "www-data"`,
  'a bare path': `RangeError: Option 'listen' must be 'unix:/tmp/x.sock' to listen on a unix socket; got "/tmp/x.sock"`,
};
for (const [way, message] of Object.entries(REFUSED)) {
  test(`F16m an error begins with its message, and the message with the way out: ${way}`, async () => {
    expect((await uncaught(start(way))).startsWith(message)).toBe(true);
  });
}

testWhen(target.agent === undefined, 'starts node here')(
  'F16m the same in CommonJS, where the error is thrown and not rejected',
  () => {
    const code = "new (require('prefork').Prefork)({ listen: 0, serve() {}, worker: 2 })";
    const { stderr } = spawnSync(target.node, ['-e', code], { cwd: target.root, encoding: 'utf8' });
    const lines = stderr
      .split('\n')
      .filter((line) => !line.includes('ExperimentalWarning') && !line.startsWith('(Use '));
    expect(lines.join('\n').trimStart()).toMatch(/^TypeError: There is no option 'worker': did you mean 'workers'/);
  },
);

test('F16m an address that another process holds is told by the message first, too', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  expect(await uncaught(start('a taken address', port))).toMatch(
    new RegExp(
      `^Error: bind EADDRINUSE: address already in use 127\\.0\\.0\\.1:${port} \\(another process listens there`,
    ),
  );
});

test('F16n two fleets of one program on one address: the error names the other fleet', async () => {
  const port = await freePort();
  const text = await uncaught(start('two fleets on one address', port));
  expect(text).toMatch(
    new RegExp(`\\(another fleet of this program listens on 127\\.0\\.0\\.1:${port}: give each its own`),
  );
  expect(text.split('\n')[0]).not.toContain('another process');
});

test('F16n an address that a server of the master itself holds: the error says so', async () => {
  const text = await uncaught(start('a server of its own'));
  expect(text).toMatch(
    /^Error: bind EADDRINUSE: .*\(a server of this process listens there: the program calls listen\(\) outside of serve/,
  );
});

test.each(['the address in place of the listener', 'the address in place of the listener, and no server returned'])(
  'F16n a worker that listens on an address of the fleet by itself: the log says what to pass to listen() (%s)',
  async (way) => {
    const master = start(way, await freePort());
    expect(await master.gone({ within: patience(20_000) })).toEqual({ code: 1, signal: null });
    expect(master.stderr).toMatch(
      /exited with code 1 .*\(the master holds this address for its workers: pass `listener`, .*\)\n/,
    );
  },
);

const NEXT = /the program waits for fleet '0', and has not called the prefork\(\) of fleet 'next', .*Promise\.all/;

testOn('signals')(
  'F16o a program that waits for its first fleet before it starts the second: the error says so, and not code 13',
  async () => {
    const master = start('one fleet after the other');
    await master.event('onMasterReady');
    master.kill('SIGTERM');
    const text = await uncaught(master);
    expect(text).toMatch(NEXT);
    expect(text).not.toContain('code 13');
  },
);

testOn('signals')('F16o a program that something keeps alive meanwhile hears it after a second', async () => {
  const master = start('one fleet after the other, with a pool');
  await master.event('onMasterReady');
  master.kill('SIGTERM');
  expect(await master.logged(NEXT)).toBeTruthy();
  master.kill('SIGTERM');
  await master.gone();
});

for (const [way, said] of [
  ['an error a moment later', 'exited with code 1: RangeError: no such tenant'],
  ['a message and an exit', 'exited with code 3; its last line on stderr: cannot reach the database'],
  ['an error that is handled', 'exited with code 4'],
] as const) {
  test(`F16p a fleet that gives up says in one line what its last worker said, also when that was ready: ${way}`, async () => {
    const master = start(way);
    await master.gone({ within: patience(20_000) });
    const [line] = /stopping, because Workers exited more than 2 times .*/.exec(master.stderr) ?? [];
    expect(line?.endsWith(`; the last one ${said}`)).toBe(true);
    if (way === 'an error a moment later') {
      expect(master.stderr).toMatch(/worker 0 \(.*\) exited with code 1 after \d+ ms: RangeError: no such tenant\n/);
      // Node prints an uncaught error past process.stderr, and the exits have it all the same.
      expect(master.stderr.match(/^ +stderr: 'RangeError: no such tenant\\n' \+$/gm)).toHaveLength(3);
    }
  });
}

test('F16p a worker that is late is said to be late once', async () => {
  const text = await uncaught(start('never ready'));
  expect(text).toMatch(/^PreforkError: worker 0 \(pid \d+, generation 0\) was not ready within 500 ms$/m);
});
