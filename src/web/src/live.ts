/** A run as the page knows it: the lines of its live log, and the charts that are made of them. */

import type { Axis, Chart, Series, StoredNumber } from './chart';

/** A line of live.jsonl; see LiveLog.cs. */
export interface LiveLine {
  t: number;
  step: number;
  epoch: number;
  event?: 'begin' | 'epoch' | 'finding' | 'layers' | 'end';
  loss?: StoredNumber;
  lr?: StoredNumber;
  imagesPerSecond?: StoredNumber;
  epochs?: number;
  stepsPerEpoch?: number;
  batchSize?: number;
  training?: Record<string, StoredNumber>;
  validation?: Record<string, StoredNumber>;
  best?: boolean | number;
  how?: string;
  layers?: LayerReading[];
  norms?: NormReading[];
  rule?: string;
  level?: 'error' | 'warning' | 'note';
  layer?: string;
  message?: string;
  remedy?: string;
}

export interface LayerReading {
  name: string;
  type: string;
  mean: StoredNumber;
  std: StoredNumber;
  zeros: StoredNumber;
  gradientStd?: StoredNumber;
  gradientNorm?: StoredNumber;
}

export interface NormReading {
  layer: string;
  kind: string;
  meanShift: StoredNumber;
  varianceRatio: StoredNumber;
}

/** log.csv: the columns and rows as they are. */
export interface EpochTable {
  columns: string[];
  rows: (number | null)[][];
}

export interface Run {
  name: string;
  status: string | null;
  epochs: EpochTable | null;
  steps: LiveLine[];
  events: LiveLine[];
  readings: LiveLine[];
  findings: LiveLine[];
}

export function emptyRun(name: string): Run {
  return { name, status: null, epochs: null, steps: [], events: [], readings: [], findings: [] };
}

export function addLines(run: Run, lines: LiveLine[]): void {
  for (const line of lines) {
    if (line.event === undefined) run.steps.push(line);
    else if (line.event === 'layers') run.readings.push(line);
    else if (line.event === 'finding') run.findings.push(line);
    else run.events.push(line);
  }
}

export function clearLines(run: Run): void {
  run.steps.length = run.events.length = run.readings.length = run.findings.length = 0;
}

export function lastLine(run: Run): LiveLine | undefined {
  return [run.steps.at(-1), run.events.at(-1), run.readings.at(-1)]
    .filter(line => line !== undefined).sort((a, b) => a.t - b.t).at(-1);
}

/** The last beginning of Fit: it says how long the training is to be. */
export function lastBegin(run: Run): LiveLine | undefined {
  return run.events.filter(line => line.event === 'begin').at(-1);
}

/** Milliseconds until the last epoch is done, at the speed since the training began here; null if nobody can say. */
export function timeLeft(run: Run): number | null {
  const begin = lastBegin(run);
  const last = lastLine(run);
  if (!begin || !last || !begin.epochs || !begin.stepsPerEpoch || last.event === 'end') return null;
  const done = last.step - begin.step;
  const left = begin.epochs * begin.stepsPerEpoch - last.step;
  return done <= 0 || left < 0 ? null : ((last.t - begin.t) / done) * left;
}

export function totalSteps(run: Run): number | null {
  const begin = lastBegin(run);
  return begin?.epochs && begin.stepsPerEpoch ? begin.epochs * begin.stepsPerEpoch : null;
}

/** The scores of an epoch by the names of log.csv: `validation_accuracy`. */
type EpochScores = Map<string, StoredNumber>;

/** The epochs of log.csv, and those that the live log knows already. */
export function epochsOf(run: Run): Map<number, EpochScores> {
  const epochs = new Map<number, EpochScores>();
  const at = run.epochs?.columns.indexOf('epoch') ?? -1;
  for (const row of run.epochs?.rows ?? []) {
    const number = row[at];
    if (typeof number === 'number')
      epochs.set(number, new Map(run.epochs?.columns.map((column, i) => [column, row[i] ?? null])));
  }
  for (const line of run.events) {
    if (line.event !== 'epoch') continue;
    const scores: EpochScores = epochs.get(line.epoch) ?? new Map();
    for (const part of ['training', 'validation'] as const)
      for (const [name, value] of Object.entries(line[part] ?? {})) scores.set(`${part}_${name}`, value);
    scores.set('iteration', line.step);
    scores.set('loss', line.loss ?? null);
    epochs.set(line.epoch, scores);
  }
  return new Map([...epochs].sort(([a], [b]) => a - b));
}

function axis(label: string): Axis {
  return { label, log: false, min: null, max: null };
}

function curve(name: string, x: StoredNumber[], y: StoredNumber[], more: Partial<Series> = {}): Series {
  return { name, role: 'measured', marker: 'none', line: true, x, y, ...more };
}

function chart(id: string, title: string, note: string | null, x: Axis, y: Axis, series: Series[]): Chart {
  return { id, title, note, kind: 'line', x, y, series };
}

/** The name of a series: the run stands before it if there are several. */
function named(runs: Run[], index: number, what: string): string {
  const name = runs[index]?.name ?? '';
  const twins = runs.filter(run => run.name === name).length > 1;
  return runs.length === 1 ? what : `${name}${twins ? ` (${index + 1})` : ''}${what ? `, ${what}` : ''}`;
}

/** Several runs have a colour each: what belongs to a run's curve is dashed, in its colour. */
function beside(runs: Run[]): Series['role'] {
  return runs.length > 1 ? 'lesson' : 'measured';
}

