// One recipe from beginning to end: its fleet starts, is reloaded three times under load, and stops while clients are connected.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { node as nodeOf } from '../../scripts/platforms/nodes.mjs';
import { whereIs } from '../../scripts/tools/debian.mjs';
import { freePort } from '../loss/free-port.mjs';
import { examine, USE } from './examine.mjs';
import { startPlainly, watch } from './fleet.mjs';
import { filesOf, replaceIn } from './pages.mjs';
import { furnish, openPlace, PROGRAM } from './place.mjs';
import { startProxy } from './proxies.mjs';
import { examineQuickStart, lackOfNamespaces, quickStartFiles } from './quick-start.mjs';
import { startSupervised } from './supervisors.mjs';

/** @returns why this machine cannot run the recipe, or undefined. */
export function lackOf({ needs = {}, root = false, quickStart }) {
  if (root && process.getuid?.() !== 0) return 'needs root';
  if (quickStart !== undefined) return lackOfNamespaces();
  const missing = Object.entries(needs).filter(([command]) => whereIs(command) === undefined);
  if (missing.length === 0) return undefined;
  return `needs ${missing.map(([command, name]) => `${command} (apt-get install ${name})`).join(', ')}`;
}

/**
 * @param pages The folder of the pages: README.md has the program of pages that have none.
 * @returns `{ tools, asked, lost, left, stopMs, code, problems, log }`: without problems the recipe does what its page promises.
 */
export async function runRecipe(name, recipe, pages) {
  const node = nodeFor(recipe);
  // Unix sockets, logs and the state of supervisors: a short path.
  const run = mkdtempSync(join(tmpdir(), 'prefork-run-'));
  const ends = [() => rmSync(run, { recursive: true, force: true })];
  let fleet;
  try {
    const place = await openPlace(name, recipe, node);
    ends.unshift(() => place.remove());
    const values = {
      port: recipe.port ?? (await freePort()),
      front: await freePort(),
      run,
      node,
      folder: place.folder,
    };
    const files =
      recipe.quickStart === undefined ? pageFiles(name, recipe, pages, values) : quickStartFiles(recipe, values);
    await furnish(place.folder, recipe, files, node);
    // Clients are packages of the recipe, not of this program.
    writeFileSync(join(place.folder, USE), 'export const use = (name) => import(name);\n');
    const context = { ...values, files, recipe, env: environment(place.folder, recipe, node) };
    if (recipe.quickStart !== undefined) {
      return { ...(await examineQuickStart(context)), tools: toolsOf(recipe, node) };
    }
    fleet = await (recipe.under === undefined ? startPlainly(plain(context)) : startSupervised(recipe.under, context));
    ends.unshift(() => fleet.end());
    if (recipe.behind !== undefined) {
      await watch(fleet).ready();
      ends.unshift(await startProxy(recipe.behind, context));
    }
    const result = await examine(fleet, context, ends);
    return { ...result, tools: toolsOf(recipe, node), log: fleet.log() };
  } catch (error) {
    if (fleet !== undefined) error.message += `\n${fleet.log()}`;
    throw error;
  } finally {
    for (const end of ends) await end();
  }
}

/** The files of the recipe's page, with the port and the folders of this run. */
function pageFiles(name, recipe, pages, values) {
  const fill = (text) => text.replace(/\{\{(\w+)\}\}/g, (_, key) => values[key]);
  const replace = recipe.replace ?? { 'listen: 3000': "listen: '127.0.0.1:{{port}}'" };
  return replaceIn(
    new Map(['README', recipe.page ?? name].flatMap((page) => [...filesOf(join(pages, `${page}.md`))])),
    Object.fromEntries(Object.entries(replace).map(([text, other]) => [text, fill(other)])),
  );
}

/** The node that runs these tests, or one that is new enough for the packages of the recipe. */
function nodeFor({ node = 0 }) {
  const here = Number(process.versions.node.split('.')[0]);
  return here >= node ? process.execPath : nodeOf(process.platform, process.arch, node);
}

/** The programs of this machine that took part: `name version`, the version as Debian's package has it. */
function toolsOf({ needs = {} }, node) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the format is dpkg-query's.
  const format = '${source:Upstream-Version}';
  const version = (name) => execFileSync('dpkg-query', ['-W', '-f', format, name], { encoding: 'utf8' });
  const tools = [...new Set(Object.values(needs))].map((name) => `${name} ${version(name)}`);
  return [...tools, `Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1)}`];
}

function environment(folder, { env = {} }, node) {
  const path = [dirname(node), join(folder, 'node_modules/.bin'), process.env.PATH, '/usr/sbin', '/sbin'].join(
    delimiter,
  );
  return {
    ...process.env,
    PATH: path,
    NODE_ENV: 'production',
    NEXT_TELEMETRY_DISABLED: '1',
    npm_config_update_notifier: 'false',
    ...env,
  };
}

/** The command of the Dockerfile, or `node` and the program that the recipe names. */
function plain({ files, recipe: { program = PROGRAM }, folder, node, env }) {
  const dockerfile = files.get('Dockerfile');
  const words = (name) => JSON.parse(new RegExp(`^${name} (.*)$`, 'm').exec(dockerfile)?.[1] ?? '[]');
  const command = dockerfile === undefined ? [node, program] : [...words('ENTRYPOINT'), ...words('CMD')];
  return { command, folder, env };
}
