/** The script of the page of runs: it follows a training that runs, or draws the data inside a final report. */

import type { Chart } from './chart';
import { isEmpty } from './chart';
import { Figure } from './figure';
import { formatNumber } from './format';
import { addLines, chartsOf, clearLines, countOfFindings, duration, emptyRun, type EpochTable, lastBegin, lastLine, type LiveLine, normChartsOf, type Run, stripsOf, timeLeft, totalSteps } from './live';
import { startPrinting } from './print';
import { StripFigure } from './strip';
import { type Colors, readColors, startTheme } from './theme';

/** What the page holds in `script#runs`. */
interface Stored {
  key?: string;
  live: boolean;
  runs: { name: string; status?: string | null; epochs?: EpochTable; lines?: LiveLine[] }[];
}

const drawEvery = 400;

function element<K extends keyof HTMLElementTagNameMap>(name: K, className: string, text = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

class Page {
  readonly runs: Run[];
  readonly #figures = new Map<string, Figure>();
  readonly #strips = new Map<string, StripFigure>();
  readonly #cards: Map<string, HTMLElement>[] = [];
  readonly #colors: () => Colors;
  #due = 0;

  constructor(stored: Stored, colors: () => Colors) {
    this.#colors = colors;
    this.runs = stored.runs.map(({ name, status, epochs, lines }) => {
      const run = emptyRun(name);
      run.status = status ?? null;
      run.epochs = epochs ?? null;
      addLines(run, lines ?? []);
      return run;
    });
  }

  *figures(): Iterable<Figure | StripFigure> {
    yield* this.#figures.values();
    yield* this.#strips.values();
  }

  /** Draws soon; many changes are drawn once. */
  schedule(): void {
    if (this.#due) return;
    this.#due = window.setTimeout(() => {
      this.#due = 0;
      this.draw();
    }, drawEvery);
  }

  draw(): void {
    this.#drawNow();
    const curves = document.getElementById('curves');
    if (curves) for (const chart of chartsOf(this.runs)) this.#drawChart(curves, chart);
    this.runs.forEach((run, index) => {
      this.#drawFindings(run, index);
      const layers = document.querySelector<HTMLElement>(`#run-${index} .layers`);
      if (!layers) return;
      for (const strip of stripsOf(run, index)) {
        const known = this.#strips.get(strip.id);
        if (known) known.update(strip);
        else {
          const made = new StripFigure(strip);
          this.#strips.set(strip.id, made);
          layers.append(made.element);
        }
      }
      for (const chart of normChartsOf(run, index)) this.#drawChart(layers, chart);
    });
    document.documentElement.dataset['steps'] = String(this.runs.reduce((sum, run) => sum + run.steps.length, 0));
  }

  #drawChart(place: HTMLElement, chart: Chart): void {
    const known = this.#figures.get(chart.id);
    if (known) {
      known.update(chart);
      return;
    }
    if (isEmpty(chart)) return;
    const figure = element('figure', 'chart');
    figure.id = `chart-${chart.id}`;
    const caption = element('figcaption', '', chart.title);
    if (chart.note) caption.append(element('small', '', chart.note));
    const plot = element('div', 'plot');
    plot.setAttribute('role', 'img');
    plot.setAttribute('aria-label', chart.title);
    figure.append(caption, plot);
    place.append(figure);
    this.#figures.set(chart.id, new Figure(figure, plot, chart, this.#colors));
  }

  /** What the doctor has found so far. A run without a live log keeps the list that came with the page. */
  #drawFindings(run: Run, index: number): void {
    const place = document.querySelector<HTMLElement>(`#run-${index} .findings`);
    if (!place || !lastLine(run)) return;
    const known = run.findings.map(finding => `${finding.step} ${finding.rule} ${finding.layer}`).join('|');
    if (place.dataset['known'] === known) return;
    place.dataset['known'] = known;
    place.replaceChildren();
    if (run.findings.length === 0) return;
    const list = element('ol', '');
    for (const finding of run.findings) {
      const item = element('li', `is-${finding.level}`);
      const title = element('h4', '');
      title.append(element('span', `level is-${finding.level}`, finding.level), ` ${finding.rule}${finding.layer ? ` ${finding.layer}` : ''} `, element('small', '', `step ${finding.step}`));
      item.append(title, element('p', '', finding.message));
      if (finding.remedy) item.append(element('p', 'remedy', finding.remedy));
      list.append(item);
    }
    place.append(element('h3', '', `The doctor: ${countOfFindings(run.findings)}`), list);
  }

  /** The figures of the moment, a card per run. */
  #drawNow(): void {
    const now = document.getElementById('now');
    if (!now) return;
    this.runs.forEach((run, index) => {
      const last = lastLine(run);
      if (!last) return;
      const card = this.#cards[index] ?? this.#makeCard(now, index);
      const step = run.steps.at(-1);
      const total = totalSteps(run);
      const ended = run.events.at(-1)?.event === 'end';
      const isDead = ended || (run.status !== null && run.status !== 'running');
      const left = isDead ? null : timeLeft(run);
      const begin = lastBegin(run);
      const say = (name: string, text: string): void => {
        const place = card.get(name);
        if (place && place.textContent !== text) place.textContent = text;
      };
      say('epoch', begin?.epochs ? `${last.epoch} of ${begin.epochs}` : String(last.epoch));
      say('step', total ? `${last.step} of ${total}` : String(last.step));
      say('loss', formatNumber(typeof step?.loss === 'number' ? step.loss : step ? NaN : null));
      say('rate', formatNumber(typeof step?.lr === 'number' ? step.lr : null));
      say('speed', step && typeof step.imagesPerSecond === 'number' ? formatNumber(Math.round(step.imagesPerSecond)) : '–');
      say('left', left === null ? (isDead ? (run.status === null || run.status === 'running' ? 'ended' : run.status) : '–') : duration(left));
      const bar = card.get('bar') as HTMLProgressElement | undefined;
      if (bar) bar.value = total ? last.step / total : 0;
    });
  }

  #makeCard(now: HTMLElement, index: number): Map<string, HTMLElement> {
    const parts = new Map<string, HTMLElement>();
    const card = element('div', 'now-card');
    if (this.runs.length > 1) card.append(element('h2', '', this.runs[index]?.name));
    const bar = element('progress', '');
    bar.max = 1;
    bar.setAttribute('aria-label', 'Part of the training that is done');
    parts.set('bar', bar);
    const list = element('dl', '');
    for (const [name, title] of [['epoch', 'epochs done'], ['step', 'step'], ['loss', 'loss'], ['rate', 'learning rate'], ['speed', 'samples/s'], ['left', 'time left']] as const) {
      const pair = element('div', '');
      const value = element('dd', '');
      pair.append(element('dt', '', title), value);
      parts.set(name, value);
      list.append(pair);
    }
    card.append(bar, list);
    now.append(card);
    this.#cards[index] = parts;
    return parts;
  }

  /** Words and tables come from the server as they are; what the reader has opened stays open. */
  putFragment(index: number, html: string): void {
    const place = document.querySelector<HTMLElement>(`#run-${index} .fragment`);
    if (!place) return;
    const open = new Map([...place.querySelectorAll('details')].map(details => [details.className, details.open]));
    const scrolled = [...place.querySelectorAll('.table-scroll')].map(box => [box.scrollTop, box.scrollLeft] as const);
    place.innerHTML = html;
    for (const details of place.querySelectorAll('details')) details.open = open.get(details.className) ?? details.open;
    place.querySelectorAll('.table-scroll').forEach((box, i) => [box.scrollTop, box.scrollLeft] = scrolled[i] ?? [0, 0]);
  }
}

