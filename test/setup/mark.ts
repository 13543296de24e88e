/** Marks what a test file starts, so that the leak checks can find it among everything else on the machine, and says which process runs it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import { MARK } from '../helpers/leaks.js';

const file = expect.getState().testPath ?? 'unknown file';
process.env[MARK] = `${inject('testRun')}:${file}`;
writeFileSync(join(inject('testProcesses'), String(process.pid)), file);
