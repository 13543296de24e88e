/** The manifests of examples/k8s, and the program that they run, as they run it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { freePort } from '../../helpers/free-port.js';
import { commandWorks, eventually, httpGet, isRoot, startProgram, target, testWhen } from '../../helpers/index.js';

const FOLDER = join(target.root, 'examples/k8s');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: the types of Kubernetes are held against it below.
  readonly spec: any;
}

const manifests = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .flatMap((name) =>
    parseAllDocuments(readFileSync(join(FOLDER, name), 'utf8')).map((document) => {
      expect(document.errors).toEqual([]);
      return { name, manifest: document.toJS() as Manifest };
    }),
  );

/** A name that Kubernetes does not know is an excess property of a literal. */
function typeErrors({ apiVersion, kind, ...rest }: Manifest): string[] {
  const folder = apiVersion === 'v1' ? 'v1' : apiVersion;
  const file = join(target.root, `${kind}.check.ts`);
  const text = `import type { I${kind} } from 'kubernetes-models/${folder}/${kind}';
export const manifest: I${kind} = ${JSON.stringify({ apiVersion, kind, ...rest })};\n`;
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
    ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, ...more) =>
    name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : getSourceFile.call(host, name, ...more);
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.readFile = (name) => (name === file ? text : readFile.call(host, name));
  return ts
    .getPreEmitDiagnostics(ts.createProgram([file], options, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

test('the manifests of examples/k8s are what the schemas and the types of Kubernetes allow', {
  timeout: 120_000,
}, async () => {
  expect(manifests.map(({ manifest }) => manifest.kind).sort()).toEqual([
    'Deployment',
    'PodDisruptionBudget',
    'Service',
  ]);
  for (const { manifest } of manifests) {
    const { apiVersion, kind } = manifest;
    const loaded = (await import(`kubernetes-models/${apiVersion}/${kind}`)) as Record<
      string,
      new (
        manifest: Manifest,
      ) => { validate(): void }
    >;
    const Model = loaded[kind];
    if (Model === undefined) throw new Error(`no ${kind}`);
    new Model(manifest).validate();
    expect(typeErrors(manifest)).toEqual([]);
    // What finds nothing would find nothing wrong, either.
    expect(typeErrors({ ...manifest, spec: { ...manifest.spec, replica: 3 } })).toEqual([
      expect.stringContaining('replica'),
    ]);
  }
});

test('the Deployment gives the fleet the time that its program takes, and probes, ports and labels belong together', () => {
  const of = (kind: string): Manifest['spec'] =>
    manifests.find(({ manifest }) => manifest.kind === kind)?.manifest.spec;
  const { template, selector } = of('Deployment');
  const [container] = template.spec.containers;
  const program = readFileSync(join(FOLDER, 'server.mjs'), 'utf8');
  const option = (name: string): number =>
    Number(new RegExp(`${name}: ([\\d_]+)`).exec(program)?.[1]?.replace('_', ''));
  const takes = option('drainDelay') + option('shutdownGracePeriod');
  expect(takes).toBeGreaterThan(0);
  expect(template.spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(takes + 2_000);
  const { periodSeconds, failureThreshold } = container.startupProbe;
  expect(periodSeconds * failureThreshold).toBeGreaterThan(30);
  const ports = container.ports.map(({ name }: { name: string }) => name);
  for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe])
    expect(ports).toContain(probe.httpGet.port);
  for (const port of of('Service').ports) expect(ports).toContain(port.targetPort);
  expect(template.metadata.labels).toMatchObject(selector.matchLabels);
  expect(template.metadata.labels).toMatchObject(of('Service').selector);
  expect(template.metadata.labels).toMatchObject(of('PodDisruptionBudget').selector.matchLabels);
});

const asPod = [
  ...['unshare', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c'],
  ...[
    'mount -o remount,ro,bind / && exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --bounding-set=-all "$@"',
    'sh',
  ],
] as const;
const [unshare, ...words] = asPod;

testWhen(isRoot && commandWorks(unshare, ...words, 'true'), 'needs root, unshare and setpriv', 'posixProcesses')(
  'R3a the program of the Deployment runs as PID 1 of a user without capabilities on a read-only file system: /ready is false from SIGTERM on, clients are served in drainDelay, and it ends with code 0',
  async () => {
    const [port, metrics] = [await freePort(), await freePort()];
    const pod = startProgram(unshare, {
      args: [...words, target.node, join(FOLDER, 'server.mjs')],
      env: { PORT: String(port), METRICS_PORT: String(metrics), WEB_CONCURRENCY: '2' },
    });
    const probe = (path: string): Promise<number> =>
      httpGet({ port: metrics, path }).then(
        ({ status }) => status,
        () => 0,
      );
    await eventually(async () => (await probe('/ready')) === 200, { within: 30_000 });
    expect(await probe('/live')).toBe(200);
    expect(pod.stderr).toContain('"role":"master","pid":1,');
    // unshare passes no signal on: PID 1 of the namespace gets it from outside, as from the kubelet.
    const [master] = pod.workers();
    const begun = performance.now();
    process.kill(master as number, 'SIGTERM');
    await eventually(async () => (await probe('/ready')) === 503);
    let rounds = 0;
    while (performance.now() - begun < 3_000) {
      const seen = [await httpGet({ port }).then(({ body }) => body, String), await probe('/ready')];
      // This process got no CPU until drainDelay was over.
      if (performance.now() - begun > 5_000) break;
      expect(seen).toEqual(['hello\n', 503]);
      rounds++;
    }
    expect(rounds).toBeGreaterThan(0);
    expect(await pod.exit({ within: 40_000 })).toEqual({ code: 0, signal: null });
    expect(pod.stderr).toContain('"event":"stop"');
  },
  120_000,
);
