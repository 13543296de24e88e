// Charts as SVG files, a light one and a dark one of each, drawn by ECharts on the server. A chart is described by
//   { name, title, unit, kind: 'bars' | 'lines', categories, series: [{ mode, label, values }], log }
// Values may be undefined: not measured.
import { init } from 'echarts';

const WIDTH = 860;
const HEIGHT = 380;
const THEMES = {
  light: { text: '#1f2328', quiet: '#59636e', grid: '#d1d9e0' },
  dark: { text: '#e6edf3', quiet: '#9198a1', grid: '#3d444d' },
};
/** Colours the package's own ways of sharing, and greys the others. */
const COLORS = {
  light: {
    single: '#8c959f',
    'single-24': '#afb8c1',
    cluster: '#57606a',
    none: '#6e7781',
    'node-reuseport': '#bf8700',
    pm2: '#8250df',
    plain: '#80ccff',
    shared: '#0969da',
    sharded: '#1a7f37',
    reuseport: '#bc4c00',
  },
  dark: {
    single: '#768390',
    'single-24': '#545d68',
    cluster: '#cdd9e5',
    none: '#adbac7',
    'node-reuseport': '#d4a72c',
    pm2: '#a371f7',
    plain: '#265f99',
    shared: '#58a6ff',
    sharded: '#3fb950',
    reuseport: '#f0883e',
  },
};

/** @returns by theme the text of an SVG file: the same for the same chart. */
export function drawChart(chart) {
  return Object.fromEntries(Object.keys(THEMES).map((theme) => [theme, draw(chart, theme)]));
}

function draw(chart, theme) {
  const picture = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  picture.setOption(optionOf(chart, theme));
  const svg = picture.renderToSVGString();
  picture.dispose();
  // The library counts its pictures in the names of classes, and draws no title for screen readers.
  return `${svg
    .replaceAll(/zr\d+-/g, 'zr-')
    .replace('<svg ', `<svg role="img" aria-label="${chart.title.replaceAll('"', '')}" `)}\n`;
}

function optionOf({ title, unit, kind, categories, series, log = false }, theme) {
  const { text, quiet, grid } = THEMES[theme];
  const font = 'system-ui, sans-serif';
  return {
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: font, color: text },
    title: { text: title, left: 8, top: 6, textStyle: { fontSize: 15, fontWeight: 600, color: text } },
    legend: { top: 34, left: 8, itemWidth: 16, itemHeight: 10, itemGap: 22, textStyle: { color: text, fontSize: 12 } },
    grid: { left: 16, right: 24, top: 124, bottom: 16, containLabel: true },
    xAxis: {
      type: 'category',
      data: categories,
      axisLabel: { color: text, fontSize: 12, interval: 0 },
      axisLine: { lineStyle: { color: quiet } },
      axisTick: { show: false },
    },
    yAxis: {
      type: log ? 'log' : 'value',
      name: unit,
      nameTextStyle: { color: quiet, align: 'left' },
      axisLabel: { color: quiet },
      splitLine: { lineStyle: { color: grid } },
    },
    series: series.map(({ mode, label, values }) => ({
      name: label,
      type: kind === 'bars' ? 'bar' : 'line',
      color: COLORS[theme][mode] ?? quiet,
      data: values.map((value) => (value === undefined ? '-' : Number(value.toPrecision(3)))),
      symbolSize: 7,
      lineStyle: { width: 2.5 },
      barGap: '8%',
      label: {
        show: kind === 'bars' && series.length * categories.length <= 24,
        position: 'top',
        color: quiet,
        fontSize: 10,
      },
    })),
  };
}
