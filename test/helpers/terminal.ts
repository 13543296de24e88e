/** Commands that act on a terminal: `startFleet(config, { wrapper: inTerminal })`. */

import { fileURLToPath } from 'node:url';
import type { Master } from './master.js';
import { commandWorks } from './skip.js';

/** The fixture leads a session with a terminal of its own. `master.pid` is that of the wrapper, which exits as the fixture does. */
export const inTerminal = ['python3', fileURLToPath(new URL('../fixtures/in-terminal.py', import.meta.url))] as const;

/** False without python3 or pseudo terminals: `testWhen(canHaveTerminal(), 'needs python3 and pseudo terminals')`. */
export const canHaveTerminal = (): boolean => commandWorks(...inTerminal, 'true');

/** An interactive shell on a terminal; `master.call('type', …)` types, and `"$@"` there is the fixture. `master.stdout` is the screen. */
export const inAShell = ['python3', fileURLToPath(new URL('../fixtures/in-a-shell.py', import.meta.url))] as const;

/** False without bash, python3 or pseudo terminals. */
export const canHaveShell = (): boolean => canHaveTerminal() && commandWorks('bash', '-c', 'true');

const KEYS = { 'Ctrl-C': '03', 'Ctrl-\\': '1c' } as const;

/** Presses a key; the terminal turns it into a signal to every process of the foreground group. */
export async function press(master: Master, key: keyof typeof KEYS): Promise<void> {
  await master.call('type', KEYS[key]);
}

/** Closes the terminal window. */
export async function hangUp(master: Master): Promise<void> {
  await master.call('hangUp');
}
