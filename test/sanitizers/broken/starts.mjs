// Makes one mistake of broken.cc in a grandchild whose environment is empty, as that of a worker may be: `starts.mjs <addon> <mistake>`
import { spawnSync } from 'node:child_process';

const [addon, mistake] = process.argv.slice(2);
const program = `require(${JSON.stringify(addon)})[${JSON.stringify(mistake)}]()`;
spawnSync(process.execPath, ['-e', program], { env: {}, stdio: 'ignore' });
