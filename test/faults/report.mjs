// What the suite prints, and what it takes for a failure.
import { whyMayBeSilent } from './silence.mjs';

/** Where libuv has ended the master, its workers say so: abort(3) says nothing itself. */
const ORPHANED = /the master died/;

export class Report {
  #rows = new Map();
  #failures = [];
  #remarks = [];
  #silences = new Map();
  /** By phase, sharing and kind of the fault: whether it ever struck. */
  #kinds = new Map();
  #began = performance.now();
  #verbose;
  #mayLeaveOut;

  constructor(verbose, mayLeaveOut) {
    this.#verbose = verbose;
    this.#mayLeaveOut = mayLeaveOut;
  }

  leftOut(concern, why) {
    this.#remarks.push(`Left out, because ${why}: ${concern}`);
    if (!this.#mayLeaveOut) this.#failures.push(`${concern} was left out, because ${why}`);
  }

  /**
   * `hits`: where the fault struck; `made`: so many calls there were, where it did not; `wrong`: what does not hold; `needs`: what says
   * that it struck; `silent`: why nothing needs to say so.
   */
  add(concern, cell) {
    const { name, hits = [], made, wrong, ok, error, gone, log = '', needs = /(?!)/ } = cell;
    const [phase, sharing, kind] = name.split(' ');
    const key = `${concern}, ${phase}, ${sharing}`;
    const row = this.#rows.get(key) ?? { cells: 0, struck: 0, fewer: 0, failed: 0, silent: 0, ended: 0, wrong: 0 };
    this.#rows.set(key, row);
    row.cells++;
    const struck = hits.length > 0;
    if (struck) row.struck++;
    if (ok === false) row.failed++;
    if (gone) row.ended++;
    const of = `${concern}, ${phase} ${sharing} ${kind}`;
    this.#kinds.set(of, this.#kinds.get(of) === true || struck);
    const all = [...wrong];
    let word = 'named';
    if (!struck) {
      if (made === undefined) all.push('the fault never struck');
      else row.fewer++;
      word = 'fewer';
    } else if (!this.#named(cell, needs)) {
      word = 'silent';
      const why =
        (typeof cell.silent === 'function' ? cell.silent(cell) : cell.silent) ?? whyMayBeSilent(concern, cell);
      if (why === undefined) all.push(`nothing says what happened: ${JSON.stringify(error ?? gone ?? {})}`);
      else {
        row.silent++;
        this.#silences.set(why, (this.#silences.get(why) ?? 0) + 1);
      }
    }
    if (all.length > 0) row.wrong++;
    for (const text of all)
      this.#failures.push(`${name}: ${text}\n    ${hits.slice(0, 3).join('\n    ')}\n${indented(log)}`);
    if (this.#verbose || all.length > 0)
      console.error(
        `${all.length ? 'WRONG' : ok === false ? `failed, ${word}` : word} ${name} ${gone ? JSON.stringify(gone) : ''} ${all.join('; ').slice(0, 600)} ${error ? JSON.stringify(error).slice(0, 400) : ''} ${word === 'silent' ? hits[0] : ''}`,
      );
  }

  #named({ log = '', error, gone }, needs) {
    return needs.test(`${log}${JSON.stringify(error ?? {})}`) || (gone?.signal === 'SIGABRT' && ORPHANED.test(log));
  }

  /** @returns whether everything held. */
  print(seed) {
    console.log(
      '\nconcern, phase, sharing: cells / the fault struck / fewer such calls were made / the operation failed / nothing was said / the master ended / wrong',
    );
    let cells = 0;
    for (const [key, row] of this.#rows) {
      cells += row.cells;
      const { struck, fewer, failed, silent, ended, wrong } = row;
      console.log(
        `${key.padEnd(48)} ${[row.cells, struck, fewer, failed, silent, ended, wrong].map((n) => String(n).padStart(5)).join('')}`,
      );
    }
    for (const [why, count] of this.#silences) console.log(`Silent ${count} times: ${why}`);
    for (const remark of this.#remarks) console.log(remark);
    for (const [of, struck] of this.#kinds) if (!struck) this.#failures.push(`${of}: the fault never struck`);
    if (cells === 0) this.#failures.push('there was no cell: --only, --concern or --sharing name none');
    console.log(`${cells} cells, ${((performance.now() - this.#began) / 1_000).toFixed(0)} s`);
    if (this.#failures.length === 0) {
      console.log(
        'After every fault the fleet was whole, or gone, and no client lost what a living process could answer.',
      );
      return true;
    }
    console.log(`Failed; --seed ${seed} makes the same choices again:\n${this.#failures.join('\n')}`);
    return false;
  }
}

const indented = (text) =>
  text
    .trimEnd()
    .split('\n')
    .slice(-12)
    .map((line) => `    | ${line}`)
    .join('\n');
