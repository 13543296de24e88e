// The same program with prefork() in it, in one file.
import { prefork } from 'prefork';
import { makeApp } from './app.mjs';

const [app = '{}', port = '0'] = process.argv.slice(2);
await prefork({
  listen: `127.0.0.1:${port}`,
  workers: 1,
  logger: false,
  serve: async (listener) => (await makeApp(JSON.parse(app))).server.listen(listener),
});
