// The application that PM2 runs: what the others are given over IPC it finds in its environment.
import { makeApp } from './app.mjs';

const { port, app: wanted } = JSON.parse(process.env.BENCH);
const { server, leave } = await makeApp(wanted);
server.listen(port, '127.0.0.1');
// PM2 asks with SIGINT, and kills after 1.6 s.
process.once('SIGINT', () => {
  leave();
  server.close(() => process.exit());
});
