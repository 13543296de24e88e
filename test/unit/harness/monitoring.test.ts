/** examples/grafana and examples/opentelemetry speak of metrics that there are. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

const text = read('examples/grafana/prefork.json');
const dashboard = JSON.parse(text) as Dashboard;

test('the dashboard asks for metrics that the guide lists, for all of them, and with labels that they have', () => {
  const rows = read('docs/guide/metrics.md')
    .split('\n')
    .filter((line) => line.startsWith('| `prefork_'));
  const labels = new Map(
    rows.flatMap((row) => {
      const [, names = '', of = ''] = row.split('|');
      const list = [...of.matchAll(/`(\w+)`/g)].map(([, label = '']) => label);
      return [...names.matchAll(/`(prefork_\w+)`/g)].map(([, name = '']) => [name, list] as const);
    }),
  );
  const asked = new Set(text.match(/prefork_\w+/g));
  expect([...asked].filter((name) => !labels.has(name))).toEqual([]);
  // What a table of versions would show, and no graph.
  const left = ['prefork_worker_generation', 'prefork_worker_start_time_seconds', 'prefork_event_loop_delay_seconds'];
  expect([...labels.keys()].filter((name) => !asked.has(name)).sort()).toEqual(left.sort());
  for (const { title, targets } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      const known = [
        'job',
        'instance',
        ...(expr.match(/prefork_\w+/g) ?? []).flatMap((name) => labels.get(name) ?? []),
      ];
      const used = [
        ...[...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label),
        ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', ')),
        ...[...expr.matchAll(/(\w+)[!=]~?"/g)].map(([, label]) => label),
      ];
      expect(known, `${title}: ${expr}`).toEqual(expect.arrayContaining(used));
      expect(expr.split('(').length, title).toBe(expr.split(')').length);
    }
  }
});

test('no panel of the dashboard lies on another, and every variable that it uses is there', () => {
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  const names = dashboard.templating.list.map(({ name }) => name);
  const used = [...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name).filter((name) => !name.startsWith('__'));
  expect([...new Set(used)].filter((name) => !names.includes(name))).toEqual([]);
});

test('the pipelines of the collector name receivers, processors and exporters that it has, and it scrapes the port of the guide', () => {
  const { receivers, processors, exporters, service } = parse(read('examples/opentelemetry/collector.yaml'));
  for (const pipeline of Object.values<Record<string, string[]>>(service.pipelines)) {
    expect(Object.keys(receivers)).toEqual(expect.arrayContaining(pipeline['receivers'] ?? []));
    expect(Object.keys(processors)).toEqual(expect.arrayContaining(pipeline['processors'] ?? []));
    expect(Object.keys(exporters)).toEqual(expect.arrayContaining(pipeline['exporters'] ?? []));
  }
  expect(receivers.prometheus.config.scrape_configs[0].static_configs[0].targets).toEqual(['127.0.0.1:9100']);
});
