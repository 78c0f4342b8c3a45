/** A strip of colours: a row per layer, a column per reading. The value under the pointer, or under the arrow keys, is said below. */

import { formatNumber } from './format';
import type { Strip } from './live';

const rowHeight = 18;
const gap = 1;

/** From small to large: readable in grey and by colour-blind readers (the ends and middle of "cividis"). */
const ramp: [number, number, number][] = [[0, 32, 81], [60, 77, 110], [127, 124, 117], [187, 174, 107], [253, 234, 69]];

function colorAt(share: number): string {
  const place = Math.min(0.999999, Math.max(0, share)) * (ramp.length - 1);
  const [low, high] = [ramp[Math.floor(place)], ramp[Math.floor(place) + 1]];
  const part = place % 1;
  return low && high ? `rgb(${low.map((value, i) => Math.round(value + (high[i]! - value) * part)).join(' ')})` : 'transparent';
}

function element<K extends keyof HTMLElementTagNameMap>(name: K, className: string, text = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

export class StripFigure {
  readonly element = element('figure', 'chart strip');
  readonly #names = element('div', 'strip-names');
  readonly #canvas = element('canvas', '');
  readonly #readout = element('p', 'strip-readout');
  readonly #scale = element('p', 'strip-scale');
  #strip: Strip;
  #cursor: { row: number; column: number } | null = null;

  constructor(strip: Strip) {
    this.#strip = strip;
    this.element.id = `chart-${strip.id}`;
    const caption = element('figcaption', '', strip.title);
    caption.append(element('small', '', strip.note));
    const body = element('div', 'strip-body');
    const scroll = element('div', 'strip-canvas');
    scroll.append(this.#canvas);
    body.append(this.#names, scroll);
    this.#canvas.tabIndex = 0;
    this.#canvas.setAttribute('role', 'img');
    this.#readout.setAttribute('aria-live', 'polite');
    this.element.append(caption, body, this.#scale, this.#readout);
    this.#canvas.addEventListener('pointermove', event => this.#point(event));
    this.#canvas.addEventListener('pointerleave', () => this.#move(null));
    this.#canvas.addEventListener('keydown', event => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(scroll);
  }

  update(strip: Strip): void {
    this.#strip = strip;
    this.#draw();
  }

  redraw(): void {
    this.#draw();
  }

  drawForPrint(): void {
    this.#draw();
  }

  drawForScreen(): void {
    this.#draw();
  }

  /** The range of the colours: powers of ten between the least and the greatest value. */
  #range(): [number, number] {
    const logs = this.#strip.values.flat().filter(value => value !== null && value > 0).map(value => Math.log10(value!));
    if (logs.length === 0) return [-1, 1];
    const [low, high] = [logs.reduce((a, b) => Math.min(a, b)), logs.reduce((a, b) => Math.max(a, b))];
    return high - low < 0.2 ? [low - 0.1, high + 0.1] : [low, high];
  }

  #draw(): void {
    const { rows, steps, values, title } = this.#strip;
    const width = this.#canvas.parentElement?.clientWidth ?? 0;
    if (width === 0) return;
    if (this.#names.childElementCount !== rows.length || [...this.#names.children].some((child, i) => child.textContent !== rows[i]))
      this.#names.replaceChildren(...rows.map(name => Object.assign(element('div', '', name), { title: name })));
    const ratio = Math.max(2, devicePixelRatio);
    const height = rows.length * rowHeight;
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    this.#canvas.width = width * ratio;
    this.#canvas.height = height * ratio;
    const context = this.#canvas.getContext('2d')!;
    context.scale(ratio, ratio);
    const [low, high] = this.#range();
    const column = width / steps.length;
    values.forEach((row, y) => row.forEach((value, x) => {
      if (value === null) return;
      context.fillStyle = value > 0 ? colorAt((Math.log10(value) - low) / (high - low)) : '#888';
      context.fillRect(x * column, y * rowHeight, column + 0.5, rowHeight - gap);
    }));
    if (this.#cursor) {
      context.strokeStyle = getComputedStyle(this.#canvas).color;
      context.lineWidth = 2;
      context.strokeRect(this.#cursor.column * column, this.#cursor.row * rowHeight, Math.max(3, column), rowHeight - gap);
    }
    this.#scale.replaceChildren(element('span', '', formatNumber(10 ** low, 2)), element('i', ''), element('span', '', formatNumber(10 ** high, 2)), element('span', 'strip-steps', `step ${steps[0]} to ${steps.at(-1)}`));
    this.#canvas.setAttribute('aria-label', `${title}: ${rows.length} layers, ${steps.length} readings. Arrow keys move from value to value.`);
    this.#say();
  }

  #say(): void {
    const { rows, steps, values } = this.#strip;
    const { row, column } = this.#cursor ?? { row: -1, column: steps.length - 1 };
    if (row < 0) this.#readout.textContent = ' ';
    else this.#readout.textContent = `${rows[row]}, step ${steps[column]}: ${formatNumber(values[row]?.[column])}`;
  }

  #point(event: PointerEvent): void {
    const box = this.#canvas.getBoundingClientRect();
    this.#move({
      row: Math.floor((event.clientY - box.top) / rowHeight),
      column: Math.floor(((event.clientX - box.left) / box.width) * this.#strip.steps.length),
    });
  }

  #key(event: KeyboardEvent): void {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const { row, column } = this.#cursor ?? { row: 0, column: this.#strip.steps.length - 1 };
    this.#move(this.#cursor ? { row: row + by[0]!, column: column + by[1]! } : { row, column });
  }

  #move(cursor: { row: number; column: number } | null): void {
    const { rows, steps } = this.#strip;
    this.#cursor = cursor && {
      row: Math.min(rows.length - 1, Math.max(0, cursor.row)), column: Math.min(steps.length - 1, Math.max(0, cursor.column)),
    };
    this.#draw();
  }
}