/** Follows the server. The browser connects again by itself, and says where it stands. */
function follow(page: Page, key: string): void {
  const connection = document.getElementById('connection');
  const say = (kind: string, text: string): void => {
    if (!connection || connection.dataset['kind'] === kind) return;
    connection.dataset['kind'] = kind;
    connection.textContent = text;
  };
  const events = new EventSource('/events');
  const on = <T>(name: string, act: (data: T) => void): void => events.addEventListener(name, event => {
    act(JSON.parse((event as MessageEvent<string>).data) as T);
    page.schedule();
  });
  on<{ key: string }>('hello', hello => {
    // Other runs are shown at this address now.
    if (hello.key !== key) location.reload();
    say('live', 'Live: the page follows the training.');
  });
  on<{ run: number }>('reset', ({ run }) => {
    const known = page.runs[run];
    if (known) clearLines(known);
  });
  on<{ run: number; lines: LiveLine[] }>('lines', ({ run, lines }) => {
    const known = page.runs[run];
    if (known) addLines(known, lines);
  });
  on<{ run: number; status: string | null; epochs?: EpochTable; html: string }>('state', state => {
    const known = page.runs[state.run];
    if (!known) return;
    known.status = state.status;
    known.epochs = state.epochs ?? null;
    page.putFragment(state.run, state.html);
  });
  events.addEventListener('error', () => {
    say('lost', 'No connection to evenkeel watch. The page tries again; the training goes on.');
    if (events.readyState !== EventSource.CLOSED) return;
    // The browser has given up, and with it where it stood: begin anew.
    setTimeout(() => {
      for (const run of page.runs) clearLines(run);
      follow(page, key);
    }, 2000);
  });
}

function start(): void {
  document.documentElement.classList.remove('no-charts');
  const stored = JSON.parse(document.getElementById('runs')?.textContent ?? '{"live":false,"runs":[]}') as Stored;
  let colors: Colors | null = null;
  const page = new Page(stored, () => (colors ??= readColors()));
  const theme = startTheme(() => {
    colors = null;
    for (const figure of page.figures()) figure.redraw();
  });
  startPrinting(theme, () => (colors = null), () => page.figures());
  page.draw();
  if (stored.live) follow(page, stored.key ?? '');
}

if (document.readyState === 'loading') addEventListener('DOMContentLoaded', start);
else start();
