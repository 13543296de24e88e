// A system that systemd has booted, in namespaces: its processes, mounts, cgroups and network are its own, and its network is loopback alone.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ROOT } from '../../scripts/tools/paths.mjs';
import { until } from '../loss/waiting.mjs';

const NAMESPACES = ['--mount', '--pid', '--cgroup', '--uts', '--ipc', '--net'];
const ENVIRONMENT = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'NO_COLOR=1'];

/**
 * @param base Its file system, which stays as it is.
 * @param work A folder for what it writes.
 * @returns the machine, once systemd answers.
 */
export async function boot(base, work) {
  const cgroup = join(unifiedHierarchy(), `${basename(dirname(work))}-${basename(work)}`);
  mkdirSync(cgroup);
  // The namespace of cgroups begins at the cgroup that the process is in when it makes one.
  const script = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
  // Without this program the machine has no purpose.
  const unshare = [
    'setpriv',
    '--pdeathsig=KILL',
    'unshare',
    '--propagation=private',
    '--fork',
    '--kill-child=SIGKILL',
    ...NAMESPACES,
  ];
  const commands = ['sh', join(import.meta.dirname, 'boot.sh'), base, work, ROOT];
  const child = spawn('sh', ['-c', script, cgroup, ...unshare, ...commands], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const gone = once(child, 'exit');
  const init = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
  const command = 'nsenter';
  const enter = (args) => [`--target=${init()}`, '--all', '--', ...ENVIRONMENT, ...args];
  const machine = {
    /** Where a path of it is here. */
    path: (inside) => `/proc/${init()}/root${inside}`,
    /** Starts a command in it. */
    run(args, stdout = 'ignore') {
      return spawn(command, enter(args), { stdio: ['ignore', stdout, 'inherit'] });
    },
    print: (args) => execFileSync(command, enter(args), { encoding: 'utf8' }),
    async end() {
      child.kill('SIGKILL');
      await gone;
      await until(() => isEmpty(cgroup), 'every process of the machine is gone');
      removeCgroup(cgroup);
    },
  };
  try {
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`systemd did not start: ${text(join(work, 'console'))}`);
      if (init() === '' || !existsSync(`/proc/${init()}/root/run/systemd/private`)) return false;
      const [code] = await once(machine.run(['systemctl', 'is-active', '--quiet', 'multi-user.target']), 'exit');
      return code === 0;
    }, 'systemd has reached multi-user.target');
    return machine;
  } catch (error) {
    await machine.end();
    throw error;
  }
}

function unifiedHierarchy() {
  const mounted = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mounted === null) throw new Error('no cgroup2 is mounted: mount -t cgroup2 cgroup2 <folder>');
  return mounted[1];
}

function isEmpty(cgroup) {
  return /^populated 0$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'utf8'));
}

function removeCgroup(cgroup) {
  for (const entry of readdirSync(cgroup, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(cgroup, entry.name));
  rmdirSync(cgroup);
}

function text(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
