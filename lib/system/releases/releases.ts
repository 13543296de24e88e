/** Which release the workers of a generation run: the names are followed when a generation begins, and at no other time. */

import { basename, dirname, join, sep } from 'node:path';
import type { Log } from '../../common/log.js';
import { exists, type Program } from '../../common/program.js';
import type { LaunchSettings } from '../../options/settings.js';
import type { TlsOptions } from '../../types.js';
import { runsNode } from '../launch/command.js';
import { beginningAt, optionsBeginningAt } from '../launch/relative-flags.js';
import { envFiles, fromEnvFiles, variablesOf } from './env-files.js';
import { isWithin, type Names, namesOf, type Root, real } from './names.js';
import { Release } from './release.js';

/** Variables that the system and node take paths from. */
const WITH_PATHS = ['PWD', 'PATH', 'NODE_PATH', 'NODE_OPTIONS'];

/** How a worker of one generation is started. */
export interface ReleaseLaunch {
  readonly settings: LaunchSettings;
  readonly program: Program;
}

export class Releases {
  readonly #program: Program;
  readonly #settings: LaunchSettings;
  readonly #log: Log;
  readonly #names: Names;
  readonly #fromFiles: ReadonlyMap<string, string>;
  /** Those of `--env-file` that the workers do not read themselves. */
  readonly #files: readonly string[];
  readonly #releases = new Map<number, Release>();
  /** What the first one had. */
  #parts: readonly string[] | undefined;
  /** What has been said of a release that is gone, by generation. */
  readonly #logged = new Map<number, string>();

  constructor(program: Program, settings: LaunchSettings, log: Log) {
    this.#program = program;
    this.#settings = settings;
    this.#log = log;
    this.#names = namesOf(program, settings);
    const { execArgv, env } = settings;
    const readsFiles = runsNode(settings, program) && execArgv === undefined;
    const inherits = readsFiles && env === undefined;
    this.#fromFiles = inherits ? fromEnvFiles(program.execArgv, program.physicalCwd, program.env) : new Map();
    this.#files = readsFiles ? [] : envFiles(program.execArgv, program.physicalCwd);
  }

  /**
   * A generation begins: its workers run what the names lead to now.
   * @param serving The generation that goes on if this one fails; others are forgotten.
   * @returns Whether that may be new code: `false` when it is the release of before, although a link has moved.
   * @throws when the names lead to two releases.
   */
  begin(generation: number, serving = generation): boolean {
    const release = this.#follow();
    const torn = release.torn(this.#names);
    if (torn !== undefined) {
      const [one, other] = torn.map((root) => `${root.name} to ${release.pathOf(root)}`);
      release.close();
      throw new Error(`links to the program lead to two releases, ${one} and ${other}: workers would run half of each`);
    }
    const before = this.#releases.get(serving);
    for (const [known, old] of this.#releases) {
      if (known === serving && known !== generation) continue;
      old.close();
      this.#releases.delete(known);
      this.#logged.delete(known);
    }
    this.#releases.set(generation, release);
    if (this.#parts === undefined) {
      this.#parts = release.parts;
      const { guess } = this.#names;
      if (guess !== undefined)
        this.#log.info(`reloads follow the link ${guess.name}, which leads to ${guess.start} now`, {
          event: 'reload',
        });
      return true;
    }
    const runs = this.#programOf(release);
    // What is missing is an error of the first worker.
    if (this.#lacks(release).length > 0) return true;
    if (before !== undefined && this.#programOf(before) !== runs)
      this.#log.info(`generation ${generation} runs ${runs}`, { event: 'reload', generation });
    else if (this.#isNameless())
      this.#log.info(`generation ${generation} runs ${runs} again: no link that leads there is known`, {
        event: 'reload',
        generation,
      });
    return !this.#warnOfUnused(release);
  }

