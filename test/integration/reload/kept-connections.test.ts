import { expect } from 'vitest';
import { patience, startReadyFleet, tlsMaterial } from '../../helpers/index.js';
import { expectNothingLost, type LoadReport, startLoad } from '../../helpers/load.js';
import { usuallyOnly } from '../../helpers/share-of-suite.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

const RELOADS = 20;
const WORKERS = 2;

const { key, cert } = tlsMaterial();
const secure = { options: { tls: { key, cert } }, ca: cert };
const protocols = [
  { protocol: 'HTTP/1.1', serve: 'http', mode: 'keep-alive' },
  { protocol: 'HTTP/1.1 over TLS', serve: 'https', mode: 'keep-alive', ...secure },
  { protocol: 'HTTP/2', serve: 'http2', mode: 'http2' },
  { protocol: 'HTTP/2 over TLS', serve: 'http2', mode: 'http2', ...secure },
] as const;
/** What the protocol is makes no difference to the one who hands slots over: usually one with and one without TLS. */
const usual = protocols.slice(1, 3);
const rows = LOSSLESS.flatMap((sharing) =>
  (sharing === 'shared' ? protocols : usuallyOnly<readonly (typeof protocols)[number][]>(usual, protocols)).map(
    (protocol) => ({ sharing, ...protocol }),
  ),
);

/** Of three runs at the most the first in which so few requests were sent again: the others are those in which a client got no CPU. */
const RUNS = 3;

eachSharing(rows)(
  'L5 20 reloads in a row fail no request of clients that keep their connections ($sharing, $protocol)',
  async (row) => {
    for (let run = 1; ; run++) {
      const { resent } = await reloadInARow(row);
      // A worker sends GOAWAY when nothing seems to be on its way. Lanes that share a session do not wait for each other, and one may just
      // have sent a request: rare, among the 80 sessions that get a GOAWAY here.
      if (run === RUNS) expect(resent).toBeLessThanOrEqual(RELOADS / 4);
      if (resent <= RELOADS / 4) return;
    }
  },
  patience(180_000 * RUNS),
);

async function reloadInARow({ sharing, serve, mode, ...rest }: (typeof rows)[number]): Promise<LoadReport> {
  const { options, ca } = { options: {}, ca: undefined, ...rest };
  const { master, port } = await startReadyFleet({
    serve,
    // The test is about hand-overs, and a short trial lets more of them fit into the time.
    options: { workers: WORKERS, sharing, maxSurge: WORKERS, readyFor: 100, ...options },
  });
  // Pauses, so that every drain finds idle connections as well as busy ones.
  const load = startLoad({ port, mode, concurrency: 16, pause: 40, ...(ca === undefined ? {} : { ca }) });
  await load.answered(50);
  for (let generation = 1; generation <= RELOADS; generation++) {
    expect(await master.call('reload')).toMatchObject({ ok: true, generation });
    await load.answered(50);
  }
  const report = await load.stop();
  expectNothingLost(report);
  // Connections were kept, and yet moved to every new generation.
  expect(report.opened).toBeLessThan(report.asked / 2);
  expect(Object.keys(report.pids).length).toBeGreaterThan(RELOADS);
  // No drain had to wait for its deadline.
  expect(master.stderr).not.toContain('was not done');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  return report;
}
