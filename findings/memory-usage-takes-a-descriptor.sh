#!/bin/sh
# `process.memoryUsage()` throws EMFILE while the process has no descriptor left: on Linux libuv opens a file of /proc to learn the resident
# memory, at every call. So a server that samples its own memory with a timer ends by an uncaught exception in the very moment in which it would
# otherwise only have to wait for a connection to close. The documentation names no error, and `process.cpuUsage()` has none.
set -eu

ulimit -n 64
node - <<'JS'
const { openSync, closeSync } = require('node:fs');
console.log('Node', process.version);
const before = process.memoryUsage().rss;
const held = [];
for (;;) {
  try {
    held.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    break;
  }
}
const asked = (ask) => {
  try {
    ask();
    return 'answers';
  } catch (error) {
    return `throws ${error.code}`;
  }
};
const full = [process.memoryUsage, process.memoryUsage.rss, process.cpuUsage].map(asked).join(', ');
for (const fd of held) closeSync(fd);
const after = asked(process.memoryUsage);
console.log(`without a descriptor memoryUsage(), memoryUsage.rss() and cpuUsage(): ${full}; with one again: ${after}`);
process.exit(before > 0 && full === 'throws EMFILE, throws EMFILE, answers' && after === 'answers' ? 0 : 1);
JS
