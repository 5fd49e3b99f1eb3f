// rotating-file-stream as this directory uses it: it appends to `current` and renames it when its size is reached.
// Compression and retention are the archive's: those of the stream hold up writing, and a crash in them doubles lines.
import { createStream } from 'rotating-file-stream';
import type { RotatingFileStream } from 'rotating-file-stream';
import { LOG_FILE_MODE } from './archive.ts';
import { CURRENT } from './names.ts';

export interface StreamOptions {
  readonly directory: string;
  /** In bytes: a file that has reached it is rotated, after a write or when it is opened. */
  readonly limit: number;
  /** For the file that is rotated; `attempt` counts from 1 while the names are in use. */
  readonly nextName: (attempt: number) => string;
  readonly onRotated: (path: string) => void;
}

/** Rejects when the file cannot be opened, or cannot be rotated and had to be. */
export async function openedStream(options: StreamOptions): Promise<RotatingFileStream> {
  const stream = createStream(
    // Called with null for the name of the file being written.
    (time, index) => (time === null ? CURRENT : options.nextName(index ?? 1)),
    { path: options.directory, size: `${options.limit}B`, mode: LOG_FILE_MODE },
  );
  stream.on('rotated', options.onRotated);
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    // Stays for the stream's life: what fails later is learnt from the callback of the write.
    stream.on('error', reject);
  });
  return stream;
}

/** Resolves when all is written and the descriptor is closed, also of a stream that has failed. */
export async function endedStream(stream: RotatingFileStream): Promise<void> {
  if (stream.closed) return;
  await new Promise<void>((resolve) => {
    stream.once('close', resolve);
    stream.end();
  });
}
