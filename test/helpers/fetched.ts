/** Programs that tests need and `npm ci` does not install: npm fetches them into the cache, each at the version that a test names. */

interface Packages {
  /** With its dependencies. */
  installed(name: string, version: string): string;
  /** The package alone. */
  packageFolder(spec: string): string;
}

interface Nodes {
  node(platform: NodeJS.Platform, arch: string, major: number): string;
}

const scripts = (file: string) => new URL(`../../scripts/${file}`, import.meta.url).href;
const packages = (await import(scripts('tools/packages.mjs'))) as Packages;
const nodes = (await import(scripts('platforms/nodes.mjs'))) as Nodes;

/** The folder of an npm package; `undefined` when it cannot be had: `testWhen(folder !== undefined, 'rollup cannot be fetched')`. */
export function fetchedPackage(name: string, version: string): string | undefined {
  return attempt(() => packages.installed(name, version));
}

/** The same for a package without dependencies. */
export function fetchedAlone(name: string, version: string): string | undefined {
  return attempt(() => packages.packageFolder(`${name}@${version}`));
}

/** A node of another major version, for this platform. */
export function fetchedNode(major: number): string | undefined {
  return attempt(() => nodes.node(process.platform, process.arch, major));
}

function attempt(fetch: () => string): string | undefined {
  try {
    return fetch();
  } catch {
    return undefined;
  }
}
