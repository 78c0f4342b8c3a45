/** From a chart of the page to the option object that ECharts draws. */

import type { EChartsCoreOption } from 'echarts/core';
import { type Axis, type Chart, extentOf, finite, isWhole, type Series } from './chart';
import { formatNumber, formatPower, formatTick } from './format';
import type { Colors } from './theme';

/** What the reader has chosen for one chart. */
export interface View {
  logX: boolean;
  logY: boolean;
  hidden: Set<string>;
}

/** Series that are not the reader's to switch off: bounds and error bars. */
const furniture = '\u0000';

const symbols: Record<Series['marker'], string> = {
  none: 'circle', circle: 'circle', triangle: 'triangle', square: 'rect', diamond: 'diamond',
};

/** A curve of the lesson has the colour of the measured curve whose name its own begins with: "batch norm" and "batch norm, lesson". */
export function colorOf(chart: Chart, series: Series, colors: Colors): string {
  return colors.series[placeOf(chart, series) % colors.series.length] ?? colors.text;
}

/** Dashes of a line, in CSS pixels: the lesson's are long; short ones tell a colour's second use from its first. */
export function dashesOf(chart: Chart, series: Series, colors: Colors): number[] | null {
  if (series.role === 'lesson') return [6, 4];
  return placeOf(chart, series) < colors.series.length ? null : [2, 2];
}

