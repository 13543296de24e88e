// `npm start`: an HTTP server with one worker per CPU. PORT=8080 takes another port, PORT=0 any free one, HOST=:: every address.
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:http';
import { Prefork } from 'prefork';

const { HOST: host = '127.0.0.1', PORT: port = '3000' } = process.env;

const fleet = new Prefork({
  listen: { host, port: Number(port) },
  serve: (listener, worker) =>
    createServer((_request, response) => {
      response.end(`hello from worker ${worker.id} (pid ${process.pid})\n`);
    }).listen(listener),
  onMasterReady: welcome,
});

const CLOSED = 'stops it, as closing this terminal does; started without a terminal (setsid npm start) it reloads';

/** Runs in the master, once. No worker runs it, and neither does one that replaces another. */
function welcome() {
  const [{ family, address, port }] = fleet.addresses;
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  const [first] = fleet.workers;
  const stop = process.stdin.isTTY ? 'Ctrl-C' : `kill ${process.pid}`;
  const help = [
    ['curl', url, 'one of the workers answers'],
    [
      'kill -HUP',
      process.pid,
      onTerminal() ? CLOSED : 'reloads: change this file, and new workers take over from the old',
    ],
    ['kill -TTIN', process.pid, 'one worker more; kill -TTOU: one less'],
    ['kill -9', first.pid, 'a worker dies; what is queued waits for the others, and its slot is filled at once'],
    ['kill -9', process.pid, 'the master dies; its workers finish what they accepted and end, too'],
  ].map(([command, argument, what]) => `  ${`${command} ${argument}`.padEnd(url.length + 6)} ${what}`);
  console.log(`
${url} is served by ${fleet.workers.length} workers that share one socket; the master is pid ${process.pid}

${fleet.workers.map(({ slot, pid }) => `  worker ${slot}  pid ${pid}`).join('\n')}

Try, in another terminal:
${help.join('\n')}

${stop} here stops everything: workers finish what they accepted, then the master exits with code 0.
`);
}

/** The meaning of SIGHUP depends on it: a closed terminal sends SIGHUP (docs/guide/deploy.md). */
function onTerminal() {
  try {
    closeSync(openSync('/dev/tty'));
    return true;
  } catch {
    return false;
  }
}

try {
  await fleet.listenAndServe();
} catch (error) {
  if (error.code !== 'EADDRINUSE') throw error;
  console.error(
    `\n${error.message}\n\nPORT=${Number(port) + 1} npm start takes another port, PORT=0 npm start any free one.`,
  );
  process.exitCode = 1;
}
