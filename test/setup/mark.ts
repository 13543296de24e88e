/** Marks what a test file starts, so that the leak checks can find it among everything else on the machine. */

import { expect, inject } from 'vitest';
import { MARK } from '../helpers/leaks.js';

process.env[MARK] = `${inject('testRun')}:${expect.getState().testPath ?? 'unknown file'}`;
