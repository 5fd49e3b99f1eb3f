// Amounts as people read them in tables: three digits at most, binary sizes.

const UNITS = ['B', 'K', 'M', 'G', 'T', 'P'] as const;

/** `812B`, `7.0M`, `1.2G`: powers of 1024, as ps and free print them. */
export function shortBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && amount < 9.95 ? 1 : 0;
  return `${amount.toFixed(digits)}${UNITS[unit] ?? ''}`;
}

/** `0.3%`, `12%`, `210%`. */
export function shortPercent(percent: number): string {
  return `${percent.toFixed(percent > 0 && percent < 9.95 ? 1 : 0)}%`;
}

/** `1,234,567`. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 line`, `1,234 lines`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** One bar a value, the newest `columns` of them, scaled to the largest. */
export function sparkline(values: readonly number[], columns: number): string {
  const shown = values.slice(-columns);
  const top = Math.max(...shown, Number.MIN_VALUE);
  return shown.map((value) => BARS[Math.min(7, Math.floor((value / top) * 8))] ?? '').join('');
}
