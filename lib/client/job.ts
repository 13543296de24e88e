/** What `prefork top` does to its own process when a terminal or a signal wants it to stand still or to end. screen.ts calls it. */

/** False on Windows, whose shells stop no job: there Ctrl+Z means nothing. */
export function stopJob(platform = process.platform): boolean {
  if (platform === 'win32') return false;
  // All processes of the job, as Ctrl+Z does it: the command may stand in a pipe.
  process.kill(0, 'SIGTSTP');
  return true;
}

/** By the default action of the signal, so that the parent of this process learns what has ended it. Windows has no such thing. */
export function endBy(signal: NodeJS.Signals, platform = process.platform): void {
  if (platform === 'win32') process.exit(1);
  process.kill(process.pid, signal);
}
