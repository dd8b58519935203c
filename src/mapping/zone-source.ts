import type { JsonObject, JsonValue } from '../events.ts';
import { compilePath, type SourcePath } from './path.ts';
import type { Report } from './report.ts';
import { isObject, Refused } from './values.ts';
import { findZone, type Zone, zoneNames } from './zone.ts';

/** Where the zone of a local time comes from: the document, or a source field. */
export type ZoneSource = { readonly zone: Zone } | { readonly path: SourcePath };

/** What stands in for a zone that is at fault, so that nothing else is reported for the lack of one. */
const STAND_IN: ZoneSource = { path: compilePath('timezone') };

/** Reads `timezone` of a field, a mapping, a client or a template. */
export function readZone(report: Report, value: JsonValue, place: string): ZoneSource {
  if (typeof value === 'string') {
    const zone = findZone(value);
    if (zone !== undefined) return { zone };
    report.fault(place, `is not an IANA time zone${report.didYouMean(value, zonesToName())}`);
    return STAND_IN;
  }
  if (!isObject(value)) {
    report.fault(place, 'must be an IANA time zone, or { "path": … }');
    return STAND_IN;
  }
  const path = report.object(value, place, ['path'])?.['path'];
  if (typeof path === 'string' && path !== '') return { path: compilePath(path) };
  report.fault(`${place}/path`, 'must name the source field that holds the zone');
  return STAND_IN;
}

/** Names that the runtime takes and lists by what they were called before. */
const RENAMED: readonly string[] = [
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Asia/Yangon',
  'Asia/Ho_Chi_Minh',
  'Europe/Kyiv',
  'America/Nuuk',
];

let named: readonly string[] | undefined;

function zonesToName(): readonly string[] {
  return (named ??= [...RENAMED, ...zoneNames()]);
}

/** Two zones with the same id are the same zone. */
export function zoneId(source: ZoneSource | undefined): string {
  if (source === undefined) return '';
  return 'zone' in source ? source.zone.name : `path ${source.path.source}`;
}

const NO_ZONE = new Refused('is in a zone that is not an IANA time zone');

/** The first zone that is known for an event, of those on the field, the mapping and the client. */
export function compileZone(
  sources: readonly ZoneSource[],
): (data: JsonObject) => Zone | Refused | undefined {
  const [first] = sources;
  if (first !== undefined && 'zone' in first) {
    const { zone } = first;
    return () => zone;
  }
  return (data) => {
    for (const source of sources) {
      if ('zone' in source) return source.zone;
      const name = source.path.read(data);
      if (name === undefined || name === null) continue;
      return (typeof name === 'string' ? findZone(name) : undefined) ?? NO_ZONE;
    }
    return undefined;
  };
}
