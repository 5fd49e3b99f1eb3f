// One GET over a Unix socket, without the program's own client.
import { get } from 'node:http';

/** The body of a 200 as JSON, believed to be a T; any other answer rejects. */
export async function getJson<T>(socketPath: string, path: string): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    get({ socketPath, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`cannot get ${path}: HTTP ${response.statusCode} ${text}`));
      });
    }).on('error', reject);
  });
}
