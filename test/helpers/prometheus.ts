/** Reads the text format of Prometheus, strictly: what a scraper would refuse or misread is an error. */

export interface Family {
  readonly type: string;
  readonly help: string;
  /** Value by labels, as they are written: `slot="0"`; the empty text without labels. */
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{((?:[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\["\\\\n])*",?)*)\\})? (\\S+)$`);

export function parsePrometheus(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('The last line does not end');
  const families = new Map<string, Family & { readonly samples: Map<string, number> }>();
  let help: readonly [name: string, text: string] | undefined;
  let current: string | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, helped, words] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
    const [, typed, type] = /^# TYPE (\S+) (counter|gauge)$/.exec(line) ?? [];
    if (helped !== undefined && words !== undefined) {
      if (families.has(helped)) throw new Error(`${helped} is there twice`);
      help = [helped, words];
    } else if (typed !== undefined && type !== undefined) {
      if (help?.[0] !== typed) throw new Error(`${typed} has no HELP before its TYPE`);
      if ((type === 'counter') !== typed.endsWith('_total')) throw new Error(`${typed} is no name for a ${type}`);
      families.set(typed, { type, help: help[1], samples: new Map() });
      current = typed;
    } else {
      const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
      if (name === undefined || name !== current) throw new Error(`Not a sample of ${current}: ${line}`);
      const samples = families.get(name)?.samples;
      if (samples?.has(labels) !== false) throw new Error(`${name}{${labels}} is there twice`);
      if (!Number.isFinite(Number(value))) throw new Error(`Not a number: ${line}`);
      samples.set(labels, Number(value));
    }
  }
  return families;
}
