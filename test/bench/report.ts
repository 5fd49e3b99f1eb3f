// A table for eyes and a document for programs, of the figures of one run.
import { cpus, release, totalmem } from 'node:os';
import type { Figure } from './figures.ts';
import { median, quantile } from './figures.ts';

export interface Result {
  readonly measure: string;
  readonly about: string;
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
  readonly seconds: number;
}

const HEAD = ['measure', 'figure', 'median', 'min', 'p99', 'rounds', 'wanted'] as const;

export function tableOf(results: readonly Result[]): string {
  const rows = results.flatMap(({ measure, figures }) => figures.map((figure) => rowOf(measure, figure)));
  const lines: readonly (readonly string[])[] = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const notes = results.flatMap(({ measure, notes: said }) => said.map((note) => `${measure}: ${note}`));
  return [...text, ...notes, ''].join('\n');
}

export function documentOf(results: readonly Result[], load: readonly number[]): object {
  return {
    machine: {
      node: process.version,
      kernel: release(),
      cpus: cpus().length,
      cpuModel: cpus()[0]?.model ?? 'unknown',
      memoryBytes: totalmem(),
      loadBefore: load,
    },
    at: new Date().toISOString(),
    results: results.map(({ figures, ...result }) => ({
      ...result,
      figures: figures.map((figure) => ({
        ...figure,
        median: median(figure.values),
        min: quantile(figure.values, 0),
        p99: quantile(figure.values, 0.99),
        max: quantile(figure.values, 1),
        met: figure.wanted === undefined ? null : isMet(figure),
      })),
    })),
  };
}

function rowOf(measure: string, figure: Figure): readonly string[] {
  const { name, unit, values, wanted } = figure;
  const told = (value: number): string => `${shown(value)} ${unit}`;
  const verdict = wanted === undefined ? '' : `<= ${told(wanted)} ${isMet(figure) ? 'met' : 'MISSED'}`;
  const [least, most] = [quantile(values, 0), quantile(values, 0.99)];
  return [measure, name, told(median(values)), shown(least), shown(most), String(values.length), verdict];
}

function isMet({ values, wanted = Infinity }: Figure): boolean {
  return median(values) <= wanted;
}

function shown(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 4);
}
