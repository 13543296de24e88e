import fastify from 'fastify';
import { listen } from './adapters/fastify.mjs';

const app = fastify();
app.get('/', async () => ({ framework: 'fastify', pid: process.pid }));
app.addHook('onClose', async () => console.log(`worker ${process.pid} closed its connections to everything else`));

await listen(app, { listen: { host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) }, workers: 2 });
