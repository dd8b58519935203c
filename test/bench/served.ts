import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** What a server has in its tables. */
export interface Stored {
  readonly events: number;
  readonly rows: number;
}

/** A server that was made but does not listen yet. */
export interface Served {
  listen(): Promise<Server>;
  /** `null` where nothing is stored. */
  stored(): Promise<Stored | null>;
}

/** What a receiver answers, by the document. */
export const SUCCESS = {
  status: 'success',
  message: 'Data received and processed successfully.',
} as const;

export const storesNothing = (): Promise<null> => Promise.resolve(null);

/** Listens on a free port. */
export async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** The same for an app of Fastify. */
export async function listenFastify(app: FastifyInstance): Promise<Server> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server;
}
