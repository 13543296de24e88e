// A fleet by prefork(). FLEET: its options. In workers, /run/fleet/boot.mjs runs first, if it is there.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { isChild, prefork } from 'prefork';
import { answer } from './answer.mjs';

const BOOT = '/run/fleet/boot.mjs';

if (isChild() && existsSync(BOOT)) await import(BOOT);
await prefork({
  listen: { host: '127.0.0.1', port: 3000 },
  workers: 2,
  ...JSON.parse(process.env.FLEET ?? '{}'),
  serve: (_first, { listeners }) => listeners.map((listener) => createServer(answer).listen(listener)),
});
