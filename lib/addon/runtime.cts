/**
 * Other runtimes that load packages of Node.js: asked before a fleet is made, and when the addon cannot be loaded. Their names in
 * `process.versions` stand beside a version of Node.js that they imitate.
 */

const OTHERS = { bun: 'Bun', deno: 'Deno', electron: 'Electron', nw: 'NW.js' };

/** Why this process can neither be a master nor a worker; `undefined` in Node.js. */
export function unsupportedRuntime(versions: NodeJS.Dict<string> = process.versions): string | undefined {
  for (const [key, name] of Object.entries(OTHERS)) {
    const version = versions[key];
    if (version !== undefined) return `prefork needs Node.js; this is ${name} ${version}`;
  }
  return undefined;
}
