// What keeps the code of the program from being loaded, for people: an installation that is not whole. Loads nothing.
import { LEAST_OPEN_FILES } from '../base/open-files.ts';

/** One sentence without a full stop; null for everything else, which is a bug. */
export function loadFailure(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const [message = ''] = error.message.split('\n');
  const { platform, arch } = process;
  if (message.startsWith('Cannot find the native Koffi module')) {
    return `cannot load package "koffi": its native part for ${platform} ${arch} is not installed, expected linux on x64 or arm64 and an installation with optional packages (npm install --include=optional)`;
  }
  switch ('code' in error ? error.code : null) {
    case 'ERR_DLOPEN_FAILED':
    case 'ERR_MODULE_NOT_FOUND':
    case 'MODULE_NOT_FOUND':
      return `cannot load the program's code: ${message}, expected a whole installation`;
    case 'EMFILE':
      return 'path' in error && /\.[cm]?js(?:on)?$/.test(String(error.path))
        ? `cannot load the program's code: ${message}, expected a limit on open files of at least ${LEAST_OPEN_FILES}`
        : null;
    default:
      return null;
  }
}
