import inspector from 'node:inspector';
import { beforeEach, expect, test, vi } from 'vitest';
import { closeInspector } from '../../../lib/worker/inspector-port.js';

vi.mock('node:inspector', () => {
  const faked = { url: vi.fn(), close: vi.fn() };
  return { ...faked, default: faked };
});

beforeEach(() => {
  vi.mocked(inspector.close).mockClear();
});

/** Of a worker that listened at `host` and 9229 before. */
async function keeps(url: string, host: string, port = 9_229): Promise<boolean> {
  vi.mocked(inspector.url).mockReturnValue(url);
  await closeInspector([{ host, port }]);
  return vi.mocked(inspector.close).mock.calls.length === 0;
}

test.each([
  ['127.0.0.1', '10.0.0.5'],
  ['127.0.0.1', '::1'],
  ['127.0.0.1', '::'],
  ['[::1]', '0.0.0.0'],
  ['localhost', '10.0.0.5'],
])('a worker closes an inspector at %s on a port where it listened at %s alone', async (opened, host) => {
  expect(await keeps(`ws://${opened}:9229/x`, host)).toBe(false);
});

test.each([
  ['10.0.0.5', '10.0.0.5'],
  ['10.0.0.5', '0.0.0.0'],
  ['0.0.0.0', '0.0.0.0'],
  ['[::1]', '0000:0000:0000:0000:0000:0000:0000:0001'],
  ['[::1]', '::'],
  ['localhost', '127.0.0.1'],
])('a worker keeps an inspector at %s on a port where it listened at %s', async (opened, host) => {
  expect(await keeps(`ws://${opened}:9229/x`, host)).toBe(true);
});

test('a worker keeps an inspector on port 80 where it listened, although its URL shows no port', async () => {
  expect(new URL('ws://127.0.0.1:80/x').port).toBe('');
  expect(await keeps('ws://127.0.0.1:80/x', '127.0.0.1', 80)).toBe(true);
});

test('a worker whose master names no sockets of before closes the inspector', async () => {
  vi.mocked(inspector.url).mockReturnValue('ws://127.0.0.1:9229/x');
  await closeInspector(undefined);
  expect(inspector.close).toHaveBeenCalledOnce();
});
