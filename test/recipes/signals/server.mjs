// The fleet that a supervisor runs in signals.mjs. A worker answers after as many milliseconds as the path says. Master and workers note in
// the file NOTES which signals they get, and when the fleet has ended.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { isChild, prefork } from 'prefork';

const { NOTES, PORT, GRACE } = process.env;
const note = (what) =>
  appendFileSync(NOTES, `${isChild() ? 'worker' : 'master'} ${process.pid} ${what} ${Date.now()}\n`);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => note(signal));
note('began');

await prefork({
  listen: `127.0.0.1:${PORT}`,
  workers: 2,
  shutdownGracePeriod: Number(GRACE),
  serve: (listener) =>
    createServer((request, response) => {
      setTimeout(() => response.end(String(process.pid)), Number(request.url.slice(1)));
    })
      .on('listening', () => note('serves'))
      .listen(listener),
});
note('ended');
// PM2 has a channel to the master.
if (!isChild()) process.disconnect?.();
