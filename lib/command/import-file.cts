/**
 * `import()` of a file that the user wrote. A CommonJS file of its own, beside the bundle: scripts/bundle.mjs makes `require()` of `import()`,
 * and that cannot load a module that awaits at its top.
 */

/** @param url Of the file: absolute, `file:`. */
export function importFile(url: string): Promise<unknown> {
  return import(url);
}
