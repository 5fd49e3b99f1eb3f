// Where the words of a verb go, and what becomes of it when they cannot be written.
import { EXIT } from './exit-code.ts';

export interface Outputs {
  /** To stdout. */
  readonly print: (text: string) => void;
  /** To stderr. */
  readonly note: (text: string) => void;
}

/** `isStream`: the answer is printed as it comes, and may have no end. */
export function outputsOf(isStream: boolean): Outputs {
  // Both open themselves when first looked at, which costs a millisecond each.
  let stdout: NodeJS.WriteStream | undefined;
  let stderr: NodeJS.WriteStream | undefined;
  const note = (text: string): void => {
    // There is nowhere left to tell it.
    stderr ??= process.stderr.on('error', () => {});
    stderr.write(text);
  };
  const lost = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') {
      note(`unitd: cannot write stdout: ${reasonOf(error)}, expected it to take the whole answer\n`);
      // oxlint-disable-next-line no-process-exit -- the answer is lost, whatever the verb would say
      process.exit(EXIT.failed);
    }
    // `unitd status | head`: the reader has seen enough, which is no failure of ours. The verb ends by itself.
    // oxlint-disable-next-line no-process-exit -- a stream would go on for ever; its code, if it has one by now, stays
    if (isStream) process.exit();
  };
  const print = (text: string): void => {
    stdout ??= process.stdout.on('error', lost);
    stdout.write(text);
  };
  return { print, note };
}

/** `ENOSPC: no space left on device` without the name of the call. */
function reasonOf({ message }: Error): string {
  return message.replace(/, write$/, '');
}
