#!/bin/sh
# Node binds `process.emit` to a signal when the first handler of that signal is installed. A `process.emit` that is replaced later, as tools do
# that watch or hold back events, is called for every other event, but never for that signal, however many handlers come or go after it, until
# none is left.
set -eu

node - <<'JS'
console.log('Node', process.version);
const heard = [];
process.on('SIGUSR2', () => {});
const { emit } = process;
process.emit = function (name, ...values) {
  heard.push(name);
  return Reflect.apply(emit, this, [name, ...values]);
};
process.on('SIGHUP', () => {});
const turn = () => new Promise((resolve) => setTimeout(resolve, 100));
(async () => {
  process.kill(process.pid, 'SIGUSR2');
  process.kill(process.pid, 'SIGHUP');
  process.emit('mine');
  await turn();
  const before = heard.filter((name) => ['SIGUSR2', 'SIGHUP', 'mine'].includes(name)).sort().join(', ');
  heard.length = 0;
  process.removeAllListeners('SIGUSR2');
  process.on('SIGUSR2', () => {});
  process.kill(process.pid, 'SIGUSR2');
  await turn();
  const after = heard.filter((name) => name === 'SIGUSR2').join();
  console.log(`a replaced process.emit hears ${before}; SIGUSR2, whose first handler was older, only when all its handlers were new: ${after}`);
  process.exit(before === 'SIGHUP, mine' && after === 'SIGUSR2' ? 0 : 1);
})();
JS
