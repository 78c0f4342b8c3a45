/** Numbers as a reader wants to see them: four digits that count, powers of ten for the very small and the very large. */

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function power(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map(digit => superscripts[Number(digit)]).join('');
  return `10${exponent < 0 ? '⁻' : ''}${digits}`;
}

function minus(text: string): string {
  return text.replace(/^-/, '−');
}

export function formatNumber(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return minus(String(value));
  if (size >= 1e-3 && size < 1e6) {
    const rounded = Number(value.toPrecision(digits));
    return minus(String(rounded));
  }
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string];
  const short = Number(mantissa);
  if (Math.abs(short) === 1) return `${short < 0 ? '−' : ''}${power(Number(exponent))}`;
  return minus(`${short}·${power(Number(exponent))}`);
}

/** A tick of an axis: ticks are round, so six digits lose nothing. */
export function formatTick(value: number): string {
  return formatNumber(value, 6);
}

/** A tick of a logarithmic axis that spans many powers of ten. */
export function formatPower(value: number): string {
  const exponent = Math.round(Math.log10(value));
  const whole = Math.abs(value / 10 ** exponent - 1) < 1e-9;
  return exponent === 0 && whole ? '1' : whole ? power(exponent) : formatNumber(value);
}
