// Runs test/windows inside node.exe: the functions of the addon for Windows, each by itself.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @returns the result in one line. @throws with the output when a test failed. */
export async function runNativeTests({ env }, node, folder) {
  const logs = mkdtempSync(join(tmpdir(), 'prefork-native-'));
  const [stdout, stderr] = ['stdout', 'stderr'].map((name) => join(logs, name));
  // The output goes to files, because the first node.exe under Wine cannot use a pipe of Linux.
  const files = [openSync(stdout, 'w'), openSync(stderr, 'w')];
  try {
    const child = spawn('wine', [node, 'test/windows/main.mjs'], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', ...files],
    });
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
    const printed = readFileSync(stdout, 'utf8');
    const [tests, passed, skipped] = ['tests', 'pass', 'skipped'].map((name) =>
      Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(printed)?.[1]),
    );
    // A report without its end comes from a run that did not finish.
    if (code !== 0 || !(passed > 0) || passed + skipped !== tests) {
      throw new Error(
        `Native tests: exit code ${code}, ${passed} of ${tests} passed\n${printed}${readFileSync(stderr, 'utf8')}`,
      );
    }
    return `${passed} of ${tests} tests of native functions passed, ${skipped} skipped`;
  } finally {
    for (const file of files) closeSync(file);
    rmSync(logs, { recursive: true, force: true });
  }
}
