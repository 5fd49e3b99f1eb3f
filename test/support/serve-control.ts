// The API of a control without a daemon, at a socket of its own.
import { listen } from '../../src/api/server.ts';
import type { ListenOptions } from '../../src/api/server.ts';
import { openSocket } from '../../src/api/socket-file.ts';
import type { Served } from '../../src/daemon/serving.ts';

/** The caller closes it. Throws where nobody can listen at `path`. */
export async function serveControl(options: Omit<ListenOptions, 'listenFd'>): Promise<Served> {
  const opened = await openSocket({ path: options.path, groupId: null, inherited: null });
  if (!opened.ok) throw new Error(opened.message);
  return await listen({ ...options, listenFd: opened.value.fd });
}
