// One request over a Unix socket, without the program's own client.
import { request } from 'node:http';

/** The body of a 200 as JSON, believed to be a T; any other answer rejects. */
export async function getJson<T>(socketPath: string, path: string): Promise<T> {
  return await exchange<T>(socketPath, 'GET', path);
}

/** The same for a POST without a body: everything as it is when nothing is said. */
export async function postJson<T>(socketPath: string, path: string): Promise<T> {
  return await exchange<T>(socketPath, 'POST', path);
}

async function exchange<T>(socketPath: string, method: string, path: string): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`cannot ${method} ${path}: HTTP ${response.statusCode} ${text}`));
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
