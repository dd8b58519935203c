import Fastify from 'fastify';
import { listenFastify, type Served, storesNothing, SUCCESS } from '../served.ts';

/** A route that parses JSON and answers: it verifies nothing, and stores nothing. */
export function bareFastify(): Promise<Served> {
  const app = Fastify();
  app.post('/his/receive', () => SUCCESS);
  return Promise.resolve({ listen: () => listenFastify(app), stored: storesNothing });
}
