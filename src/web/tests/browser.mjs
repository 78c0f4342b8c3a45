// What the tests of a page in a browser share: which chromium, and how it is started.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

function findChromium() {
  if (process.env.CHROMIUM) return existsSync(process.env.CHROMIUM) ? process.env.CHROMIUM : null;
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)];
  const paths = ['chromium', 'chromium-browser', 'google-chrome'].flatMap(name => folders.map(folder => join(folder, name)));
  return paths.find(existsSync) ?? null;
}

export const chromiumPath = findChromium();
export const noChromium = 'no chromium (set CHROMIUM to its path)';

export async function launch() {
  const { chromium } = await import('playwright-core');
  return chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** The texts of elements that stick out of a phone's screen, without those in a box that scrolls. */
export function tooWide(page) {
  return page.evaluate(() => {
    const scrolls = element => element.closest('.table-scroll, nav.toc, pre, .plot, svg');
    return [...document.body.querySelectorAll('*')].filter(element => element.getBoundingClientRect().right > 391 && !scrolls(element.parentElement))
      .map(element => `${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`).slice(0, 5);
  });
}
