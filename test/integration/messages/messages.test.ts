import { expect, test } from 'vitest';
import { type FixtureEvent, type Master, sendSignal, startMaster } from '../../helpers/index.js';

async function startEchoing(): Promise<{ master: Master; pids: readonly number[] }> {
  const master = startMaster('echoes-messages');
  const { pids } = await master.event('onMasterReady');
  return { master, pids };
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

const echo = (message: unknown) => ({
  where: (event: FixtureEvent) => JSON.stringify(event['message']) === JSON.stringify({ echo: message }),
});

test('a message is delivered to its worker alone, an answer to the master with the worker that sent it', async () => {
  const { master, pids } = await startEchoing();
  const values = [{ nested: ['ü', { deep: true }] }, 'two\nlines\r\n\u2028', 0, false, null, [], ''];
  for (const value of values) expect(await master.call('send', 1, value)).toBe(true);
  for (const value of values)
    expect(await master.event('message', echo(value))).toMatchObject({ slot: 1, pid: pids[1] });
  expect(
    master.events('message').filter(({ slot, message }) => slot === 0 && 'echo' in message && !message.echo.early),
  ).toEqual(
    // The messages of the master from before the worker could listen, and no others.
    master.events('message').filter(({ slot, message }) => slot === 0 && message.echo?.early === 0),
  );
  await stops(master);
});

test('a broadcast reaches every worker, and messages keep their order both ways', async () => {
  const { master } = await startEchoing();
  await master.call('sendMany', 500);
  const numbersOf = (wanted: number): number[] =>
    master.events('message').flatMap(({ slot, message }) => (slot === wanted ? (message.echo?.number ?? []) : []));
  for (const slot of [0, 1]) {
    await master.event('message', {
      where: (event) => event['slot'] === slot && event['message'].echo?.number === 499,
    });
    expect(numbersOf(slot)).toEqual(Array.from({ length: 500 }, (_, index) => index));
  }
  await stops(master);
});

test('messages that one side sent before the other listened are delivered first', async () => {
  const { master } = await startEchoing();
  await master.call('broadcast', 'late');
  for (const slot of [0, 1]) {
    await master.event('message', { where: (event) => event['slot'] === slot && event['message'].echo === 'late' });
    const messages = master.events('message').flatMap((event) => (event['slot'] === slot ? [event['message']] : []));
    expect(messages).toEqual([
      { early: slot },
      { refused: 'TypeError' },
      { refused: 'TypeError' },
      { refused: 'TypeError' },
      { echo: { early: slot } },
      { echo: 'late' },
    ]);
  }
  await stops(master);
});

test('a message of several megabytes arrives whole and holds up nothing else', async () => {
  const { master } = await startEchoing();
  const length = 4 * 1024 * 1024;
  expect(await master.call('sendLong', 0, length)).toBe(true);
  expect(await master.call('send', 1, 'short')).toBe(true);
  await master.event('message', echo('short'));
  expect(await master.event('message', { where: ({ message }) => message.length === length })).toMatchObject({
    slot: 0,
  });
  await stops(master);
});

test('a value that JSON cannot carry is a TypeError of the sender, and the channel goes on', async () => {
  const { master } = await startEchoing();
  expect(await master.call('sendBad')).toEqual(['TypeError', 'TypeError', 'TypeError', 'TypeError']);
  await master.call('send', 0, 'afterwards');
  expect(await master.event('message', echo('afterwards'))).toMatchObject({ slot: 0 });
  await stops(master);
});

test('sending to a worker that has ended is false, and its successor gets messages to its slot', async () => {
  const { master, pids } = await startEchoing();
  sendSignal(pids[0] as number, 'SIGKILL');
  const { newPid } = await master.event('onChildRecover');
  expect(await master.call('sendTo', pids[0], 'to the dead')).toBe(false);
  expect(await master.call('send', 0, 'to the living')).toBe(true);
  expect(await master.event('message', echo('to the living'))).toMatchObject({ slot: 0, pid: newPid });
  await stops(master);
});
