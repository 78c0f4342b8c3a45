/** Paper is white, and shows also what nobody scrolled to. */

import type { Theming } from './theme';

export interface Printable {
  drawForPrint(): void;
  drawForScreen(): void;
}

/** `recolor` is called when the colours have changed, before the figures draw. */
export function startPrinting(theme: Theming, recolor: () => void, figures: () => Iterable<Printable>): void {
  // Browsers tell of printing by event, by media query, or both.
  let printing = false;
  const print = (now: boolean): void => {
    if (printing === now) return;
    printing = now;
    if (now) theme.forceLight();
    else theme.restore();
    recolor();
    for (const figure of figures()) {
      if (now) figure.drawForPrint();
      else figure.drawForScreen();
    }
  };
  addEventListener('beforeprint', () => print(true));
  addEventListener('afterprint', () => print(false));
  matchMedia('print').addEventListener('change', event => print(event.matches));
}
