/** One figure of the page: the drawing, the legend and the buttons around it. */

import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import { DataZoomInsideComponent, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, ToolboxComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { canBeLog, type Chart, isEmpty, type Series } from './chart';
import { colorOf, dashesOf, optionOf, pictureOf, type View } from './options';
import type { Colors } from './theme';

echarts.use([
  BarChart, LineChart, ScatterChart, DataZoomInsideComponent, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, ToolboxComponent,
  TooltipComponent, CanvasRenderer,
]);

/** Fits A4 and Letter between their margins. */
const printSize = { width: 640, height: 300 };
const pictureSize = { width: 1000, height: 600 };

function element<K extends keyof HTMLElementTagNameMap>(name: K, className: string, text = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function button(className: string, text: string, title: string, press: () => void): HTMLButtonElement {
  const made = element('button', className, text);
  made.type = 'button';
  made.title = title;
  made.addEventListener('click', press);
  return made;
}

/** The sign of a series in the legend: its line and marker, as drawn. */
function swatch(chart: Chart, series: Series, dashes: number[] | null): string {
  const shapes: Record<Series['marker'], string> = {
    none: '', circle: '<circle cx="13" cy="6" r="3.2"/>', triangle: '<path d="M13 2.2 17 9.4H9z"/>', square: '<path d="M10 3h6v6h-6z"/>',
    diamond: '<path d="M13 1.6 17 6l-4 4.4L9 6z"/>',
  };
  const line = series.line && chart.kind === 'line' ? `<path class="stroke" d="M1 6H25"${dashes ? ` stroke-dasharray="${dashes.join(' ')}"` : ''}/>` : '';
  const shape = chart.kind === 'bar' ? '<path d="M8 1h10v10H8z"/>' : shapes[series.marker];
  const [left, width] = line ? [0, 26] : [7, 12];
  return `<svg viewBox="${left} 0 ${width} 12" width="${width}" height="12" aria-hidden="true" class="${series.role}">${line}${shape}</svg>`;
}

export class Figure {
  #chart: Chart;
  readonly #plot: HTMLElement;
  readonly #view: View;
  readonly #colors: () => Colors;
  readonly #keys = element('div', 'keys');
  readonly #tools = element('div', 'tools');
  #drawing: echarts.ECharts | null = null;
  #width = 0;

  constructor(figure: HTMLElement, plot: HTMLElement, chart: Chart, colors: () => Colors) {
    this.#chart = chart;
    this.#plot = plot;
    this.#colors = colors;
    this.#view = { logX: chart.x.log, logY: chart.y.log, hidden: new Set() };
    if (isEmpty(chart)) {
      plot.replaceWith(element('p', 'empty', 'There is no finite number here to draw.'));
      return;
    }
    // The numbers are for readers without the drawing, and for those who ask.
    for (const numbers of figure.querySelectorAll<HTMLDetailsElement>(':scope > details')) numbers.open = false;
    // A few cases do not need the whole width.
    if (chart.kind === 'strip') plot.style.maxWidth = `${Math.max(26, 8 + 9 * (chart.x.categories?.length ?? 0))}rem`;
    this.#addKeys();
    this.#addTools();
    plot.before(this.#keys);
    plot.after(this.#tools);
    new IntersectionObserver((entries, observer) => {
      if (!entries.some(entry => entry.isIntersecting)) return;
      observer.disconnect();
      this.draw();
    }, { rootMargin: '400px' }).observe(plot);
    new ResizeObserver(() => this.#fit()).observe(plot);
  }

  /** Draws, or draws again with the colours of now. */
  draw(): void {
    if (!this.#plot.isConnected) return;
    this.#drawing ??= echarts.init(this.#plot, null, { renderer: 'canvas', devicePixelRatio: Math.max(2, devicePixelRatio) });
    this.#width = this.#plot.clientWidth;
    this.#drawing.resize();
    this.#drawing.setOption(optionOf(this.#chart, this.#view, this.#colors(), this.#width), { notMerge: true });
    this.#paintKeys();
    this.#plot.dataset['drawn'] = 'true';
  }

  /** After a change of theme; what was never drawn stays so. */
  redraw(): void {
    if (this.#drawing) this.draw();
    else this.#paintKeys();
  }

  /** The chart has grown. What the reader has hidden, zoomed into or switched stays. */
  update(chart: Chart): void {
    const names = (of: Chart): string => JSON.stringify(of.series.map(series => series.name));
    const isOther = names(chart) !== names(this.#chart);
    this.#chart = chart;
    if (isOther) {
      this.#keys.replaceChildren();
      this.#addKeys();
    }
    if (this.#drawing && this.#plot.isConnected)
      this.#drawing.setOption(optionOf(chart, this.#view, this.#colors(), this.#width), { replaceMerge: ['series'] });
  }

  drawForPrint(): void {
    this.#plot.style.width = `${printSize.width}px`;
    this.#plot.style.height = `${printSize.height}px`;
    this.draw();
  }

  drawForScreen(): void {
    this.#plot.style.removeProperty('width');
    this.#plot.style.removeProperty('height');
    this.draw();
  }

  #fit(): void {
    if (!this.#drawing || this.#plot.clientWidth === 0 || this.#plot.clientWidth === this.#width) return;
    this.draw();
  }

  #addKeys(): void {
    const { series } = this.#chart;
    for (const each of series) {
      const key = button('key', '', 'Show or hide; double-click shows this one alone', () => {
        this.#show(each.name, this.#view.hidden.has(each.name));
      });
      key.innerHTML = swatch(this.#chart, each, dashesOf(this.#chart, each, this.#colors()));
      key.append(each.name);
      key.setAttribute('aria-pressed', 'true');
      key.dataset['series'] = each.name;
      key.addEventListener('dblclick', () => {
        const alone = series.every(other => other === each || this.#view.hidden.has(other.name));
        for (const other of series) this.#show(other.name, alone || other === each);
      });
      key.addEventListener('pointerenter', () => this.#drawing?.dispatchAction({ type: 'highlight', seriesName: each.name }));
      key.addEventListener('pointerleave', () => this.#drawing?.dispatchAction({ type: 'downplay', seriesName: each.name }));
      this.#keys.append(key);
    }
    this.#paintKeys();
  }

  #show(name: string, shown: boolean): void {
    if (shown) this.#view.hidden.delete(name);
    else this.#view.hidden.add(name);
    this.#drawing?.dispatchAction({ type: shown ? 'legendSelect' : 'legendUnSelect', name });
    for (const key of this.#keys.querySelectorAll<HTMLElement>('.key')) key.setAttribute('aria-pressed', String(!this.#view.hidden.has(key.dataset['series'] ?? '')));
  }

  #paintKeys(): void {
    this.#keys.querySelectorAll<HTMLElement>('.key').forEach((key, index) => {
      const series = this.#chart.series[index];
      if (series) key.style.setProperty('--key', colorOf(this.#chart, series, this.#colors()));
    });
  }

  #addTools(): void {
    for (const axis of ['x', 'y'] as const) {
      if (!canBeLog(this.#chart, axis)) continue;
      const setting = axis === 'x' ? 'logX' : 'logY';
      const log = button('tool log', `log ${axis}`, `Logarithmic ${axis} axis`, () => {
        this.#view[setting] = !this.#view[setting];
        log.setAttribute('aria-pressed', String(this.#view[setting]));
        this.draw();
      });
      log.dataset['axis'] = axis;
      log.setAttribute('aria-pressed', String(this.#view[setting]));
      this.#tools.append(log);
    }
    const zoom = button('tool zoom', 'zoom', 'Drag a box to zoom in; Ctrl and the wheel zoom too, Shift and drag moves', () => this.#zoomMode(zoom.getAttribute('aria-pressed') !== 'true'));
    zoom.setAttribute('aria-pressed', 'false');
    const reset = button('tool reset', 'reset', 'All series, and the whole range', () => {
      this.#zoomMode(false);
      for (const { name } of this.#chart.series) this.#show(name, true);
      this.draw();
    });
    this.#tools.append(zoom, reset, button('tool save', 'PNG', 'Save as a picture', () => this.#save()));
  }

  #zoomMode(on: boolean): void {
    this.#tools.querySelector('.zoom')?.setAttribute('aria-pressed', String(on));
    if (!this.#drawing) this.draw();
    this.#drawing?.dispatchAction({ type: 'takeGlobalCursor', key: 'dataZoomSelect', dataZoomSelectActive: on });
  }

  #save(): void {
    const canvas = element('div', '');
    const drawing = echarts.init(canvas, null, { renderer: 'canvas', devicePixelRatio: 2, ...pictureSize });
    drawing.setOption(pictureOf(this.#chart, this.#view, this.#colors(), pictureSize.width));
    const link = element('a', '');
    link.href = drawing.getDataURL({ type: 'png', pixelRatio: 2 });
    link.download = `${this.#chart.id.replace(/[^\w.-]+/g, '-')}.png`;
    link.click();
    drawing.dispose();
  }
}
