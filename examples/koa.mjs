import Koa from 'koa';
import { listen } from './adapters/koa.mjs';

const app = new Koa();
app.use((context) => {
  context.body = { framework: 'koa', pid: process.pid };
});

await listen(app, { listen: { host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) }, workers: 2 });
