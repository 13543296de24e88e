import { expect, test } from 'vitest';
import { shellOfWorkers } from '../../../lib/master/shell-of-workers.js';

test.each([
  ['/bin/sh', ['-c', 'node server.js'], "write 'exec node server.js', which"],
  ['bash', ['-ec', 'node server.js'], "write 'exec node server.js', which"],
  [
    '/usr/bin/dash',
    ['-c', 'NODE_ENV=production node server.js'],
    "write 'NODE_ENV=production exec node server.js', which",
  ],
  ['zsh', ['-c', 'cd /srv && node server.js'], "write 'exec' before the command that serves, or"],
  ['/bin/ash', ['-c', 'A="b c" node server.js'], ''],
  ['ksh', ['-l', '-c', 'execute server.js'], "write 'exec execute server.js', which"],
  ['busybox', ['sh', '-c', 'node server.js'], "write 'exec node server.js', which"],
])('a shell before the worker is named, with args and the way out: %s %j', (exec, args, wayOut) => {
  const warning = shellOfWorkers({ exec, args });
  expect(warning).toContain(`the option args has ${exec} run ${JSON.stringify(args.at(-1))}: `);
  expect(warning).toContain(wayOut);
});

test.each([
  ['/bin/sh', ['-c', 'exec node server.js']],
  ['/bin/sh', ['-c', 'cd /srv && exec node server.js']],
  ['/bin/sh', ['-c', 'NODE_ENV=production exec node server.js']],
  ['/bin/sh', ['start.sh']],
  ['/bin/sh', ['-c']],
  ['/bin/sh', undefined],
  ['python3', ['-c', 'import server']],
  ['node', ['server.js', '-c', 'a']],
  [undefined, ['-c', 'a']],
])('no shell stays before the worker, as far as the options say: %s %j', (exec, args) => {
  expect(shellOfWorkers({ exec, args })).toBe(undefined);
});
