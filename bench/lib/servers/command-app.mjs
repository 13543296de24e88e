// A program that knows nothing of prefork: the command runs it, or node alone.
import { makeApp } from './app.mjs';

const [app = '{}', port = '0'] = process.argv.slice(2);
const { server } = await makeApp(JSON.parse(app));
server.listen(Number(port), '127.0.0.1');
