import { expect, test } from 'vitest';
import { explained, systemError } from '../../../lib/common/system-error.js';

const refused = (code: 'EMFILE' | 'ENOSPC' | 'EACCES' | 'EAGAIN') =>
  systemError(code, { syscall: 'bind', path: '/run/.tmp', hint: 'as the addon has it' });

test.each([
  ['EMFILE', 'ulimit -n'],
  ['ENOSPC', 'make room'],
  ['EAGAIN', 'ulimit -u'],
] as const)('%s names what to raise or to free, whatever the master was about to do', (code, cure) => {
  const error = explained(refused(code), 'the folder must exist', '/run/app.sock');
  expect(error).toMatchObject({ code, syscall: 'bind', path: '/run/app.sock' });
  expect((error as Error).message).toContain(cure);
  expect((error as Error).message).not.toContain('the folder must exist');
  expect((explained(refused(code), undefined) as Error).message).toContain(cure);
});

test('a shortage leaves the name of the option in the message', () => {
  const { message } = explained(refused('ENOSPC'), "option 'pidFile': open up that folder", '/run/pid') as Error;
  expect(message).toMatch(/^bind ENOSPC: .* \/run\/pid \(option 'pidFile': the file system is full/);
});

test('other errors have the way out of what the master was about to do', () => {
  const { message } = explained(refused('EACCES'), 'the folder must be writable') as Error;
  expect(message).toContain('(the folder must be writable)');
});
