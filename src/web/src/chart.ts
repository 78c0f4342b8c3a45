/** The charts as the page stores them, in the JSON of `script#charts`. */

/** JSON has no NaN and no infinities: they are stored as strings, and are gaps in a chart. */
export type StoredNumber = number | 'NaN' | 'Infinity' | '-Infinity' | null;

export interface Axis {
  label: string;
  log: boolean;
  min: number | null;
  max: number | null;
  /** Names along the axis; a value of x is then an index into them. */
  categories?: string[] | null;
}

export interface Series {
  name: string;
  /** `lesson`: what the lesson printed, or what goes with a measured curve; drawn dashed and hollow, in that curve's colour. */
  role: 'measured' | 'lesson';
  marker: 'none' | 'circle' | 'triangle' | 'square' | 'diamond';
  line: boolean;
  x: StoredNumber[];
  y: StoredNumber[];
}

export interface Interval {
  x: number;
  mean: StoredNumber;
  low: StoredNumber;
  high: StoredNumber;
}

export interface Chart {
  id: string;
  title: string;
  note: string | null;
  /** `strip`: x are the cases, one dot a seed, with intervals as error bars. */
  kind: 'line' | 'bar' | 'strip';
  x: Axis;
  y: Axis;
  series: Series[];
  lines?: { axis: 'x' | 'y'; value: StoredNumber; label: string }[];
  intervals?: Interval[];
}

export function readCharts(page: Document): Map<string, Chart> {
  const text = page.getElementById('charts')?.textContent;
  const charts: Chart[] = text ? JSON.parse(text) : [];
  return new Map(charts.map(chart => [chart.id, chart]));
}

/** A number that can be drawn, or null: a gap. */
export function finite(value: StoredNumber | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** All numbers of the chart along one axis. */
function valuesAlong(chart: Chart, axis: 'x' | 'y'): number[] {
  const stored: StoredNumber[] = chart.series.flatMap(series => series[axis]);
  if (axis === 'y') for (const i of chart.intervals ?? []) stored.push(i.low, i.mean, i.high);
  return stored.map(finite).filter(value => value !== null);
}

/** Whether every value along an axis is a whole number: epochs, layers, counts. */
export function isWhole(chart: Chart, axis: 'x' | 'y'): boolean {
  const values = valuesAlong(chart, axis);
  return values.length > 0 && values.every(value => Number.isInteger(value));
}

export function extentOf(chart: Chart, axis: 'x' | 'y'): [number, number] {
  const values = valuesAlong(chart, axis);
  return [Math.min(...values), Math.max(...values)];
}

/** Whether the reader may switch this axis between linear and logarithmic: there is something to see, and nothing of it would be lost. */
export function canBeLog(chart: Chart, axis: 'x' | 'y'): boolean {
  if (axis === 'x' && (chart.kind !== 'line' || chart.x.categories)) return false;
  if (chart[axis].log) return true;
  const values = valuesAlong(chart, axis);
  return values.length > 0 && values.every(value => value > 0) && Math.min(...values) < Math.max(...values);
}

export function isEmpty(chart: Chart): boolean {
  return valuesAlong(chart, 'y').length === 0;
}
