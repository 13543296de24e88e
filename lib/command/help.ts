/** What `prefork --help` prints. A screen of 80 columns has all of it; docs/guide/command.md has the same rows. */

import { ARGUMENTS, type ArgumentName } from './arguments.js';

/** Of the longest signature. */
const WIDTH = 27;

export interface HelpRow {
  /** What stands behind the name: `<n>`. Empty for a flag. */
  readonly value: string;
  readonly text: string;
  /** Empty where there is none. */
  readonly byDefault: string;
}

const row = (value: string, text: string, byDefault = ''): HelpRow => ({ value, text, byDefault });

/** Every option, in groups. */
export const HELP: Readonly<Record<string, Partial<Record<ArgumentName, HelpRow>>>> = {
  Workers: {
    workers: row('<n>', "a number, a share (50%), or 'max'", 'max'),
    listen: row('<address>', '3000, host:3000, unix:/path, fd://0 (repeatable)'),
    sharing: row('<how>', 'shared, sharded or reuseport', 'shared'),
    name: row('<name>', 'of the fleet, in log lines', '0'),
    'pid-file': row('<file>', 'where the master writes its pid'),
    metrics: row('<address>', 'probes and Prometheus: 9100 or host:9100'),
    admin: row('[=<path>]', 'a socket for status, reload, scale, stop, top'),
    cwd: row('<folder>', 'working directory of the workers'),
    uid: row('<user>', 'user of the workers, by name or id'),
    gid: row('<group>', 'group of the workers, by name or id'),
    stdio: row('<where>', 'inherit, ignore, pipe, or three: ignore,pipe,2'),
    'line-prefix': row('[=<text>]', "before each line they write, e.g. '{slot}> '"),
  },
  Start: {
    'ready-timeout': row('<time>', 'kill a worker that is not ready by then', '30s'),
    'ready-for': row('<time>', 'it has to serve for so long to count', '1s'),
    'wait-ready': row('', "ready when app calls process.send('ready')"),
  },
  'Reload and stop': {
    grace: row('<time>', 'from SIGTERM to SIGKILL in a stop', '5s'),
    'drain-delay': row('<time>', 'serve on for so long before a stop', '0'),
    'drain-timeout': row('<time>', 'for what a replaced worker has accepted', '30s'),
    'exit-after-drain': row('[=<time>]', 'for so long a drained worker may stay, else 500ms'),
    'max-surge': row('<n>', 'workers replaced at a time', '1'),
    'max-draining': row('<n>', 'replaced workers that may drain', 'Infinity'),
    'on-master-death': row('<what>', 'drain, kill or ignore', 'drain'),
  },
  Recovery: {
    'recycle-rss': row('<size>', 'replace a worker that takes so much memory'),
    'recycle-age': row('<time>', 'replace a worker that is so old'),
    'recycle-requests': row('<n>', 'replace a worker that has answered so many'),
    'liveness-timeout': row('<time>', 'kill a worker that is blocked for so long'),
    'recover-threshold': row('<n>', 'losses that a fleet survives', '5 per worker'),
    'recover-window': row('<time>', 'for so long a loss counts', '60s'),
    'recover-interval': row('<time>', 'the same pause before each', 'growing'),
  },
  Node: {
    import: row('<module>', 'load it first in every worker (repeatable)'),
    require: row('<module>', 'the same for CommonJS (repeatable)'),
    'node-options': row('<flags>', 'flags of node for workers'),
    'env-file': row('<file>', 'environment of the workers (repeatable)'),
    watch: row('', 'reload when a file changes, for development'),
  },
  Command: {
    config: row('<file>', 'options from a file', 'prefork.config.*'),
    'log-format': row('<format>', 'text or json', 'text'),
    quiet: row('', 'no log lines'),
    help: row('', 'this text'),
    version: row('', 'the version of prefork'),
  },
};

/** As the user writes it: `-c, --config <file>`. */
export function signature(name: ArgumentName, { value }: HelpRow): string {
  const argument = ARGUMENTS[name];
  const short = 'short' in argument ? `-${argument.short}, ` : '';
  return `${short}--${name}${value === '' || value.startsWith('[') ? value : ` ${value}`}`;
}

export function helpText(): string {
  const groups = Object.entries(HELP).map(([title, rows]) => [
    `${title}:`,
    ...Object.entries(rows).map(([name, help]) => line(signature(name as ArgumentName, help), help)),
  ]);
  return [
    'prefork [options] app.js [arguments]    serves app.js from many processes',
    'prefork [options] -- next start         a command of node_modules/.bin',
    'prefork status|reload|scale|stop|top    asks a running fleet (status --help)',
    ...groups.flat(),
    'Times: 500ms, 10s, 5m, 1h; sizes: 512M, 2G; without a unit: milliseconds, bytes.',
  ].join('\n');
}

function line(left: string, { text, byDefault }: HelpRow): string {
  const right = `${text}${byDefault === '' ? '' : ` (${byDefault})`}`;
  return `  ${left.padEnd(WIDTH)} ${right}`;
}
