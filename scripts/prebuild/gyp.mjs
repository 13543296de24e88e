// Reads binding.gyp for one system: it is the only list of sources, defines and flags, also for a cross build.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { ROOT } from '../tools/paths.mjs';

/** A system that binding.gyp has no sources for. */
export class NoSources extends Error {}

/**
 * The one target of binding.gyp, its conditions applied.
 * @param OS as gyp calls it: 'linux', 'mac', 'win'
 */
export function readGyp(OS, arch) {
  // A dictionary of Python is one of JavaScript, but for the comments.
  const text = readFileSync(join(ROOT, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, '');
  const { targets } = runInNewContext(`(${text})`);
  const target = resolve(targets[0], { OS, target_arch: arch });
  const commands = (list = []) => list.map((item) => expanded(item, OS));
  return {
    ...target,
    sources: commands(target.sources),
    include_dirs: commands(target.include_dirs),
    cflags: [...(target.cflags ?? [])],
    cflags_cc: [...(target.cflags_cc ?? [])],
    libraries: [...(target.libraries ?? [])],
    defines: [...(target.defines ?? [])],
  };
}

/** The conditions of a dictionary, and of those in it, merged into it. */
function resolve({ conditions = [], ...settings }, variables) {
  let merged = settings;
  for (const condition of conditions) {
    const chosen = branch(condition, variables);
    if (chosen !== undefined) merged = merge(merged, resolve(chosen, variables));
  }
  return merged;
}

/** [condition, settings, condition, settings, …, otherwise] */
function branch([condition, settings, ...others], variables) {
  if (settings === undefined) return typeof condition === 'string' ? undefined : condition;
  const script = condition.replaceAll(' and ', ' && ').replaceAll(' or ', ' || ');
  if (runInNewContext(script, variables)) return settings;
  return others.length === 0 ? undefined : branch(others, variables);
}

/** Lists are appended, dictionaries merged, anything else replaced; "name!" takes items out of "name". */
function merge(into, from) {
  const merged = { ...into };
  for (const [name, value] of Object.entries(from)) {
    const old = merged[name];
    if (Array.isArray(value) && Array.isArray(old)) merged[name] = [...old, ...value];
    else if (typeof value === 'object' && !Array.isArray(value) && old !== undefined) merged[name] = merge(old, value);
    else merged[name] = value;
  }
  for (const [name, value] of Object.entries(merged)) {
    const base = name.slice(0, -1);
    if (name.endsWith('!') && Array.isArray(merged[base])) {
      merged[base] = merged[base].filter((item) => !value.includes(item));
    }
  }
  return merged;
}

/** `<!(command)` is what the command prints. */
function expanded(item, OS) {
  const command = /^<!@?\((.*)\)$/s.exec(item)?.[1];
  if (command === undefined) return item;
  try {
    return execFileSync(command, {
      shell: true,
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  } catch (error) {
    throw new NoSources(`binding.gyp has no sources for OS=='${OS}': ${String(error.stderr).trim()}`, { cause: error });
  }
}
