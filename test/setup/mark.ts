/** Marks what a test file starts, so that it can be told from everything else on the machine. */

import { expect, inject } from 'vitest';
import { MARK } from '../helpers/leaks.js';

process.env[MARK] = `${inject('testRun')}:${expect.getState().testPath ?? 'unknown file'}`;