function overSteps(runs: Run[], id: string, title: string, note: string | null, value: (line: LiveLine) => StoredNumber | undefined, y: Partial<Axis> = {}): Chart {
  const series = runs.map((run, index) =>
    curve(named(runs, index, runs.length === 1 ? title.toLowerCase() : ''), run.steps.map(line => line.step), run.steps.map(line => value(line) ?? null)));
  return chart(id, title, note, axis('step'), { ...axis(title.toLowerCase()), ...y }, series);
}

/** The charts of all runs together: loss, scores, speed, rate. */
export function chartsOf(runs: Run[]): Chart[] {
  const epochs = runs.map(epochsOf);
  const loss = overSteps(runs, 'loss', 'Loss', runs.length > 1 ? 'of the steps; dashed: of the validation set, at the end of epochs' : 'of the steps; at the end of epochs, of the validation set', line => line.loss);
  runs.forEach((run, index) => {
    // Without a live log the epochs have the loss.
    if (run.steps.length === 0) {
      const series = loss.series[index];
      for (const scores of epochs[index]?.values() ?? []) {
        series?.x.push(scores.get('iteration') ?? null);
        series?.y.push(scores.get('loss') ?? null);
      }
    }
  });
  runs.forEach((_, index) => {
    const rows = [...(epochs[index]?.values() ?? [])].filter(scores => scores.has('validation_loss'));
    if (rows.length === 0) return;
    loss.series.push(curve(named(runs, index, 'validation'), rows.map(row => row.get('iteration') ?? null), rows.map(row => row.get('validation_loss') ?? null), { marker: 'circle', role: beside(runs) }));
  });

  const names = new Set<string>();
  for (const run of epochs) for (const scores of run.values()) for (const name of scores.keys()) names.add(name.replace(/^(training|validation)_/, ''));
  const scored = [...names].filter(name => !['epoch', 'iteration', 'learning_rate', 'loss'].includes(name)).map(name => {
    const series: Series[] = [];
    epochs.forEach((run, index) => {
      for (const part of ['training', 'validation'] as const) {
        const rows = [...run].filter(([, scores]) => scores.has(`${part}_${name}`));
        if (rows.length > 0)
          series.push(curve(named(runs, index, runs.length > 1 && part === 'validation' ? '' : part), rows.map(([epoch]) => epoch), rows.map(([, scores]) => scores.get(`${part}_${name}`) ?? null), part === 'validation' ? { marker: 'circle' } : { marker: 'triangle', role: beside(runs) }));
      }
    });
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    return chart(`score-${name}`, title, runs.length > 1 ? 'on the validation set at the end of epochs, dashed: on training samples' : 'at the end of epochs, in Eval', axis('epoch'), axis(name), series);
  });
  return [
    loss, ...scored,
    overSteps(runs, 'rate', 'Learning rate', null, line => line.lr),
    overSteps(runs, 'speed', 'Samples per second', 'of training, without evaluations', line => line.imagesPerSecond, { min: 0 }),
  ];
}

/** Running statistics against those of a batch, a curve per norm. */
export function normChartsOf(run: Run, index: number): Chart[] {
  const norms = run.readings.at(-1)?.norms ?? [];
  const series = (value: (norm: NormReading) => StoredNumber): Series[] => norms.map(norm => {
    const found = run.readings.map(line => line.norms?.find(each => each.layer === norm.layer));
    return curve(`${norm.layer} ${norm.kind}`, run.readings.map(line => line.step), found.map(each => (each ? value(each) : null)));
  });
  if (norms.length === 0) return [];
  return [
    chart(`shift-${index}`, 'Running mean against batch mean', 'distance in deviations, mean over the channels; 0 if they agree', axis('step'), axis('deviations'), series(norm => norm.meanShift)),
    chart(`ratio-${index}`, 'Batch variance over running variance', 'geometric mean over the channels; 1 if they agree', axis('step'), axis('ratio'), series(norm => norm.varianceRatio)),
  ];
}

/** What a strip draws: a row per layer, a column per reading. */
export interface Strip {
  id: string;
  title: string;
  note: string;
  rows: string[];
  steps: number[];
  values: (number | null)[][];
}

export function stripsOf(run: Run, index: number): Strip[] {
  const layers = run.readings.at(-1)?.layers ?? [];
  const steps = run.readings.map(line => line.step);
  const strip = (id: string, title: string, note: string, value: (layer: LayerReading) => StoredNumber | undefined): Strip => {
    const rows = layers.filter(layer => value(layer) !== undefined);
    return {
      id: `${id}-${index}`, title, note, steps, rows: rows.map(layer => `${layer.name} ${layer.type}`),
      values: rows.map(row => run.readings.map(line => {
        const layer = line.layers?.find(each => each.name === row.name);
        const number = layer ? value(layer) : null;
        return typeof number === 'number' && Number.isFinite(number) ? number : null;
      })),
    };
  };
  return [
    strip('activations', 'Activations: standard deviation', 'of each layer\'s output on 64 samples', layer => layer.std),
    strip('gradients', 'Gradients: standard deviation', 'of dL/dy, the gradient at each layer\'s output', layer => layer.gradientStd),
    strip('weights', 'Gradients of the weights: norm', 'over the parameters of each layer', layer => layer.gradientNorm),
  ].filter(each => each.rows.length > 0 && steps.length > 0);
}

/** What was found in words: 1 warning, 2 notes. */
export function countOfFindings(findings: LiveLine[]): string {
  return (['error', 'warning', 'note'] as const)
    .map(level => [findings.filter(finding => finding.level === level).length, level] as const)
    .filter(([count]) => count > 0).map(([count, level]) => `${count} ${level}${count === 1 ? '' : 's'}`).join(', ');
}

export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
