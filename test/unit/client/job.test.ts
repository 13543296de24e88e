import { afterEach, expect, test, vi } from 'vitest';
import { endBy, stopJob } from '../../../lib/client/job.js';

afterEach(() => void vi.restoreAllMocks());

test('Ctrl+Z stops the whole job, and on Windows, which has no jobs of a shell, nothing', () => {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
  expect(stopJob('win32')).toBe(false);
  expect(kill).not.toHaveBeenCalled();
  expect(stopJob('linux')).toBe(true);
  expect(kill.mock.calls).toEqual([[0, 'SIGTSTP']]);
});

test('a signal that has been heard ends the process by its default action; on Windows, where none can be sent, code 1 does', () => {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Error('ended');
  });
  expect(() => endBy('SIGHUP', 'win32')).toThrow('ended');
  expect(exit.mock.calls).toEqual([[1]]);
  expect(kill).not.toHaveBeenCalled();
  endBy('SIGHUP', 'linux');
  expect(kill.mock.calls).toEqual([[process.pid, 'SIGHUP']]);
});
