#!/usr/bin/env node
/**
 * The command `prefork`, as npm links it. CommonJS, as all that users load: docs/decisions/one-file-for-a-master.md says why.
 */

import type { headStart as HeadStart } from './head-start.cjs';
import type { main as Main } from './main.js' with { 'resolution-mode': 'import' };

/** Exit code for wrong usage: no fleet was there, and what a configuration file has left behind is not waited for. */
const WRONG_USAGE = 2;

/** Relative to dist/command. scripts/bundle.mjs makes the first of main.ts. */
const BUNDLE = '../bundle-command-main.cjs';
const HEAD_START = '../bundle-command-head-start.cjs';
const MANIFEST = '../../package.json';

const argv = process.argv.slice(2);
const early = (require(HEAD_START) as { readonly headStart: typeof HeadStart }).headStart(argv);
const { main } = require(BUNDLE) as { readonly main: typeof Main };
const version = (): string => (require(MANIFEST) as { readonly version: string }).version;

void main(argv, { version, headStart: early }).then((code) => {
  if (code === WRONG_USAGE) process.exit(code);
  process.exitCode = code;
});
