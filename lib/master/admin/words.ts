/** Errors, as the admin door sends them. */

import { PreforkError } from '../../common/errors.js';
import { attempt, isError, reasonOf } from '../../common/in-words.cjs';
import type { AdminError, AdminErrorCode, AdminExit } from '../../protocol/admin.js';

/** The request cannot be understood. */
export class BadRequest extends Error {
  readonly code: AdminErrorCode;

  constructor(code: AdminErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Its parameters are wrong. */
export class BadParams extends BadRequest {
  constructor(message: string) {
    super('ERR_PREFORK_ADMIN_PARAMS', message);
  }
}

/** Bounded, whatever was thrown. */
export function adminError(error: unknown): AdminError {
  const code = attempt(() => (error as NodeJS.ErrnoException).code) ?? 'ERR_PREFORK_ADMIN_FAILED';
  const exits = isError(error) && error instanceof PreforkError ? error.exits.map(plain) : [];
  return { code, message: reasonOf(error), ...(exits.length > 0 && { exits }) };
}

function plain({ slot, pid, generation, code, signal, uptime, stderr }: AdminExit): AdminExit {
  return { slot, pid, generation, code, signal, uptime: Math.round(uptime), stderr };
}
