// Colours of the terminal, in its own sixteen so that every theme stays readable.
// Whether there is colour at all is decided once, by the screen.

export type Paint = (text: string) => string;

export interface Palette {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
  readonly magenta: Paint;
  readonly cyan: Paint;
}

function sequence(open: number, close: number): Paint {
  const start = `\u001b[${open}m`;
  const end = `\u001b[${close}m`;
  return (text) => (text === '' ? '' : start + text + end);
}

export const COLOURS: Palette = {
  bold: sequence(1, 22),
  dim: sequence(2, 22),
  red: sequence(31, 39),
  green: sequence(32, 39),
  yellow: sequence(33, 39),
  blue: sequence(34, 39),
  magenta: sequence(35, 39),
  cyan: sequence(36, 39),
};

function plain(text: string): string {
  return text;
}

export const NO_COLOURS: Palette = {
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  blue: plain,
  magenta: plain,
  cyan: plain,
};
