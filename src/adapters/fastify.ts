/**
 * The receiver as a Fastify 5 plugin.
 *
 * @module @buktor/his-webhook/fastify
 */

import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { RECEIVE_PATHS } from '../events.ts';
import {
  fromNode,
  headersFor,
  keptBytes,
  lingerAfter,
  type NodeRequest,
} from '../receiver/node.ts';
import { assertReceiver, type Receiver } from '../receiver/types.ts';

/** Options of {@link fastifyReceiver}. */
export interface FastifyReceiverOptions {
  readonly receiver: Receiver;
  /**
   * Where events are received.
   * @default RECEIVE_PATHS
   */
  readonly paths?: readonly string[];
}

/**
 * The receiver as a Fastify plugin. Its body parser is its own, encapsulated: the host's parsers
 * are left alone and see no event.
 *
 * @example
 * ```ts
 * import Fastify from 'fastify';
 * import { fastifyReceiver } from '@buktor/his-webhook/fastify';
 *
 * const app = Fastify();
 * await app.register(fastifyReceiver, { receiver });
 * ```
 */
export const fastifyReceiver: FastifyPluginCallback<FastifyReceiverOptions> = (
  app,
  options,
  done,
) => {
  try {
    mount(app, options);
    done();
  } catch (error) {
    // What a plugin throws ends the process; what it hands on rejects register().
    done(error as Error);
  }
};

function mount(app: FastifyInstance, options: FastifyReceiverOptions): void {
  const { receiver, paths = RECEIVE_PATHS } = options;
  assertReceiver(receiver);
  const answer = answerWith(receiver);

  app.removeAllContentTypeParsers();
  // The receiver reads the stream, so that limits and deadlines are the same everywhere. JSON by its name,
  // because Fastify finds what is for any type only after it has taken the header apart.
  for (const type of ['application/json', '*']) {
    app.addContentTypeParser(type, (_request, _payload, next) => {
      next(null);
    });
  }
  // Fastify refuses some media types before any parser runs; the receiver has the answer to those.
  app.setErrorHandler((error: Error & { readonly code?: string }, request, reply) => {
    if (!REFUSED_BY_PARSER.test(error.code ?? '')) throw error;
    answer(request, reply);
  });
  for (const path of paths) app.all(path, answer);
}

const REFUSED_BY_PARSER = /^FST_ERR_(CTP_|ROUTE_MISSING_CONTENT_TYPE)/;

/** No async function: Fastify would wait for its promise, too, and then look whether it was answered. */
function answerWith(receiver: Receiver) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const raw = request.raw as NodeRequest;
    const incoming = fromNode(raw);
    const { rawBody } = request as { rawBody?: unknown };
    const fail = (error: unknown): void => {
      if (!reply.sent) reply.send(error);
    };
    receiver
      .receive(
        incoming.body === undefined
          ? { ...incoming, body: keptBytes(rawBody, request.body) }
          : incoming,
      )
      .then((response) => {
        try {
          lingerAfter(raw, reply.raw);
          reply.code(response.status).headers(headersFor(raw, response)).send(response.body);
        } catch (error) {
          fail(error);
        }
      }, fail);
  };
}
