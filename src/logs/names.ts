// The file names of a log directory: `current`, and `20261122T185151.123Z-0001.cri` (`.gz` once compressed) for what
// was rotated: UTC time of the rotation, number of the rotation, format of what is in it. The number grows by one
// from file to file, so that a reader can tell that it has missed none. Makes and reads names; opens no log.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/fault.ts';
import type { LogFormat } from '../model/unit.ts';

export const CURRENT = 'current';
export const COMPRESSED = '.gz';
/** What a compression has written so far; readers pass it over, the next writer removes it. */
export const UNFINISHED = '.gz.part';

export interface RotatedFile {
  /** The name without `.gz`. */
  readonly name: string;
  readonly stampMs: number;
  readonly sequence: number;
  readonly format: LogFormat;
  /** In which forms it lies there: between the end of a compression and the removal of its source in both. */
  readonly plain: boolean;
  readonly compressed: boolean;
}

const ROTATED = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{3})Z-(\d{4,})\.(cri|raw|json)$/;

export function rotatedName(stampMs: number, sequence: number, format: LogFormat): string {
  const stamp = new Date(stampMs).toISOString().replace(/[-:]/g, '');
  return `${stamp}-${String(sequence).padStart(4, '0')}.${format}`;
}

/** Oldest first; a directory that is not there is an empty one. Other errors are thrown as node:fs makes them. */
export async function rotatedFiles(directory: string): Promise<RotatedFile[]> {
  const names = new Set(await namesIn(directory));
  const files: RotatedFile[] = [];
  for (const entry of names) {
    const compressed = entry.endsWith(COMPRESSED);
    const name = compressed ? entry.slice(0, -COMPRESSED.length) : entry;
    // In both forms: listed once, by its plain name.
    if (compressed && names.has(name)) continue;
    const match = ROTATED.exec(name);
    if (match === null) continue;
    const [, year, month, day, hour, minute, second, ms, sequence, form] = match;
    const stampMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
    if (Number.isNaN(stampMs)) continue;
    files.push({
      name,
      stampMs,
      sequence: Number(sequence),
      format: form === 'raw' || form === 'json' ? form : 'cri',
      plain: !compressed,
      compressed: compressed || names.has(name + COMPRESSED),
    });
  }
  return files.sort((a, b) => a.stampMs - b.stampMs || a.sequence - b.sequence);
}

/** Paths of what compressions left behind when their process died. */
export async function unfinishedFiles(directory: string): Promise<string[]> {
  return (await namesIn(directory))
    .filter((name) => name.endsWith(UNFINISHED))
    .map((name) => join(directory, name));
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
