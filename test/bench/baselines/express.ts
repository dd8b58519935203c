import type { RequestListener } from 'node:http';
import express from 'express';
import { listen, type Served, storesNothing, SUCCESS } from '../served.ts';

/** A route that parses JSON and answers: it verifies nothing, and stores nothing. */
export function bareExpress(): Promise<Served> {
  const app = express();
  app.post('/his/receive', express.json(), (_request, response) => {
    response.json(SUCCESS);
  });
  return Promise.resolve({
    listen: () => listen(app as RequestListener),
    stored: storesNothing,
  });
}
