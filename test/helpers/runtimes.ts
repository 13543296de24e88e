/** Programs that run fixtures in place of the Node of the tests: its other majors, and other runtimes. Kept in the project's cache. */

/** A program, or the reason why this machine cannot have it. */
export interface Found {
  readonly program?: string;
  readonly missing?: string;
}

const script = (name: string): string => new URL(`../../scripts/platforms/${name}`, import.meta.url).href;

async function find(search: () => Promise<string>, name: string): Promise<Found> {
  try {
    return { program: await search() };
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n');
    return { missing: `${name} cannot be had: ${line}` };
  }
}

export async function nodeOf(major: number): Promise<Found> {
  if (Number(process.versions.node.split('.')[0]) === major) return { program: process.execPath };
  const { node } = (await import(script('nodes.mjs'))) as {
    node(platform: string, arch: string, major: number): string;
  };
  return await find(async () => node(process.platform, process.arch, major), `Node ${major}`);
}

export async function runtime(name: 'bun' | 'deno'): Promise<Found> {
  const { runtime: fetched } = (await import(script('runtimes.mjs'))) as { runtime(name: string): string };
  return await find(async () => fetched(name), name);
}
