// A server that does not know of the package. PORT: where it listens.
import { createServer } from 'node:http';
import { answer } from './answer.mjs';

createServer(answer).listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '127.0.0.1');
