// What a chart asks ECharts for.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

// The two things of a browser that the options look at.
globalThis.matchMedia = () => ({ matches: false });
globalThis.document = { body: {} };
globalThis.getComputedStyle = () => ({ fontFamily: 'sans-serif' });

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'options.ts');
const code = buildSync({ entryPoints: [source], bundle: true, format: 'esm', write: false }).outputFiles[0].text;
const { optionOf } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

const colors = { series: ['#000'], text: '#000', muted: '#000', line: '#000', paper: '#fff', bound: '#f00' };
const axis = label => ({ label, log: false, min: null, max: null, categories: null });

function optionsOf(x, y, view = {}, more = {}) {
  const series = [{ name: 'a', role: 'measured', marker: 'circle', line: true, x, y }];
  const chart = { id: 'a', title: 'a', note: null, kind: 'line', x: axis('epoch'), y: axis('count'), series, ...more };
  return optionOf(chart, { logX: false, logY: false, hidden: new Set(), ...view }, colors, 800);
}

test('an axis of whole numbers has no fractions between them', () => {
  assert.equal(optionsOf([1, 2], [0.3, 0.5]).xAxis.minInterval, 1);
  assert.equal(optionsOf([1, 2, 3], [4, 'NaN', 5]).yAxis.minInterval, 1);
});

test('an axis of other numbers, or of powers of ten, is divided freely', () => {
  assert.equal(optionsOf([1, 1.5], [0.3, 0.5]).xAxis.minInterval, undefined);
  assert.equal(optionsOf([1, 2], [0.3, 0.5]).yAxis.minInterval, undefined);
  assert.equal(optionsOf([1, 2], [3, 5], { logX: true }).xAxis.minInterval, undefined);
  const intervals = [{ x: 0, mean: 1.5, low: 1, high: 2 }];
  assert.equal(optionsOf([1, 2], [3, 5], {}, { intervals }).yAxis.minInterval, undefined);
});
