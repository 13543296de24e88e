/** What the names of a program lead to at one moment: every worker of a generation runs exactly that. */

import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { exists, idOf } from '../../common/program.js';
import { isWithin, type Names, type Root, real } from './names.js';

/** Where the kernel says by which path a descriptor is found now. */
const DESCRIPTORS = '/proc/self/fd';

/** Where a root leads to. */
interface Place {
  readonly root: Root;
  path: string;
  /** Of a folder, whatever it is called. */
  readonly id: string | undefined;
  /** Follows the folder when it is renamed, and keeps its number from being given to another one. */
  readonly fd: number | undefined;
}

export class Release {
  readonly #places: readonly Place[];
  /** What there is of it, as it was named when the master started. */
  readonly parts: readonly string[];
  #moved: { readonly paths: ReadonlyMap<string, string>; readonly pattern: RegExp } | undefined;

  /** @param follow Where a root leads to; `undefined`: where its name says. */
  constructor(names: Names, follow: (root: Root) => string | undefined = () => undefined) {
    this.#places = names.roots.map((root) => {
      const path = follow(root) ?? real(root.name) ?? root.name;
      const id = idOf(path);
      return { root, path, id, fd: id === undefined ? undefined : hold(path) };
    });
    const { cwd, script, exec } = names;
    this.parts = [cwd, script, exec].filter((part) => part !== undefined && exists(this.at(part))) as string[];
  }

  /** Where a root leads to in this release. */
  pathOf(root: Root): string {
    return this.#places.find((place) => place.root === root)?.path ?? root.start;
  }

  /** The path, in this release, of what a path named when the master started. */
  at(path: string): string {
    const place = this.#placeOf(path);
    return place === undefined ? path : place.path + path.slice(nameIn(path, place.root).length);
  }

  /** The place that a path is in. */
  #placeOf(path: string): Place | undefined {
    let found: Place | undefined;
    let longest = 0;
    for (const place of this.#places) {
      const { length } = nameIn(path, place.root);
      if (length > longest) [found, longest] = [place, length];
    }
    return found;
  }

  /** The same for the paths in a text that others read: an argument, a list of folders, options of node. */
  within(text: string): string {
    this.#moved ??= replacing(this.#places);
    const { paths, pattern } = this.#moved;
    return paths.size === 0 ? text : text.replace(pattern, (path) => paths.get(path) as string);
  }

  /** Two names that led to one place at the start and do not any more: a worker would run half of each. */
  torn({ cwd, script, exec }: Names): readonly [Root, Root] | undefined {
    const used = [cwd, script, exec].map((part) => (part === undefined ? undefined : this.#placeOf(part)));
    for (const one of used) {
      const other = used.find((place) => place?.root.start === one?.root.start && place?.path !== one?.path);
      if (one !== undefined && other !== undefined) return [one.root, other.root];
    }
    return undefined;
  }

  /**
   * Whether it can still be run. A folder that was renamed is run where it is now: `mv current old && mv next current` makes another
   * release of the same path.
   */
  check(): 'there' | 'moved' | 'gone' {
    let moved = false;
    for (const place of this.#places) {
      if (place.id === undefined || idOf(place.path) === place.id) continue;
      const path = place.fd === undefined ? undefined : pathOfDescriptor(place.fd);
      // Some file systems give a folder another number when they have forgotten it.
      if (path === place.path) continue;
      if (path === undefined || idOf(path) !== place.id) return 'gone';
      place.path = path;
      moved = true;
    }
    if (moved) this.#moved = undefined;
    if (!this.parts.every((part) => exists(this.at(part)))) return 'gone';
    return moved ? 'moved' : 'there';
  }

  close(): void {
    for (const { fd } of this.#places) if (fd !== undefined) closeSync(fd);
  }
}

/** The longer one of its names that the path begins with; empty when the path is elsewhere. */
function nameIn(path: string, { name, start }: Root): string {
  const byName = isWithin(path, name);
  const byStart = isWithin(path, start);
  if (byName && byStart) return name.length > start.length ? name : start;
  if (byName) return name;
  return byStart ? start : '';
}

function replacing(places: readonly Place[]): { paths: ReadonlyMap<string, string>; pattern: RegExp } {
  const paths = new Map<string, string>();
  for (const { root, path } of places) {
    for (const named of [root.name, root.start]) {
      // Nothing of `/` is replaced, see isWithin().
      if (named === path || !isWithin(named, named)) continue;
      paths.set(named, path);
      paths.set(pathToFileURL(named).href, pathToFileURL(path).href);
    }
  }
  const longestFirst = [...paths.keys()].sort((a, b) => b.length - a.length).map(escaped);
  const pattern = new RegExp(`(?<=^|[\\s=:;,"'])(?:${longestFirst.join('|')})(?=$|[\\s/\\\\:;,?#"'])`, 'g');
  return { paths, pattern };
}

/** Only where it is of use: elsewhere a folder that is open may not even be renamed. */
function hold(folder: string): number | undefined {
  if (!exists(DESCRIPTORS)) return undefined;
  try {
    return openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined;
  }
}

function pathOfDescriptor(fd: number): string | undefined {
  try {
    return readlinkSync(`${DESCRIPTORS}/${fd}`);
  } catch {
    return undefined;
  }
}

function escaped(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
}