function placeOf(chart: Chart, series: Series): number {
  const measured = chart.series.filter(each => each.role === 'measured');
  if (series.role === 'measured') return measured.indexOf(series);
  const twins = measured.filter(each => series.name === each.name || series.name.startsWith(`${each.name},`) || series.name.startsWith(`${each.name} (`));
  const twin = twins.sort((a, b) => b.name.length - a.name.length)[0];
  return twin ? measured.indexOf(twin) : measured.length + chart.series.filter(each => each.role === 'lesson').indexOf(series);
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`);
}

/** A bar chart over plain numbers gets them as categories, in order. */
function categoriesOf(chart: Chart): string[] | null {
  if (chart.x.categories) return chart.x.categories;
  return chart.kind === 'bar' ? barPositions(chart).map(x => formatNumber(x)) : null;
}

function barPositions(chart: Chart): number[] {
  const all = chart.series.flatMap(series => series.x).map(finite).filter(x => x !== null);
  return [...new Set(all)].sort((a, b) => a - b);
}

function pointsOf(chart: Chart, series: Series, view: View): [number, number | null][] {
  const positions = chart.kind === 'bar' && !chart.x.categories ? barPositions(chart) : null;
  const points: [number, number | null][] = [];
  series.x.forEach((stored, index) => {
    const x = finite(stored);
    if (x === null || (view.logX && x <= 0)) return;
    const y = finite(series.y[index]);
    points.push([positions ? positions.indexOf(x) : x, view.logY && y !== null && y <= 0 ? null : y]);
  });
  return points;
}

function seriesOption(chart: Chart, series: Series, index: number, colors: Colors, view: View, categoryWidth: number): object {
  const color = colorOf(chart, series, colors);
  const lesson = series.role === 'lesson';
  const data = pointsOf(chart, series, view);
  const itemStyle = lesson ? { color: colors.paper, borderColor: color, borderWidth: 1.6 } : { color, borderColor: color };
  const common = { name: series.name, itemStyle, data, cursor: 'default' };

  if (chart.kind === 'bar') {
    return {
      ...common, type: 'bar', barMaxWidth: 34, barGap: '12%',
      itemStyle: lesson ? { ...itemStyle, color: 'transparent', borderType: 'dashed' } : { ...itemStyle, borderRadius: [2, 2, 0, 0] },
    };
  }
  const symbol = symbols[series.marker];
  const symbolSize = series.marker === 'triangle' || series.marker === 'diamond' ? 9 : 7;
  if (chart.kind === 'strip') {
    // The seeds stand to the right of the error bar, as far apart as there is room.
    const step = Math.max(0, Math.min(9, (categoryWidth / 2 - 14) / chart.series.length));
    return { ...common, type: 'scatter', symbol, symbolSize, symbolOffset: [13 + step * index, 0], itemStyle: { ...itemStyle, opacity: 0.85 } };
  }
  if (!series.line) return { ...common, type: 'scatter', symbol, symbolSize: data.length > 100 ? symbolSize - 2.5 : symbolSize };
  const alone = data.filter(([, y]) => y !== null).length < 2;
  return {
    ...common, type: 'line', symbol, symbolSize, showSymbol: series.marker !== 'none' || alone, showAllSymbol: series.marker === 'none' ? 'auto' : true,
    lineStyle: { color, width: data.length > 150 ? 1.5 : 2, type: dashesOf(chart, series, colors) ?? 'solid' },
    connectNulls: false, sampling: 'lttb', emphasis: { focus: 'none', lineStyle: { width: 2.5 } }, z: lesson ? 3 : 2,
  };
}

function errorBars(chart: Chart, colors: Colors): object[] {
  const intervals = chart.intervals ?? [];
  if (intervals.length === 0) return [];
  const bars: [number, number | null][] = [];
  const means: [number, number | null, number | null, number | null][] = [];
  for (const { x, low, mean, high } of intervals) {
    bars.push([x, finite(low)], [x, finite(high)], [x, null]);
    means.push([x, finite(mean), finite(low), finite(high)]);
  }
  const style = { color: colors.text, borderColor: colors.text };
  return [
    { name: `${furniture}bars`, type: 'line', data: bars, symbol: 'rect', symbolSize: [13, 2], showSymbol: true, showAllSymbol: true, silent: true,
      lineStyle: { color: colors.text, width: 2 }, itemStyle: style, z: 4 },
    { name: `${furniture}means`, type: 'scatter', data: means, symbol: 'diamond', symbolSize: 11, itemStyle: style, z: 5 },
  ];
}

function boundLines(chart: Chart, colors: Colors, view: View): object[] {
  const lines = (chart.lines ?? []).flatMap(line => {
    const value = finite(line.value);
    const log = line.axis === 'x' ? view.logX : view.logY;
    return value === null || (log && value <= 0) ? [] : [{ ...line, value }];
  });
  if (lines.length === 0) return [];
  // Invisible points at the lines, so that the axes reach as far as the lines do.
  const points = chart.series.flatMap(series => pointsOf(chart, series, view)).filter(([, y]) => y !== null);
  const [x, y] = points[0] ?? [0, 1];
  return [{
    name: `${furniture}lines`, type: 'line', silent: true, symbol: 'none', lineStyle: { opacity: 0 }, tooltip: { show: false },
    data: lines.map(line => (line.axis === 'x' ? [line.value, y] : [x, line.value])),
    markLine: {
      // Values are drawn where they are: by default they are rounded to two digits, and 0.001 is gone from a logarithmic axis.
      silent: true, symbol: 'none', animation: false, precision: -1, lineStyle: { color: colors.bound, type: [2, 3], width: 1.6 },
      data: lines.map(line => ({
        [line.axis === 'x' ? 'xAxis' : 'yAxis']: line.value,
        label: {
          formatter: line.label, color: colors.bound, fontSize: 11, textBorderColor: colors.paper, textBorderWidth: 3,
          position: line.axis === 'x' ? 'end' : 'insideEndTop', distance: line.axis === 'x' ? 4 : 3,
        },
      })),
    },
  }];
}

function axisOption(
  axis: Axis, log: boolean, whole: boolean, extent: [number, number],
  colors: Colors, categories: string[] | null, categoryWidth: number,
): object {
  const [low, high] = extent;
  const usable = (value: number | null): value is number => value !== null && !(log && value <= 0);
  const common = {
    name: axis.label,
    nameTextStyle: { color: colors.muted, fontSize: 12 },
    axisLine: { show: true, onZero: false, lineStyle: { color: colors.muted } },
    axisTick: { lineStyle: { color: colors.muted } },
    splitLine: { lineStyle: { color: colors.line } },
  };
  const axisLabel = { color: colors.muted, fontSize: 11, lineHeight: 13, hideOverlap: true };
  if (categories) {
    const narrow = categoryWidth < 58 && categories.some(name => name.length * 6.2 > categoryWidth);
    return {
      ...common, type: 'category', data: categories, splitLine: { show: false },
      axisLabel: {
        ...axisLabel, hideOverlap: false, interval: categoryWidth < 14 ? 'auto' : 0,
        ...(narrow ? { rotate: 40, width: 130, overflow: 'truncate' } : { width: categoryWidth - 10, overflow: 'break' }),
      },
    };
  }
  return {
    ...common, type: log ? 'log' : 'value', scale: true,
    // There is no epoch 1.2.
    ...(whole && !log ? { minInterval: 1 } : {}),
    ...(usable(axis.min) ? { min: axis.min } : {}),
    ...(usable(axis.max) ? { max: axis.max } : {}),
    ...(usable(axis.min) && usable(axis.max) && !log ? evenly(axis.min, axis.max) : {}),
    // Powers of ten all along, or nowhere.
    axisLabel: { ...axisLabel, formatter: log && (low < 1e-3 || high > 1e5) ? formatPower : formatTick },
  };
}

/** Steps between two given ends that meet both, where there are round ones. */
function evenly(min: number, max: number): { interval?: number } {
  const scale = 10 ** Math.floor(Math.log10(max - min));
  const interval = [0.1, 0.2, 0.25, 0.5, 1].map(step => step * scale).find(step => {
    const count = (max - min) / step;
    return count < 8.5 && Math.abs(count - Math.round(count)) < 1e-6;
  });
  return interval === undefined ? {} : { interval };
}

/** The part of ECharts' callback argument that the tooltip needs. */
interface Hovered {
  seriesName?: string;
  color?: unknown;
  value: unknown;
}

function tooltipHtml(chart: Chart, categories: string[] | null, hovered: Hovered[], colors: Colors): string {
  const rows: string[] = [];
  let heading = '';
  for (const item of hovered) {
    const [x, y, low, high] = item.value as [number, number | null, number?, number?];
    const name = item.seriesName ?? '';
    const series = chart.series.find(each => each.name === name);
    if (name.startsWith(furniture) && low === undefined) continue;
    heading ||= categories ? categories[x] ?? '' : `${chart.x.label} ${formatNumber(x)}`.trim();
    const swatch = series ? `<i style="border-color:${colorOf(chart, series, colors)}" class="${series.role}"></i>` : '';
    const what = series ? escapeHtml(name) : 'mean [95 %]';
    const value = low === undefined ? formatNumber(y) : `${formatNumber(y)} [${formatNumber(low)}, ${formatNumber(high)}]`;
    rows.push(`<tr><td>${swatch}${what}</td><td>${value}</td></tr>`);
  }
  return rows.length === 0 ? '' : `<b>${escapeHtml(heading)}</b><table>${rows.join('')}</table>`;
}

/** Whether every curve has one value at an x. Contours have two: there the pointer shows the point it is on. */
function runsRight(chart: Chart): boolean {
  return chart.series.every(series => series.x.every((x, i) => i === 0 || Number(x) >= Number(series.x[i - 1])));
}

/** The title above the drawing already says what the axis would. */
function sayTheSame(label: string, title: string): boolean {
  return label.toLowerCase() === title.toLowerCase();
}

export function optionOf(chart: Chart, view: View, colors: Colors, width: number): EChartsCoreOption {
  const categories = categoriesOf(chart);
  const categoryWidth = categories ? (width - 90) / categories.length : 0;
  const yAxis = axisOption(chart.y, view.logY, isWhole(chart, 'y'), extentOf(chart, 'y'), colors, null, 0);
  const [low, high] = extentOf(chart, 'x');
  // Steps are counted from 0 or 1 to a last one; the axis ends where they do.
  const counts = !view.logX && low >= 0 && Number.isInteger(low) && Number.isInteger(high);
  const steps = counts ? { min: low < 0.1 * high ? 0 : 'dataMin', max: 'dataMax' } : {};
  const across = axisOption(chart.x, view.logX, isWhole(chart, 'x'), [low, high], colors, categories, categoryWidth);
  const xAxis = { ...(categories ? {} : steps), ...across };
  const touch = matchMedia('(pointer: coarse)').matches;
  const inside = { type: 'inside', filterMode: 'none', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: 'shift', moveOnMouseWheel: false, disabled: touch };
  return {
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colors.text },
    grid: { left: 4, right: 18, top: 6, bottom: 6, outerBoundsMode: 'same', outerBoundsContain: 'all' },
    xAxis: { ...xAxis, nameLocation: 'middle', nameGap: 26 },
    yAxis: { ...yAxis, name: sayTheSame(chart.y.label, chart.title) ? '' : chart.y.label, nameLocation: 'end', nameGap: 12, nameTextStyle: { color: colors.muted, fontSize: 12, align: 'left', padding: [0, 0, 0, -4] }, ...(chart.kind === 'bar' && !view.logY ? { scale: false } : {}) },
    legend: { show: false, selected: Object.fromEntries([...view.hidden].map(name => [name, false])) },
    // The box zoom lives in the toolbox; its icon is kept out of sight, because the page has a button of its own.
    toolbox: { left: -100, itemSize: 1, feature: { dataZoom: { filterMode: 'none', brushStyle: { color: colors.muted, opacity: 0.2 } } } },
    dataZoom: [{ ...inside, xAxisIndex: 0 }, { ...inside, yAxisIndex: 0 }],
    tooltip: {
      trigger: chart.kind === 'strip' || !runsRight(chart) ? 'item' : 'axis', confine: true, className: 'chart-tip', appendToBody: false, transitionDuration: 0,
      backgroundColor: colors.paper, borderColor: colors.line, textStyle: { color: colors.text, fontSize: 12 },
      axisPointer: { type: chart.kind === 'bar' ? 'shadow' : 'line', lineStyle: { color: colors.muted }, label: { show: false } },
      formatter: (hovered: Hovered | Hovered[]) => tooltipHtml(chart, categories, Array.isArray(hovered) ? hovered : [hovered], colors),
    },
    series: [
      ...chart.series.map((series, index) => seriesOption(chart, series, index, colors, view, categoryWidth)),
      ...errorBars(chart, colors),
      ...boundLines(chart, colors, view),
    ],
  };
}

/** The same chart for a picture that stands alone: with its title and a legend. */
export function pictureOf(chart: Chart, view: View, colors: Colors, width: number): EChartsCoreOption {
  const option = optionOf(chart, view, colors, width) as Record<string, object>;
  const names = chart.series.map(series => series.name).filter(name => !view.hidden.has(name));
  return {
    ...option,
    backgroundColor: colors.paper,
    title: { text: chart.title, left: 16, top: 12, textStyle: { color: colors.text, fontSize: 17, fontWeight: 600, width: width - 32, overflow: 'break' } },
    legend: { ...option['legend'], show: true, data: names, bottom: 10, left: 16, right: 16, textStyle: { color: colors.text } },
    grid: { ...option['grid'], left: 16, right: 28, top: 54, bottom: 22 + 26 * Math.ceil(names.join('      ').length * 8 / width) },
  };
}
