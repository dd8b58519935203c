/**
 * The receiver in Express 4 and 5, or in `http.createServer`.
 *
 * @module @buktor/his-webhook/express
 */

import type { ServerResponse } from 'node:http';
import { fromNode, headersFor, lingerAfter, type NodeRequest } from '../receiver/node.ts';
import { assertReceiver, type Receiver } from '../receiver/types.ts';

export type { NodeRequest };

/** A request handler for Express 4 and 5, or for `http.createServer`. */
export type ExpressHandler = (
  request: NodeRequest,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/**
 * Makes an Express handler of a receiver. It reads the body itself, so mount it before body
 * parsers such as `express.json()`; where one must come first, let it keep the bytes as a Buffer
 * in `request.rawBody`.
 *
 * @example
 * ```ts
 * import express from 'express';
 * import { RECEIVE_PATHS } from '@buktor/his-webhook';
 * import { expressReceiver } from '@buktor/his-webhook/express';
 *
 * const app = express();
 * app.all(RECEIVE_PATHS, expressReceiver(receiver));
 * app.use(express.json());
 * ```
 */
export function expressReceiver(receiver: Receiver): ExpressHandler {
  assertReceiver(receiver);
  return (request, response, next) => {
    const fail = (error: unknown): void => next?.(error);
    receiver.receive(fromNode(request)).then((answer) => {
      try {
        if (response.headersSent) return;
        lingerAfter(request, response);
        response.statusCode = answer.status;
        const headers = headersFor(request, answer);
        for (const name of Object.keys(headers)) response.setHeader(name, headers[name] as string);
        response.setHeader('content-length', Buffer.byteLength(answer.body));
        response.end(answer.body);
      } catch (error) {
        fail(error);
      }
    }, fail);
  };
}
