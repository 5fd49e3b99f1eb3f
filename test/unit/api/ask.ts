// Asks the routes without a socket.
import { replyTo } from '../../../src/api/routes.ts';
import type { Control } from '../../../src/daemon/control.ts';

export interface Asked {
  readonly accept?: string;
  readonly origin?: string;
  readonly body?: string | Uint8Array;
  readonly hangup?: AbortSignal;
  readonly onBug?: (error: unknown) => void;
  readonly queueBytes?: number;
}

export interface Document {
  readonly status: number;
  readonly contentType: string;
  readonly allow: string | undefined;
  readonly value: unknown;
}

/** 2026-11-22T10:00:00Z: the time at which every request of the tests is made. */
export const NOW = Date.UTC(2026, 10, 22, 10);

/** `line` is method and target: `GET /v1/status`. */
export async function ask(control: Control, line: string, asked: Asked = {}): ReturnType<typeof replyTo> {
  const [method = '', target = ''] = line.split(' ');
  return replyTo(
    {
      method,
      target,
      accept: asked.accept ?? '*/*',
      origin: asked.origin ?? null,
      body: typeof asked.body === 'string' ? Buffer.from(asked.body) : (asked.body ?? new Uint8Array()),
      hangup: asked.hangup ?? new AbortController().signal,
    },
    {
      control,
      wallMs: () => NOW,
      queueBytes: asked.queueBytes ?? 1024 * 1024,
      onBug:
        asked.onBug ??
        ((error): void => {
          throw error;
        }),
    },
  );
}

export async function askDocument(control: Control, line: string, asked: Asked = {}): Promise<Document> {
  const reply = await ask(control, line, asked);
  if (reply.kind !== 'document') throw new Error(`${line} answered with a stream, expected a document`);
  const { status, contentType, allow, document } = reply;
  return { status, contentType, allow, value: JSON.parse(JSON.stringify(document)) };
}

/** The lines of a stream, parsed as they are whole. */
export async function* askLines(control: Control, line: string, asked: Asked = {}): AsyncGenerator<unknown> {
  const reply = await ask(control, line, asked);
  if (reply.kind !== 'stream') throw new Error(`${line} answered ${reply.status}, expected a stream`);
  let begun = '';
  for await (const piece of reply.pieces) {
    const texts = (begun + piece).split('\n');
    begun = texts.pop() ?? '';
    for (const text of texts) yield JSON.parse(text);
  }
  if (begun !== '') throw new Error(`the last line has no end: ${begun}`);
}

export async function all<T>(lines: AsyncIterable<T>): Promise<readonly T[]> {
  const read: T[] = [];
  for await (const line of lines) read.push(line);
  return read;
}
