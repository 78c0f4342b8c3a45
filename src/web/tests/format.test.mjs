// The numbers of tooltips and axes.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'format.ts');
const code = buildSync({ entryPoints: [source], bundle: true, format: 'esm', write: false }).outputFiles[0].text;
const { formatNumber, formatTick, formatPower } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

test('four digits that count', () => {
  assert.equal(formatNumber(0.123456), '0.1235');
  assert.equal(formatNumber(2.0799961), '2.08');
  assert.equal(formatNumber(-13.18038), '−13.18');
  assert.equal(formatNumber(123456.7), '123500');
});

test('whole numbers stay whole', () => {
  assert.equal(formatNumber(61706), '61706');
  assert.equal(formatNumber(0), '0');
  assert.equal(formatNumber(-0), '0');
});

test('powers of ten for the very small and the very large', () => {
  assert.equal(formatNumber(2.48773e-40), '2.488·10⁻⁴⁰');
  assert.equal(formatNumber(1e-5), '10⁻⁵');
  assert.equal(formatNumber(-1e-5), '−10⁻⁵');
  assert.equal(formatNumber(5.1e36), '5.1·10³⁶');
  assert.equal(formatNumber(9.99999e-4), '10⁻³');
});

test('what is not a number is said', () => {
  assert.equal(formatNumber(null), '–');
  assert.equal(formatNumber(NaN), '–');
  assert.equal(formatNumber(Infinity), '∞');
  assert.equal(formatNumber(-Infinity), '−∞');
});

test('ticks', () => {
  assert.equal(formatTick(0.30000000000000004), '0.3');
  assert.equal(formatPower(1e-7), '10⁻⁷');
  assert.equal(formatPower(1), '1');
  assert.equal(formatPower(10), '10¹');
  assert.equal(formatPower(3e-7), '3·10⁻⁷');
});
