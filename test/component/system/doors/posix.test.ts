/** The admin door, when Node cannot listen on its socket. */

import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDoor } from '../../../../lib/system/doors/posix.js';
import { native } from '../../../helpers/addon.js';
import { folderWith } from '../../../helpers/folder.js';
import { openFds } from '../../../helpers/index.js';

test('a door that cannot listen leaves no descriptor and no file, and its error names the path and the option', async () => {
  const path = join(folderWith({}), 'door');
  const before = openFds().size;
  // What node:net takes for no socket.
  const broken = { ...native, dupFd: () => openSync('/', 'r') };
  const error = await openDoor(broken, { name: 'a fleet', path }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ syscall: 'listen', path, message: expect.stringContaining("option 'admin'") });
  expect(openFds().size).toBe(before);
  expect(existsSync(path)).toBe(false);
  expect(existsSync(`${path}.lock`)).toBe(false);
});
