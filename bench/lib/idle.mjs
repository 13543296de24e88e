// An idle program with the modules of a server, once by itself and once as the master of a fleet:
// `node idle.mjs plain|master <modules>`, the modules separated by commas. It sends 'idle' over its IPC channel, and ends with the channel.
const [role, modules] = [process.argv[2], process.argv[3].split(',')];
await Promise.all(modules.map((name) => import(name)));

if (role === 'plain') {
  process.send('idle');
  process.once('disconnect', () => process.exit());
} else {
  const { createServer } = await import('node:http');
  const { isChild, Prefork } = await import('prefork');
  const fleet = new Prefork({
    listen: '127.0.0.1:0',
    workers: 2,
    logger: false,
    serve: (listener) => createServer((_request, response) => response.end()).listen(listener),
    onMasterReady: () => process.send('idle'),
  });
  if (!isChild()) process.once('disconnect', () => fleet.stop({ gracePeriod: 1_000 }));
  await fleet.listenAndServe();
}
