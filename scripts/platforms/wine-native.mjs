// The functions of the addon for Windows, each by itself: test/windows, which runs inside node.exe.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @returns what was seen. @throws with the output when a test failed. */
export async function runNativeTests({ env }, node, folder) {
  const logs = mkdtempSync(join(tmpdir(), 'prefork-native-'));
  const [stdout, stderr] = ['stdout', 'stderr'].map((name) => join(logs, name));
  // Files, because the first node.exe under Wine cannot use a pipe of Linux.
  const files = [openSync(stdout, 'w'), openSync(stderr, 'w')];
  try {
    const child = spawn('wine', [node, 'test/windows/main.mjs'], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', ...files],
    });
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
    const told = readFileSync(stdout, 'utf8');
    const [tests, passed, skipped] = ['tests', 'pass', 'skipped'].map((name) =>
      Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(told)?.[1]),
    );
    // Without the end of its report it did not come to its end.
    if (code !== 0 || !(passed > 0) || passed + skipped !== tests) {
      throw new Error(
        `Native tests: exit code ${code}, ${passed} of ${tests} passed\n${told}${readFileSync(stderr, 'utf8')}`,
      );
    }
    return `${passed} of ${tests} tests of native functions passed, ${skipped} skipped`;
  } finally {
    for (const file of files) closeSync(file);
    rmSync(logs, { recursive: true, force: true });
  }
}
