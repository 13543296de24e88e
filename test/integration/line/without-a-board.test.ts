import { expect, test } from 'vitest';
import { connectRaw, eventually, httpGet, startMaster } from '../../helpers/index.js';
import { isLinux, testOnLinux } from '../../helpers/skip.js';

for (const how of ['without the last descriptor', 'with another last descriptor']) {
  testOnLinux(`A7d a worker that was started ${how} says so, serves, and stands in line all the same`, async () => {
    const config = { how, options: { workers: 2 } };
    const master = startMaster('workers-by-producer', { args: [JSON.stringify(config)] });
    const { pids, addresses } = await master.event('onMasterReady');
    const [{ port }] = addresses;
    for (let i = 0; i < 20; i++) expect(pids.map(String)).toContain((await httpGet({ port })).body);
    await eventually(
      () => master.stderr.match(/cannot know how many connections the other workers hold: /g)?.length === 2,
    );
    // One that is busy leaves the line to the other.
    const busy = await connectRaw({ port });
    busy.write('GET /block HTTP/1.1\r\nHost: x\r\n\r\n');
    const { pid } = await master.event('request');
    for (let i = 0; i < 5; i++)
      expect((await httpGet({ port })).body).toBe(String(pids.find((other: number) => other !== pid)));
    busy.close();
  });
}

test.runIf(isLinux)('A7c PREFORK_ACCEPT=plain: the fleet serves, and no worker has a board', async () => {
  const config = { how: 'plain', options: { workers: 2 } };
  const master = startMaster('workers-by-producer', {
    args: [JSON.stringify(config)],
    env: { PREFORK_ACCEPT: 'plain' },
  });
  const { addresses } = await master.event('onMasterReady');
  expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
  expect(master.stderr).not.toMatch(/stand in line|cannot know/);
});
