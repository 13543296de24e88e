import { Hono } from 'hono';
import { serve } from './adapters/hono.mjs';

const app = new Hono();
app.get('/', (context) => context.json({ framework: 'hono', pid: process.pid }));

await serve({
  fetch: app.fetch,
  listen: { host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) },
  workers: 2,
});
