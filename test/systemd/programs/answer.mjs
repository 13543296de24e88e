// What both programs answer. /slow?<ms>: later; /block?<ms>: without turning the event loop until then.
export function answer({ url }, response) {
  const [path, ms] = url.split('?');
  if (path === '/block') for (const end = performance.now() + Number(ms); performance.now() < end; );
  setTimeout(() => response.end(`${process.pid}\n`), path === '/slow' ? Number(ms) : 0);
}
