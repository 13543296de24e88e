#!/usr/bin/env node
/**
 * The command `prefork`, as npm links it. CommonJS, as all that users load: docs/decisions/one-file-for-a-master.md says why.
 */

import { headStart } from './head-start.cjs';
import type { main as Main } from './main.js' with { 'resolution-mode': 'import' };

/** Exit code for wrong usage: no fleet was there, and what a configuration file has left behind is not waited for. */
const WRONG_USAGE = 2;

/** Relative to dist/command. scripts/bundle.mjs makes the first of main.ts, and puts head-start.cts into this file. */
const BUNDLE = '../bundle-command-main.cjs';
const MANIFEST = '../../package.json';

const argv = process.argv.slice(2);
const early = headStart(argv, () => ({
  addon: (require('../addon/binding.cjs') as typeof import('../addon/binding.cjs')).native,
  preload: (require('../paths.cjs') as typeof import('../paths.cjs')).PRELOAD,
}));
const { main } = require(BUNDLE) as { readonly main: typeof Main };
const version = (): string => (require(MANIFEST) as { readonly version: string }).version;

void main(argv, { version, headStart: early }).then((code) => {
  if (code === WRONG_USAGE) process.exit(code);
  process.exitCode = code;
});
