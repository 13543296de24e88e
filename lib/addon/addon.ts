/** The addon, for ES modules. */

import { createRequire } from 'node:module';
import type { CommonAddon } from './native.cjs';

/**
 * Not `import`: for the names that a CommonJS module exports Node starts a lexer, a WebAssembly module that costs a master a
 * megabyte.
 * @throws `ERR_PREFORK_ADDON_NOT_FOUND` while it is imported, when there is none for this platform.
 */
export const native = (createRequire(import.meta.url)('./binding.cjs') as { readonly native: CommonAddon }).native;
