import {
  type ExplainedColumn,
  explainMapping,
  type MappingExplanation,
} from '../mapping/explain.ts';
import { findPositions, type Position } from '../mapping/text.ts';
import { type Io, UsageError } from './io.ts';
import { compileFile, inColumns, readArguments, readEvent } from './mapping-files.ts';

/** Shows how each column of one event gets its value. */
export async function mappingExplain(args: readonly string[], io: Io): Promise<number> {
  const options = await readArguments(args, io, 'explain', ['FILE'], ['event', 'client', 'reveal']);
  const [file = ''] = options.files;
  if (options.event === undefined) throw new UsageError('--event is needed.');
  const event = await readEvent(options.event, io);
  const client = options.client ?? event.clientId;
  if (client === undefined) throw new UsageError('--client is needed.');
  const { mappings, text } = await compileFile(file, options.compile, io);
  const explanation = explainMapping(mappings, client, event, { reveal: options.reveal });
  const places = [
    ...explanation.columns.map(({ place }) => place),
    ...(explanation.place === null ? [] : [explanation.place]),
  ];
  const positions = findPositions(text, places);
  io.out(describe(explanation, (place) => `${file}${at(positions.get(place))}`));
  return explanation.status === 'stored' || explanation.status === 'declined' ? 0 : 1;
}

function at(position: Position | undefined): string {
  return position === undefined ? '' : `:${String(position.line)}:${String(position.column)}`;
}

function describe(explanation: MappingExplanation, locate: (place: string) => string): string {
  const { clientId, type, status, client, entry, place, table } = explanation;
  const subject = `${type} for client ${clientId}`;
  if (status === 'unmapped') return `${subject}: NO MAPPING\n`;
  const served = `served by ${client === '*' ? 'client *, ' : ''}${entry ?? ''}`;
  if (place === null) return `${subject}: declined, ${served}\n`;
  return [
    `${subject}: ${status === 'stored' ? 'stored in' : 'REFUSED by'} ${table ?? ''}, ${served}, ${locate(place)}\n`,
    ...explanation.columns.map((column) => `\n${describeColumn(column, locate)}`),
    ...(explanation.unmapped.length === 0
      ? []
      : [`\nread by no rule: ${explanation.unmapped.join(', ')}\n`]),
    ...(explanation.errors.length === 0
      ? []
      : [
          `\nREFUSED\n`,
          inColumns(
            explanation.errors.map((e) => [e.path, e.message]),
            '  ',
          ),
        ]),
  ].join('');
}

function describeColumn(column: ExplainedColumn, locate: (place: string) => string): string {
  const { inheritedFrom, outcome } = column;
  const origin = inheritedFrom === null ? '' : `, inherited from template ${inheritedFrom}`;
  const rows: [string, string][] = column.steps.map(({ step, detail, result }) => [
    detail === '' ? step : `${step} ${detail}`,
    result,
  ]);
  return [
    `${column.column}${column.isKey ? ' (key)' : ''}: ${outcome === 'refused' ? 'REFUSED' : outcome}\n`,
    `  by ${locate(column.place)}${origin}\n`,
    inColumns(rows, '  '),
  ].join('');
}
