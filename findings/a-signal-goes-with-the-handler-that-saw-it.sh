#!/bin/sh
# A signal that comes while a program starts, and before Node's event loop has turned, is lost when its only handler is replaced in that time by
# `off()` and `on()`: the new handler is not called, and neither is the default action taken. libuv has noted the signal for the watcher of the
# first handler, which is closed. With `on()` before `off()` the watcher stays, and the new handler is called. So a server that swaps the
# SIGTERM handler of its boot for that of its service goes on serving when it was asked to stop meanwhile.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/server.mjs" <<'JS'
console.log('Node', process.version);
const called = [];
const handler = (name) => () => void called.push(name);

function swap(signal, how) {
  const [boot, service] = [handler(`boot, ${how}`), handler(`service, ${how}`)];
  process.on(signal, boot);
  // As a service manager does it, in an unlucky moment.
  process.kill(process.pid, signal);
  if (how === 'off() first') process.off(signal, boot);
  process.on(signal, service);
  process.off(signal, boot);
}

swap('SIGTERM', 'off() first');
swap('SIGHUP', 'on() first');
setTimeout(() => {
  console.log(`called: ${called.join('; ')}`);
  process.exit(called.join() === 'service, on() first' ? 0 : 1);
}, 300);
JS
node "$folder/server.mjs"
