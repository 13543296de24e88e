// Runs first in every node process that the agent or one of its programs starts (NODE_OPTIONS). Writes which process this is into a file
// that it holds open. test/helpers/registry.ts looks which process of the machine that emulates Windows has the file open: so it knows
// both ids.
const { isMainThread } = require('node:worker_threads');

if (isMainThread) {
  const { openSync, writeSync } = require('node:fs');
  const { join } = require('node:path');
  const name = `${process.pid}-${process.hrtime.bigint()}`;
  // Never closed: it is open as long as the process lives.
  const { pid, ppid, execPath, execArgv, argv, env } = process;
  const registration = { pid, ppid, command: [execPath, ...execArgv, ...argv.slice(1)], env: { ...env } };
  writeSync(openSync(join(process.env.PREFORK_TEST_REGISTRY, name), 'w'), `${JSON.stringify(registration)}\n`);
  const port = process.env.PREFORK_TEST_SIGNALS;
  if (port !== undefined) {
    // For the master alone: a worker must not inherit it.
    delete process.env.PREFORK_TEST_SIGNALS;
    hearSignals(Number(port));
  }
}

/** On Windows no process can send a signal to another. The tests send a signal's name to this socket, and it is emitted as Node does it. */
function hearSignals(port) {
  const socket = require('node:net').connect(port, '127.0.0.1');
  socket.on('error', () => {}); // the test is over
  socket.unref();
  socket.write(`${process.pid}\n`);
  socket.setEncoding('utf8').on('data', (text) => {
    for (const signal of text.trim().split('\n')) {
      // Without a listener Ctrl+C ends a program of Windows with this code: STATUS_CONTROL_C_EXIT.
      if (!process.emit(signal, signal)) process.reallyExit(0xc000013a | 0);
    }
  });
}
