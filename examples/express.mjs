import express from 'express';
import { listen } from './adapters/express.mjs';

const app = express();
app.get('/', (_request, response) => response.json({ framework: 'express', pid: process.pid }));

await listen(app, { listen: { host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) }, workers: 2 });
