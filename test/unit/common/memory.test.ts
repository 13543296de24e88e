import { afterEach, expect, test, vi } from 'vitest';
import { memoryUsage, residentMemory } from '../../../lib/common/memory.js';

afterEach(() => {
  vi.restoreAllMocks();
});

test('the memory of this process is what Node says', () => {
  expect(residentMemory()).toBeGreaterThan(1_000_000);
  expect(memoryUsage()?.heapUsed).toBeGreaterThan(1_000_000);
});

test('a process that is out of descriptors cannot ask for its memory, and goes on', () => {
  const refused = Object.assign(() => {
    throw Object.assign(new Error('EMFILE: too many open files, uv_resident_set_memory'), { code: 'EMFILE' });
  });
  vi.spyOn(process, 'memoryUsage').mockImplementation(Object.assign(refused, { rss: refused }));
  expect(memoryUsage()).toBeUndefined();
  vi.restoreAllMocks();
  vi.spyOn(process.memoryUsage, 'rss').mockImplementation(refused);
  expect(residentMemory()).toBeUndefined();
});
