// What the suite prints.

export class Report {
  #rows = new Map();
  #failures = [];
  #remarks = [];
  #began = performance.now();
  #verbose;

  constructor(verbose) {
    this.#verbose = verbose;
  }

  leftOut(concern, why) {
    this.#remarks.push(`Left out, because ${why}: ${concern}`);
  }

  /** `hits`: where the fault struck; `wrong`: what does not hold. */
  add(concern, { name, hits, wrong, ok, error, gone, log, needs }) {
    const [phase, sharing] = name.split(' ');
    const key = `${concern}, ${phase}, ${sharing}`;
    const row = this.#rows.get(key) ?? { cells: 0, struck: 0, failed: 0, silent: 0, ended: 0, wrong: 0 };
    this.#rows.set(key, row);
    row.cells++;
    if (hits.length > 0) row.struck++;
    const all = [...wrong];
    const said = `${log}${JSON.stringify(error ?? {})}`;
    const named = needs === undefined || needs.test(said);
    if (ok === false) row.failed++;
    if (gone) row.ended++;
    if (hits.length > 0 && !named) {
      // libuv ends a process that cannot poll, or wake its own loop.
      if (ok === false && gone?.signal !== 'SIGABRT')
        all.push(`it failed, and nothing names the fault: ${JSON.stringify(error)}`);
      else row.silent++;
    }
    if (all.length > 0) row.wrong++;
    for (const text of all)
      this.#failures.push(`${name}: ${text}\n    ${hits.slice(0, 3).join('\n    ')}\n${indented(log)}`);
    if (this.#verbose || all.length > 0)
      console.error(
        `${all.length ? 'WRONG' : ok === false ? 'failed' : named ? 'named' : hits.length ? 'silent' : '-'} ${name} ${gone ? JSON.stringify(gone) : ''} ${all.join('; ').slice(0, 600)} ${error ? JSON.stringify(error).slice(0, 400) : ''}`,
      );
  }

  /** @returns whether everything held. */
  print(seed) {
    console.log(
      '\nconcern, phase, sharing: cells / the fault struck / the operation failed / nothing was said / the master ended / wrong',
    );
    for (const [key, { cells, struck, failed, silent, ended, wrong }] of this.#rows)
      console.log(
        `${key.padEnd(44)} ${[cells, struck, failed, silent, ended, wrong].map((n) => String(n).padStart(5)).join('')}`,
      );
    for (const remark of this.#remarks) console.log(remark);
    console.log(`${((performance.now() - this.#began) / 1_000).toFixed(0)} s`);
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
