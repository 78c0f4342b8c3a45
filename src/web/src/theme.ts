/** Light and dark. Every colour is written once, in report.css; the charts ask the style sheet for theirs. */

const themes = { auto: 'Auto', light: 'Light', dark: 'Dark' };
export type Theme = keyof typeof themes;

const storageKey = 'evenkeel-theme';

export interface Colors {
  paper: string;
  text: string;
  muted: string;
  line: string;
  bound: string;
  series: string[];
}

export function readColors(): Colors {
  // light-dark() is resolved only where a colour is used, hence a probe instead of reading the custom property.
  const probe = document.body.appendChild(document.createElement('span'));
  const color = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colors: Colors = {
    paper: color('card'),
    text: color('text'),
    muted: color('muted'),
    line: color('line'),
    bound: color('bound'),
    series: [1, 2, 3, 4, 5, 6, 7, 8].map(number => color(`series-${number}`)),
  };
  probe.remove();
  return colors;
}

/** Browsers may refuse storage to a page opened from the file system; the choice then lasts as long as the page. */
function remembered(): Theme {
  try {
    const stored = localStorage.getItem(storageKey);
    return stored === 'light' || stored === 'dark' ? stored : 'auto';
  } catch {
    return 'auto';
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(storageKey, theme);
  } catch {
    // Nothing to do: see remembered().
  }
}

function apply(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export interface Theming {
  forceLight(): void;
  restore(): void;
}

/** Wires the theme button and the system's setting; `redraw` is called after every change of colours. */
export function startTheme(redraw: () => void): Theming {
  const system = matchMedia('(prefers-color-scheme: dark)');
  let theme = remembered();
  apply(theme);

  const button = document.querySelector<HTMLButtonElement>('button.theme') ?? document.body.appendChild(document.createElement('button'));
  button.type = 'button';
  button.classList.add('theme');
  button.hidden = false;
  // From auto the first press always changes something.
  const next = (): Theme => {
    const cycle: Theme[] = system.matches ? ['auto', 'light', 'dark'] : ['auto', 'dark', 'light'];
    return cycle[(cycle.indexOf(theme) + 1) % cycle.length] ?? 'auto';
  };
  const describe = (): void => {
    button.dataset['choice'] = theme;
    button.textContent = themes[theme];
    button.setAttribute('aria-label', `Colours: ${themes[theme]}. Change to ${themes[next()]}`);
    button.title = button.ariaLabel ?? '';
  };
  describe();
  button.addEventListener('click', () => {
    theme = next();
    remember(theme);
    apply(theme);
    describe();
    redraw();
  });
  system.addEventListener('change', () => {
    describe();
    redraw();
  });

  return { forceLight: () => apply('light'), restore: () => apply(theme) };
}
