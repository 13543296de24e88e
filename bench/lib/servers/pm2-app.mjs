// The application that PM2 runs. It finds in its environment what the other servers get over IPC.
import { makeApp } from './app.mjs';

const { port, app: wanted } = JSON.parse(process.env.BENCH);
const { server, leave } = await makeApp(wanted);
server.listen(port, '127.0.0.1');
// PM2 stops a process by SIGINT, and kills it after 1.6 s.
process.once('SIGINT', () => {
  leave();
  server.close(() => process.exit());
});
