import { connect } from 'node:http2';
import { bounded, USUAL_WAIT } from './eventually.js';
import type { Answer, Target } from './http.js';

export interface Http2Options extends Target {
  /** Default: `/`. */
  readonly path?: string;
  /** Makes it HTTP/2 over TLS. The certificate of the server, in PEM. */
  readonly ca?: string;
  /** Milliseconds. Default: {@link USUAL_WAIT}. */
  readonly within?: number;
}

/** One GET in an HTTP/2 session of its own. */
export async function http2Get(options: Http2Options): Promise<Pick<Answer, 'status' | 'body' | 'json'>> {
  const { port = 0, host = '127.0.0.1', path = '/', ca, within = USUAL_WAIT } = options;
  const session = connect(`${ca === undefined ? 'http' : 'https'}://${host}:${port}`, {
    ...(ca === undefined ? {} : { ca, servername: 'localhost' }),
    ...(options.socketPath === undefined ? {} : { path: options.socketPath }),
  });
  const answer = new Promise<Pick<Answer, 'status' | 'body' | 'json'>>((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({ ':path': path });
    let status = 0;
    let body = '';
    stream.setEncoding('utf8');
    stream.on('error', reject);
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    stream.on('data', (text: string) => {
      body += text;
    });
    stream.on('end', () => resolve({ status, body, json: <T>() => JSON.parse(body) as T }));
  });
  try {
    return await bounded(answer, within, `GET ${path} is answered over HTTP/2`);
  } finally {
    session.destroy();
  }
}
