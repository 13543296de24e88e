// `node with-binfmt.mjs <command> [argument…]`: runs a command in a namespace in which programs for arm64 start by themselves, through
// qemu. binfmt_misc belongs to a user namespace since Linux 6.7, so the rest of the machine stays as it is.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

// Documentation/admin-guide/binfmt-misc.rst: name, M for magic, offset, magic and mask of an ELF file for aarch64, interpreter, flags.
// F opens the interpreter now, so that it is found in any mount namespace; P keeps argv[0] as it is.
const MAGIC = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
const REGISTRATION = `:qemu-aarch64:M::${MAGIC}:${MASK}:/usr/bin/qemu-aarch64-static:FP`;

const SCRIPT = [
  'read -r go <&3 || exit 97',
  'mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || exit 99',
  'printf %s "$0" >/proc/sys/fs/binfmt_misc/register || exit 98',
  'exec 3<&-',
  'exec "$@"',
].join('\n');

const root = process.getuid?.() === 0;
const unshare = ['--user', ...(root ? [] : ['--map-root-user']), '--mount'];
const child = spawn('unshare', [...unshare, 'sh', '-c', SCRIPT, REGISTRATION, ...process.argv.slice(2)], {
  stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  env: { ...process.env, QEMU_LD_PREFIX: process.env.QEMU_LD_PREFIX ?? '/usr/aarch64-linux-gnu' },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.once('exit', (code, signal) => {
  process.exitCode = code ?? 1;
  if (signal !== null) process.kill(process.pid, signal);
});
child.once('spawn', async () => {
  // Every user maps to itself: some tests have workers of other users. Only root may map more than itself (user_namespaces(7)).
  if (root) await mapUsers();
  child.stdio[3].end('go\n');
});

/** unshare(2) has happened when the namespace differs from ours; until then the maps are those of ours. */
async function mapUsers() {
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(`/proc/${child.pid}/uid_map`, '0 0 4294967295');
      writeFileSync(`/proc/${child.pid}/gid_map`, '0 0 4294967295');
      return;
    } catch (error) {
      // EPERM: this is still the map of the first namespace, which no process can write; the kernel sends no notice of an unshare(2).
      if (tries === 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
