/** The words that ask a running fleet, in the place of a program. Loads nothing: every start of the command looks here. */

import type { Arguments } from './arguments.js';

export const VERBS = ['status', 'reload', 'scale', 'stop', 'top'] as const;

export type Verb = (typeof VERBS)[number];

/** A program of that name is started as `./status`, or behind `--`. */
export function verbOf({ app, behindDashes }: Pick<Arguments, 'app' | 'behindDashes'>): Verb | undefined {
  return behindDashes ? undefined : VERBS.find((verb) => verb === app);
}