  /** @throws when the release of the generation is gone, and nothing is there in its place. */
  of(generation: number): ReleaseLaunch {
    const release = this.#releases.get(generation) ?? this.#releases.values().next().value;
    if (release === undefined) return { settings: this.#settings, program: this.#program };
    if (release.check() !== 'gone' && this.#lacks(release).length === 0) return this.#launch(release);
    // Better a worker of the newest release than none.
    const now = this.#follow();
    try {
      this.#warnOfGone(generation, release, now);
      return this.#launch(now);
    } finally {
      now.close();
    }
  }

  #warnOfGone(generation: number, gone: Release, now: Release): void {
    const missing = this.#lacks(now).at(-1);
    if (missing !== undefined) {
      const why = `${missing} is missing, which workers are started from: deploy it, or restart the master from the present release`;
      throw Object.assign(new Error(why), { code: 'ENOENT' });
    }
    const [was, is] = [this.#programOf(gone), this.#programOf(now)];
    const said = `${was}, which generation ${generation} ran, is gone: its workers run ${was === is ? 'what took its place' : is}`;
    if (this.#logged.get(generation) !== said) this.#log.warn(said, { event: 'reload', generation });
    this.#logged.set(generation, said);
  }

  /** Key and certificate of a generation. */
  tls(generation: number, tls: TlsOptions): TlsOptions {
    const release = this.#releases.get(generation);
    if (release === undefined) return tls;
    const { keyFile, certFile } = tls;
    return {
      ...tls,
      ...(keyFile === undefined ? {} : { keyFile: release.at(keyFile) }),
      ...(certFile === undefined ? {} : { certFile: release.at(certFile) }),
    };
  }

  close(): void {
    for (const release of this.#releases.values()) release.close();
    this.#releases.clear();
  }

  /** What there is now. */
  #follow(): Release {
    const { guess, unused } = this.#names;
    const release = new Release(this.#names);
    if (this.#lacks(release).length === 0) return release;
    if (guess !== undefined && release.pathOf(guess) !== guess.start) {
      // What was found, not given, and leads to no program is no deploy.
      return this.#ifWhole(release, (root) => (root === guess ? guess.start : undefined));
    }
    const [link, another] = unused;
    const target = link === undefined || another !== undefined ? undefined : real(link.name);
    if (link === undefined || target === undefined) return release;
    // The place was named, and is no more: a link that led there is the next best.
    return this.#ifWhole(release, ({ name }) =>
      isWithin(name, link.start) ? target + name.slice(link.start.length) : undefined,
    );
  }

  #ifWhole(otherwise: Release, follow: (root: Root) => string | undefined): Release {
    const release = new Release(this.#names, follow);
    const [kept, left] = this.#lacks(release).length === 0 ? [release, otherwise] : [otherwise, release];
    left.close();
    return kept;
  }

  /** What the first one had, and this one has not, as far as that has a name. */
  #lacks(release: Release): string[] {
    const lost = (this.#parts ?? []).filter((part) => !release.parts.includes(part));
    return lost.map((part) => release.at(part));
  }

  /** Nothing says by which name the program was started: what a deploy moves, if there is one, may be elsewhere. */
  #isNameless(): boolean {
    const { roots, unused } = this.#names;
    const named = this.#settings.cwd !== undefined || this.#program.env['PWD'] !== undefined;
    return !named && unused.length === 0 && roots.every(({ name, start }) => name === start);
  }

  /** For people. */
  #programOf(release: Release): string {
    const { exec, script, cwd } = this.#names;
    return release.at(exec ?? script ?? cwd);
  }

  /** Of a link that has moved, and is not followed, or leads to no program. Returns whether there is one. */
  #warnOfUnused(release: Release): boolean {
    const { guess, unused } = this.#names;
    const stayed = [...unused, ...(guess === undefined ? [] : [guess])].filter(({ name, start }) => {
      const leads = real(name);
      return leads !== start && !(leads !== undefined && isWithin(this.#programOf(release), leads));
    });
    if (stayed.length === 0) return false;
    const links = stayed.map(({ name, start }) => `${name} (from ${start} to ${real(name) ?? 'nothing'})`).join(', ');
    const why =
      guess === undefined ? 'nothing says that the master was started by that name' : 'the program is not there';
    this.#log.warn(
      `workers run ${this.#programOf(release)} again, although a link has moved: ${links}; ${why}. Name the link in the option cwd or in the path of the script, or set PWD in the environment of the master, and a reload follows it`,
      { event: 'reload' },
    );
    return true;
  }

  #launch(release: Release): ReleaseLaunch {
    const { cwd, script, exec } = this.#names;
    const { execPath, argv, physicalCwd } = this.#program;
    const settings = this.#settings;
    // Relative paths of the command line begin where the master was started, and node begins them where the worker is.
    const elsewhere = settings.cwd !== undefined;
    const execArgv = elsewhere ? beginningAt(physicalCwd, this.#program.execArgv) : this.#program.execArgv;
    const within = (text: string) => release.within(text);
    // A node that is part of the release: of the next one, when that has one, too.
    const present = (path: string) => (exists(release.at(path)) ? release.at(path) : path);
    const [node = execPath, , ...userArgs] = argv;
    const workersCwd = release.at(cwd);
    return {
      settings: {
        ...settings,
        cwd: settings.cwd === undefined ? undefined : workersCwd,
        exec:
          exec === undefined
            ? settings.exec
            : shortest(exec === execPath ? present(exec) : release.at(exec), workersCwd, settings.exec),
        args: settings.args?.map(within),
        execArgv: settings.execArgv?.map(within),
        env: settings.env === undefined ? undefined : this.#environment(release, settings.env),
      },
      program: {
        ...this.#program,
        execPath: present(execPath),
        execArgv: execArgv.map(within),
        argv: script === undefined ? argv : [node, release.at(script), ...userArgs],
        env: this.#environment(release, this.#inherited(release, elsewhere)),
        cwd: workersCwd,
        physicalCwd: workersCwd,
        preload: () => this.#preload(release),
      },
    };
  }

  /** The master's own environment, with what node had read for it from files that the workers do not read. */
  #inherited(release: Release, elsewhere: boolean): NodeJS.ProcessEnv {
    const { env, physicalCwd } = this.#program;
    const changed: Record<string, string> = {};
    for (const [name, value] of this.#files.flatMap((file) => Object.entries(variablesOf(release.at(file))))) {
      if (value !== undefined && env[name] === undefined) changed[name] = value;
    }
    const options = elsewhere ? env['NODE_OPTIONS'] : undefined;
    if (options !== undefined) changed['NODE_OPTIONS'] = optionsBeginningAt(physicalCwd, options);
    return Object.keys(changed).length === 0 ? env : { ...env, ...changed };
  }

  #environment<Variables extends NodeJS.ProcessEnv | Readonly<Record<string, string | undefined>>>(
    release: Release,
    variables: Variables,
  ): Variables {
    const changed: Record<string, string | undefined> = {};
    for (const [name, value] of this.#fromFiles) if (variables[name] === value) changed[name] = undefined;
    // Asked for by name: each look at a variable of `process.env` makes a string, and there may be hundreds.
    for (const name of withPaths(variables)) {
      const value = variables[name];
      if (value === undefined || name in changed) continue;
      const moved = release.within(value);
      if (moved !== value) changed[name] = moved;
    }
    return Object.keys(changed).length === 0 ? variables : { ...variables, ...changed };
  }

  /** Of the copy of this package that the release has: the master's own may have been deleted with the release that it started from. */
  #preload(release: Release): string {
    const own = this.#program.preload();
    const inRelease = release.at(own);
    if (exists(inRelease)) return inRelease;
    const { cwd, script, exec } = this.#names;
    const file = join('node_modules', 'prefork', basename(dirname(own)), basename(own));
    for (const part of [exec, script, cwd]) {
      const found = part === undefined ? undefined : above(release.at(part), file);
      if (found !== undefined) return found;
    }
    if (exists(own)) return own;
    throw Object.assign(
      new Error(
        `the files of this prefork, ${own}, are gone, and ${release.at(script ?? cwd)} has no prefork of its own: restart the master from the present release`,
      ),
      { code: 'ENOENT' },
    );
  }
}

/** A path below a folder as it was given, when that is relative: a producer may have another idea of where the folder is. */
function shortest(path: string, folder: string, given: string | undefined): string {
  return given !== undefined && join(folder, given) === path ? given : path;
}

/** Windows takes them in any case: `Path`. */
function withPaths(variables: object): readonly string[] {
  return sep === '/' ? WITH_PATHS : Object.keys(variables).filter((name) => WITH_PATHS.includes(name.toUpperCase()));
}

/** As node looks for packages; without a memory of what was missing, which node has. */
function above(path: string, file: string): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const found = real(join(folder, file));
    if (found !== undefined || dirname(folder) === folder) return found;
  }
}
