// Where the package is built from, as package.json names it. The repository itself does not say: a fork is built from somewhere else.
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

/** Names that only one network knows. */
const PRIVATE = /(^|\.)(localhost|local|internal|lan|home|corp|arpa)$/i;

/** `repository`, `bugs` and `homepage`; `undefined` when the place has no public address. */
export function addressOf(root, env = process.env) {
  const page = pageOf(ofWorkflow(root, env) ?? ofOrigin(root));
  if (page === undefined) return undefined;
  return {
    homepage: `${page}#readme`,
    bugs: { url: `${page}/issues` },
    repository: { type: 'git', url: `git+${page}.git` },
  };
}

/** GitHub's CI. It may build a package inside of another repository, which this one is not. */
function ofWorkflow(root, { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name, GITHUB_WORKSPACE: folder }) {
  if (!server || !name || (folder && !isSame(folder, root))) return undefined;
  return `${server}/${name}`;
}

function isSame(one, other) {
  return existsSync(one) && realpathSync(one) === realpathSync(other);
}

/** As it was written: `git remote get-url` follows `insteadOf`, and that leads to mirrors. */
function ofOrigin(root) {
  // Elsewhere git looks in the folders above.
  if (!existsSync(join(root, '.git'))) return undefined;
  const { stdout } = spawnSync('git', ['config', '--get', 'remote.origin.url'], { cwd: root, encoding: 'utf8' });
  return stdout?.trim();
}

/** Its page on the web, without user and password; `undefined` for what the public cannot reach. */
export function pageOf(remote = '') {
  // user@host:path, as git takes it.
  const [, host, path] = /^(?:[\w.-]+@)?([\w.-]+):(?!\/)(.+)$/.exec(remote) ?? [];
  const text = host === undefined ? remote : `ssh://${host}/${path}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (!['https:', 'ssh:', 'git+ssh:'].includes(url.protocol)) return undefined;
  const isPublic = url.hostname.includes('.') && isIP(url.hostname) === 0 && !PRIVATE.test(url.hostname);
  const place = url.pathname.replace(/\/+$/, '').replace(/\.git$/, '');
  if (!isPublic || place === '') return undefined;
  // The port of ssh is not that of the page.
  return `https://${url.protocol === 'https:' ? url.host : url.hostname}${place}`;
}
