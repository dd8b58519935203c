import { EVENT_TABLE, SAMPLE_CURL_BODY, SAMPLE_REQUEST } from '../../support/document.ts';
import { event, signed, type Vector } from './kit.ts';

/** What the HIS Webhook document shows. */
export const DOCUMENT: readonly Vector[] = [
  { name: "the document's sample request", request: signed(SAMPLE_REQUEST), status: 200 },
  {
    name: "the document's sample request, at its other path",
    request: { ...signed(SAMPLE_REQUEST), path: '/his-receive' },
    status: 200,
  },
  {
    name: "the document's cURL",
    request: {
      headers: { 'content-type': 'application/json', authorization: 'Bearer sandbox' },
      body: SAMPLE_CURL_BODY,
    },
    status: 200,
    rows: { appointment: 1 },
  },
  {
    name: "the document's sample request again",
    before: [signed(SAMPLE_REQUEST)],
    request: signed(SAMPLE_REQUEST),
    status: 200,
    headers: { 'idempotent-replayed': 'true' },
    rows: { appointment: 1 },
  },
  ...EVENT_TABLE.map(([type, operation]): Vector => {
    const resource = type.split('.')[0]!;
    const data = { [`his_${resource}_id`]: 'X1', value: 'v' };
    return {
      name: `${type} with its operation`,
      request: event({ event_id: type, type, operation, data }),
      status: 200,
      rows: { [resource]: 1 },
    };
  }),
];
