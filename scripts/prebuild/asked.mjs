// npm runs a script called `prebuild` also before every `build`, and gives the script no way to distinguish the two. The process title of
// npm does.
import { readFileSync } from 'node:fs';

/** @returns false when this is only the hook of `npm run build`, which must not build for every system. */
export function isAskedFor() {
  if (process.env.npm_lifecycle_event !== 'prebuild' || process.platform !== 'linux') return true;
  for (let pid = process.ppid; pid > 1; pid = parentOf(pid)) {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split(/[\0 ]/);
    // The nearest npm counts; the shell between npm and this process has another title.
    if (words.includes('prebuild')) return true;
    if (words.includes('build')) return false;
  }
  return true;
}

/** proc_pid_stat(5): the name in parentheses may itself contain anything. */
function parentOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
