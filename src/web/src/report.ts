/** The script of the report: charts, theme, and the mark of where the reader is. It reads nothing but the page itself. */

import { readCharts } from './chart';
import { Figure } from './figure';
import { startPrinting } from './print';
import { type Colors, readColors, startTheme } from './theme';

function start(): void {
  document.documentElement.classList.remove('no-charts');

  let colors: Colors | null = null;
  const figures: Figure[] = [];
  const theme = startTheme(() => {
    colors = null;
    for (const figure of figures) figure.redraw();
  });

  const charts = readCharts(document);
  for (const figure of document.querySelectorAll<HTMLElement>('figure.chart')) {
    const chart = charts.get(figure.dataset['chart'] ?? '');
    const plot = figure.querySelector<HTMLElement>('.plot');
    if (chart && plot) figures.push(new Figure(figure, plot, chart, () => (colors ??= readColors())));
  }

  startPrinting(theme, () => (colors = null), () => figures);

  addEventListener('hashchange', settle);
  markPlace();
}

/** What lies between is laid out only on the way, so a jump may land beside its aim: look again while the page settles. */
function settle(): void {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  let frames = 8;
  const aim = (): void => {
    target?.scrollIntoView();
    if (--frames > 0) requestAnimationFrame(aim);
  };
  requestAnimationFrame(aim);
}

/** The entry of the section in view is marked in the table of contents. */
function markPlace(): void {
  const links = new Map<Element, HTMLAnchorElement>();
  for (const link of document.querySelectorAll<HTMLAnchorElement>('nav.toc a[href^="#"]')) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (target) links.set(target, link);
  }
  const observer = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) links.get(target)?.setAttribute('aria-current', 'true');
      else links.get(target)?.removeAttribute('aria-current');
    }
  }, { rootMargin: '-30% 0px -65% 0px' });
  for (const target of links.keys()) observer.observe(target);
}

if (document.readyState === 'loading') addEventListener('DOMContentLoaded', start);
else start();
