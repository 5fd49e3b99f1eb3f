// A line of a file that is only ever appended to: the CRC of its JSON, a blank, the JSON. Whoever was killed in the
// middle of a line leaves one that does not open.
import { crc32 } from 'node:zlib';

export function seal(value: unknown): string {
  const json = JSON.stringify(value);
  return `${crc32(json).toString(16)} ${json}\n`;
}

/** What was sealed in a line without its newline; undefined for what no seal() wrote. */
export function unseal(line: string): unknown {
  const blank = line.indexOf(' ');
  const json = line.slice(blank + 1);
  if (blank < 0 || Number.parseInt(line.slice(0, blank), 16) !== crc32(json)) return undefined;
  return JSON.parse(json);
}
