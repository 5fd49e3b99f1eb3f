// A request whose answer is lines as they come: logs, events, and operations with their progress.
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';

export interface StreamRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: object | null;
  readonly signal: AbortSignal;
}

export type StreamOutcome =
  /** `complete`: by the daemon's wish; otherwise cut off, by `signal` or by the daemon's end. */
  | { readonly kind: 'ended'; readonly complete: boolean }
  | { readonly kind: 'unreachable'; readonly errno: string | undefined }
  | { readonly kind: 'refused'; readonly status: number; readonly body: string };

/** Calls `line` for each line that is not empty. */
export async function requestLines(
  socket: string,
  { method, path, body, signal }: StreamRequest,
  line: (text: string) => void,
): Promise<StreamOutcome> {
  const text = body === null ? '' : JSON.stringify(body);
  const headers = {
    accept: 'application/x-ndjson',
    connection: 'close',
    ...(body === null
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  };
  const answer = await new Promise<IncomingMessage | NodeJS.ErrnoException>((resolve) => {
    const sent = request({ socketPath: socket, method, path, headers, signal, agent: false });
    sent.on('response', resolve);
    sent.on('error', resolve);
    sent.end(text);
  });
  if (answer instanceof Error) return { kind: 'unreachable', errno: answer.code };
  const status = answer.statusCode ?? 0;
  answer.setEncoding('utf8');
  if (status === 200) return { kind: 'ended', complete: await eachLine(answer, line) };
  let refusal = '';
  await eachLine(answer, (part) => (refusal += part));
  return { kind: 'refused', status, body: refusal };
}

/** Whether the body came to its end. */
async function eachLine(answer: IncomingMessage, line: (text: string) => void): Promise<boolean> {
  return new Promise((resolve) => {
    // Joined only when its end has come: a line may be long, and be of many chunks.
    let begun: string[] = [];
    const lineEnded = (): void => {
      const text = begun.join('');
      begun = [];
      if (text !== '') line(text);
    };
    answer.on('data', (chunk: string) => {
      const [first = '', ...others] = chunk.split('\n');
      begun.push(first);
      for (const other of others) {
        lineEnded();
        begun.push(other);
      }
    });
    answer.on('end', () => {
      lineEnded();
      resolve(true);
    });
    answer.on('error', () => resolve(false));
    answer.on('close', () => resolve(false));
  });
}
