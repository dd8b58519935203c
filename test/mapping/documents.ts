/** A mapping document, and what is to be said of it. */
export interface DocumentCase {
  readonly name: string;
  readonly document: unknown;
  /** `names`: only who knows the names can refuse it, and the JSON Schema does not. */
  readonly verdict: 'good' | 'bad' | 'names';
  /** The JSON Pointer of a fault that the compiler reports, among others perhaps. */
  readonly at?: string;
}

const TYPE = 'appointment.created';
const FIELDS = { his_appointment_id: 'id', his_status: 'status' };

const root = (more: object): unknown => ({ clients: {}, ...more });
const client = (value: unknown, more: object = {}): unknown => ({ clients: { 1: value }, ...more });
const mapping = (value: unknown, more: object = {}): unknown =>
  client({ timezone: 'UTC', mappings: { [TYPE]: value } }, more);
const field = (value: unknown): unknown =>
  mapping(
    { fields: { ...FIELDS, s: value } },
    { valueMaps: { m: { a: 'A' }, yes: { Y: true, N: false } } },
  );
const rule = (value: object): unknown => field({ to: 's', ...value });
const TEMPLATES = { templates: { t: { mappings: { [TYPE]: { fields: FIELDS } } } } };
const heir = (value: unknown): unknown =>
  client({ extends: 't', mappings: { [TYPE]: value } }, TEMPLATES);
const template = (value: unknown): unknown => root({ templates: { t: value } });

/** Where `mapping` and `field` put what they are given. */
const MAPPING = `/clients/1/mappings/${TYPE}`;
const FIELD = `${MAPPING}/fields/s`;

type Row = readonly [name: string, document: unknown, at?: string];

const GOOD: readonly Row[] = [
  ['no client', root({})],
  ['a version', root({ version: 1 })],
  ['the address of the schema', root({ $schema: './x.json' })],
  ['a rename', mapping({ fields: FIELDS })],
  ['client *', { clients: { '*': { mappings: {} } } }],
  ['a declined type', client({ mappings: { 'payment.*': null } })],
  [
    'every wildcard',
    client({ mappings: { 'location.*': null, 'service.*': null, 'schedule.*': null } }),
  ],
  ['a registered type', client({ mappings: { 'bed.moved': { fields: { his_bed_id: 'id' } } } })],
  ['a wildcard of a registered type', client({ mappings: { 'bed.*': null } })],
  [
    'no fields but a key of constants and a field',
    mapping({
      key: ['id', 'site'],
      constants: { site: 'x' },
      fields: { his_appointment_id: 'id' },
    }),
  ],
  ['a table', mapping({ table: 'Visits_2', fields: FIELDS })],
  ['a key', mapping({ key: ['status', 'id'], fields: FIELDS })],
  ['unmapped', mapping({ unmapped: 'warn', fields: FIELDS })],
  ['a zone of the mapping', mapping({ timezone: 'Asia/Kolkata', fields: FIELDS })],
  [
    'constants of every kind',
    mapping({ constants: { a: 1, b: 'x', c: null, d: [1], e: { f: true } }, fields: FIELDS }),
  ],
  ['a dropped field', field(null)],
  ['a list of columns', field(['a', 'b'])],
  ['a list of rules', field(['a', { to: 'b', type: 'string' }])],
  ['a path', mapping({ fields: { ...FIELDS, 'a.b[0].c': 'x' } })],
  ['a column called constructor', field('constructor')],
  ['a column of 63 letters', field('a'.repeat(63))],
  ...['string', 'integer', 'number', 'decimal', 'boolean', 'date', 'datetime', 'json'].map(
    (type): Row => [`the type ${type}`, rule({ type })],
  ),
  ...['iso', 'dd.MM.yyyy', "yyyyMMdd'T'HHmm"].map((format): Row => [
    `a date as ${format}`,
    rule({ type: 'date', format }),
  ]),
  ...['iso', 'epoch-seconds', 'epoch-millis', 'dd.MM.yyyy HH:mm'].map((format): Row => [
    `a datetime as ${format}`,
    rule({ type: 'datetime', format }),
  ]),
  ['a zone of the field', rule({ type: 'datetime', timezone: 'Europe/Berlin' })],
  ['a zone out of the data', rule({ type: 'datetime', timezone: { path: 'site.tz' } })],
  ...['compatible', 'earlier', 'later', 'reject'].map((disambiguation): Row => [
    `disambiguation ${disambiguation}`,
    rule({ type: 'datetime', disambiguation }),
  ]),
  ['offset use', rule({ type: 'datetime', offset: 'use', format: 'epoch-millis' })],
  ['offset ignore', rule({ type: 'datetime', offset: 'ignore' })],
  ['a value map', rule({ valueMap: 'm' })],
  ['onUnmapped error', rule({ valueMap: 'm', onUnmapped: 'error' })],
  ['onUnmapped keep', rule({ valueMap: 'm', onUnmapped: 'keep' })],
  ['onUnmapped use', rule({ valueMap: 'm', onUnmapped: { use: null } })],
  ['a value map of every scalar', root({ valueMaps: { m: { a: 'x', b: 1, c: true, d: null } } })],
  ['an empty value map', root({ valueMaps: { m: {} } })],
  ['a fallback', rule({ fallback: ['a', 'b.c'] })],
  ['a default', rule({ default: { a: [1] } })],
  ['a default null', rule({ default: null })],
  ['required', rule({ required: true })],
  ['not required', rule({ required: false })],
  ['a default and required', rule({ default: 1, required: true })],
  ['a transform', rule({ transform: 'upper' })],
  ['a transform with parameters', rule({ transform: { name: 'upper', parameters: [1] } })],
  ['a transform in its long form', rule({ transform: { name: 'upper' } })],
  ['a client that extends', client({ extends: 't' }, { templates: { t: { mappings: {} } } })],
  [
    'a mapping without fields that inherits them',
    client(
      { extends: 't', mappings: { [TYPE]: { table: 'x' } } },
      { templates: { t: { mappings: { [TYPE]: { fields: FIELDS } } } } },
    ),
  ],
  [
    'a template that extends',
    root({ templates: { a: { mappings: {} }, b: { extends: 'a', mappings: {} } } }),
  ],
  [
    'a template that is not whole',
    template({ mappings: { [TYPE]: { fields: { his_status: 'x' } } } }),
  ],
  [
    'a client id of punctuation',
    client({ mappings: {} }, { clients: { 'a/~:b': { mappings: {} } } }),
  ],
  ['an empty mapping that inherits', client({ extends: 't', mappings: { [TYPE]: {} } }, TEMPLATES)],
  ['a field of the template that is dropped', heir({ fields: { his_status: null } })],
  [
    'a type of the template that is declined',
    client({ extends: 't', mappings: { [TYPE]: null } }, TEMPLATES),
  ],
  ['a zone of the template', client({ extends: 't', timezone: { path: 'tz' } }, TEMPLATES)],
  ['a value map that makes booleans', rule({ type: 'boolean', valueMap: 'yes' })],
  ['a default that the value map knows', rule({ valueMap: 'm', default: 'a' })],
  ['a default that is a day', rule({ type: 'date', default: '2025-03-02' })],
  ['a decimal as text', rule({ type: 'decimal', default: '12.50' })],
  ['a fallback with an index', rule({ fallback: ['a[0].b'] })],
  ['parameters that are null', rule({ transform: { name: 'upper', parameters: null } })],
  ['a source that is no path', mapping({ fields: { ...FIELDS, 'a..b': 'x' } })],
  ['a source called __proto', mapping({ fields: { ...FIELDS, __proto: 'x' } })],
  ['a table that holds his_', mapping({ table: 'visit_his_', fields: FIELDS })],
  ['columns that only look reserved', field(['client_ids', 'my_his_id', '_proto__'])],
  ...['yyyy/M/d', 'd MMMM yyyy', "dd 'of' MMM yyyy", "d.M.yyyy 'o''clock'", '(yyyy) MM dd'].map(
    (format): Row => [`a day as ${format}`, rule({ type: 'date', format })],
  ),
  ...[
    'dd-MMM-yyyy hh:mm a',
    'yyyyMMddHHmmssSSS',
    'yyyy-MM-dd HH:mm:ss.SSSSSSSSS XXX',
    'M/d/yyyy h:mm a x',
  ].map((format): Row => [`a moment as ${format}`, rule({ type: 'datetime', format })]),
  ...[
    'Asia/Kolkata',
    'UTC',
    'Etc/GMT+5',
    'America/Argentina/Buenos_Aires',
    'asia/kolkata',
    'GB',
  ].map((timezone): Row => [`the zone ${timezone}`, client({ timezone, mappings: {} })]),
];

const BAD: readonly Row[] = [
  ['constants that are null', mapping({ constants: null, fields: FIELDS }), `${MAPPING}/constants`],
  ['a table that is null', mapping({ table: null, fields: FIELDS }), `${MAPPING}/table`],
  ['a key that is null', mapping({ key: null, fields: FIELDS }), `${MAPPING}/key`],
  ['unmapped that is null', mapping({ unmapped: null, fields: FIELDS }), `${MAPPING}/unmapped`],
  ['a reserved key', mapping({ key: ['his_x'], fields: FIELDS }), `${MAPPING}/key`],
  [
    'a zone of the mapping that is null',
    mapping({ timezone: null, fields: FIELDS }),
    `${MAPPING}/timezone`,
  ],
  [
    'a zone of a mapping that is an offset',
    mapping({ timezone: '-03:00', fields: FIELDS }),
    `${MAPPING}/timezone`,
  ],
  [
    'a constant called __proto__',
    mapping({ constants: { ['__proto__']: 1 }, fields: FIELDS }),
    `${MAPPING}/constants/__proto__`,
  ],
  [
    'a constant that is no column',
    mapping({ constants: { 'a b': 1 }, fields: FIELDS }),
    `${MAPPING}/constants/a b`,
  ],
  ['an empty table', mapping({ table: '', fields: FIELDS }), `${MAPPING}/table`],
  ['a table too long', mapping({ table: 'a'.repeat(64), fields: FIELDS }), `${MAPPING}/table`],
  ['extends that is null', client({ extends: null, mappings: {} }), '/clients/1/extends'],
  ['a client zone that is null', client({ timezone: null, mappings: {} }), '/clients/1/timezone'],
  ['an empty zone', client({ timezone: '', mappings: {} }), '/clients/1/timezone'],
  ['a zone in a list', client({ timezone: ['UTC'], mappings: {} }), '/clients/1/timezone'],
  ['a version that is null', root({ version: null }), '/version'],
  ['clients that are null', { clients: null }, '/clients'],
  ['a type with a space', client({ mappings: { 'appointment .created': null } })],
  ['a type of two dots', client({ mappings: { 'appointment.created.now': null } })],
  [
    'a wildcard for the resource',
    client({ mappings: { '*.created': null } }),
    '/clients/1/mappings/*.created',
  ],
  [
    'a mapping of a template without fields',
    template({ mappings: { [TYPE]: {} } }),
    `/templates/t/mappings/${TYPE}/fields`,
  ],
  ['an unknown member of a template', template({ mappings: {}, colour: 1 }), '/templates/t/colour'],
  ['a value map of objects', root({ valueMaps: { m: { a: { b: 1 } } } }), '/valueMaps/m/a'],
  [
    'a reserved column in an inherited mapping',
    heir({ fields: { s: 'his_s' } }),
    `${MAPPING}/fields/s`,
  ],
  ...[
    ['an empty column', { fields: { ...FIELDS, s: '' } }, '/fields/s'],
    ['a reserved column', { fields: { ...FIELDS, s: ['a', 'HIS_x'] } }, '/fields/s/1'],
    ['a reserved column in a rule', { fields: { ...FIELDS, s: { to: 'client_id' } } }, '/fields/s'],
    ['a reserved table', { table: 'pg_x', fields: FIELDS }, '/table'],
    ['a key that is text', { key: 'id', fields: FIELDS }, '/key'],
    ['an empty key', { key: [], fields: FIELDS }, '/key'],
    ['a reserved key', { key: ['client_id'], fields: FIELDS }, '/key'],
    ['a reserved constant', { constants: { his_a: 1 }, fields: FIELDS }, '/constants/his_a'],
  ].map(([name, value, at]): Row => [
    `${name as string} in a template that nobody extends`,
    template({ mappings: { [TYPE]: value } }),
    `/templates/t/mappings/${TYPE}${at as string}`,
  ]),
  [
    'a reserved column in a template, which its heir overrides',
    client(
      { extends: 't', mappings: { [TYPE]: { fields: { s: 's' } } } },
      { templates: { t: { mappings: { [TYPE]: { fields: { ...FIELDS, s: 'his_s' } } } } } },
    ),
    `/templates/t/mappings/${TYPE}/fields/s`,
  ],
  ['a column in a list that is reserved', field(['a', 'his_x']), `${FIELD}/1`],
  ['true in a list of rules', field(['a', true]), `${FIELD}/1`],
  ['a rule without a column in a list', field(['a', { type: 'date' }]), `${FIELD}/1/to`],
  ['an unknown member in a list', field([{ to: 'a', typ: 'date' }]), `${FIELD}/0/typ`],
  ['a format that is null', rule({ type: 'date', format: null }), `${FIELD}/format`],
  ['an empty format', rule({ type: 'date', format: '' }), `${FIELD}/format`],
  ...[
    'dd.MM.yy',
    'yyyy',
    'MM/dd',
    'yyyy-MM-ddTHH:mm',
    "yyyy-MM-dd'T",
    'YYYY-MM-DD',
    'yyyy-mm-dd',
    'epoch',
    'ISO',
    'yyyyMMMMMd',
    "'yyyy' MM dd",
    'yyyyMMddSSSSSSSSSS',
  ].map((format): Row => [
    `the pattern ${format}`,
    rule({ type: 'date', format }),
    `${FIELD}/format`,
  ]),
  ['an hour in quotes', rule({ type: 'datetime', format: "yyyyMMdd 'HH'" }), `${FIELD}/format`],
  ['an epoch of its own', rule({ type: 'datetime', format: 'epoch-days' }), `${FIELD}/format`],
  [
    'a zone of a field that is an offset',
    rule({ type: 'datetime', timezone: '+05:30' }),
    `${FIELD}/timezone`,
  ],
  [
    'a zone of a field that is null',
    rule({ type: 'datetime', timezone: null }),
    `${FIELD}/timezone`,
  ],
  ['an offset for a date', rule({ type: 'date', offset: 'ignore' }), `${FIELD}/offset`],
  [
    'a disambiguation for text',
    rule({ type: 'string', disambiguation: 'later' }),
    `${FIELD}/disambiguation`,
  ],
  ['a value map that is null', rule({ valueMap: null }), `${FIELD}/valueMap`],
  ['onUnmapped that is null', rule({ valueMap: 'm', onUnmapped: null }), `${FIELD}/onUnmapped`],
  ['a fallback that is null', rule({ fallback: null }), `${FIELD}/fallback`],
  ['a fallback of numbers', rule({ fallback: [1] }), `${FIELD}/fallback`],
  ['required that is null', rule({ required: null }), `${FIELD}/required`],
  ['a transform that is null', rule({ transform: null }), `${FIELD}/transform`],
  ['a transform that is a list', rule({ transform: ['upper'] }), `${FIELD}/transform`],
  ['a list', []],
  ['text', 'x'],
  ['null', null],
  ['no clients', {}],
  ['clients that are a list', { clients: [] }],
  ['an unknown member', root({ extra: 1 })],
  ['another version', root({ version: 2 })],
  ['a version that is text', root({ version: '1' })],
  ['a $schema that is no text', root({ $schema: 1 })],
  ['value maps that are a list', root({ valueMaps: [] })],
  ['a value map that is text', root({ valueMaps: { m: 'x' } })],
  ['a value map of lists', root({ valueMaps: { m: { a: [] } } })],
  ['templates that are null', root({ templates: null })],
  ['a template that is null', template(null)],
  ['an empty template', template({})],
  ['a client id with a space', { clients: { 'a b': { mappings: {} } } }],
  ['an empty client id', { clients: { '': { mappings: {} } } }],
  ['a client id too long', { clients: { ['a'.repeat(256)]: { mappings: {} } } }],
  ['a client that is null', client(null)],
  ['an empty client', client({})],
  ['a client with an unknown member', client({ mappings: {}, zone: 'UTC' })],
  ['mappings that are null', client({ mappings: null })],
  ['extends that is a list', client({ extends: ['t'] })],
  ['a zone that is a number', client({ timezone: 5, mappings: {} })],
  ['a zone without its path', client({ timezone: {}, mappings: {} })],
  ['a zone with an empty path', client({ timezone: { path: '' }, mappings: {} })],
  ['a zone with an unknown member', client({ timezone: { path: 'a', or: 'b' }, mappings: {} })],
  ['a type without an operation', client({ mappings: { appointment: null } })],
  ['a type of capitals', client({ mappings: { 'Appointment.created': null } })],
  ['only a wildcard', client({ mappings: { '*': null } })],
  ['a mapping that is text', mapping('appointment')],
  ['a mapping that is a list', mapping([])],
  ['a mapping without fields', mapping({ table: 'x', key: ['id'] })],
  ['fields that are null', mapping({ fields: null })],
  ['a mapping with an unknown member', mapping({ fields: FIELDS, feilds: {} })],
  ['a table that is a number', mapping({ table: 1, fields: FIELDS })],
  ['a table with a dash', mapping({ table: 'a-b', fields: FIELDS })],
  ...['his_events', 'HIS_x', 'sqlite_x', 'Pg_x'].map((table): Row => [
    `the reserved table ${table}`,
    mapping({ table, fields: FIELDS }),
  ]),
  ['a key that is text', mapping({ key: 'id', fields: FIELDS })],
  ['an empty key', mapping({ key: [], fields: FIELDS })],
  ['a key twice', mapping({ key: ['id', 'id'], fields: FIELDS })],
  ['a key of numbers', mapping({ key: [1], fields: FIELDS })],
  ['an unknown word for unmapped', mapping({ unmapped: 'drop', fields: FIELDS })],
  ['constants that are a list', mapping({ constants: [], fields: FIELDS })],
  ['a constant for a reserved column', mapping({ constants: { his_x: 1 }, fields: FIELDS })],
  ['a source without a name', mapping({ fields: { ...FIELDS, '': 'x' } })],
  ['a field that is a number', field(7)],
  ['a field that is true', field(true)],
  ['an empty list of rules', field([])],
  ['null in a list of rules', field([null])],
  ['a list in a list of rules', field([['x']])],
  ...[
    '',
    'a b',
    '1a',
    'a"b',
    'a'.repeat(64),
    'client_id',
    'CLIENT_ID',
    'his_x',
    'His_versions',
    '__proto__',
  ].map((column): Row => [`the column ${JSON.stringify(column)}`, field(column)]),
  ['a rule without a column', field({})],
  ['a rule whose column is a number', field({ to: 1 })],
  ['a rule with an unknown member', rule({ tpye: 'date' })],
  ['an unknown type', rule({ type: 'text' })],
  ['a type that is null', rule({ type: null })],
  ['a format without a type', rule({ format: 'iso' })],
  ['a format for text', rule({ type: 'string', format: 'iso' })],
  ['a format that is a number', rule({ type: 'date', format: 1 })],
  ['an epoch for a date', rule({ type: 'date', format: 'epoch-seconds' })],
  [
    'an epoch without its offset',
    rule({ type: 'datetime', format: 'epoch-millis', offset: 'ignore' }),
  ],
  ['a zone for a date', rule({ type: 'date', timezone: 'UTC' })],
  ['a zone without a type', rule({ timezone: 'UTC' })],
  ['an offset without a type', rule({ offset: 'use' })],
  ['a disambiguation without a type', rule({ disambiguation: 'later' })],
  ['an unknown disambiguation', rule({ type: 'datetime', disambiguation: 'first' })],
  ['an unknown offset', rule({ type: 'datetime', offset: 'drop' })],
  ['a value map that is a number', rule({ valueMap: 1 })],
  ['onUnmapped without a value map', rule({ onUnmapped: 'keep' })],
  ['an unknown onUnmapped', rule({ valueMap: 'm', onUnmapped: 'drop' })],
  ['onUnmapped without use', rule({ valueMap: 'm', onUnmapped: {} })],
  ['onUnmapped that uses a list', rule({ valueMap: 'm', onUnmapped: { use: [] } })],
  ['onUnmapped with an unknown member', rule({ valueMap: 'm', onUnmapped: { use: 1, or: 2 } })],
  ['an empty fallback', rule({ fallback: [] })],
  ['a fallback that is text', rule({ fallback: 'a' })],
  ['a fallback twice', rule({ fallback: ['a', 'a'] })],
  ['a fallback without a name', rule({ fallback: [''] })],
  ['required that is text', rule({ required: 'yes' })],
  ['a transform that is a number', rule({ transform: 1 })],
  ['a transform without a name', rule({ transform: { parameters: 1 } })],
  ['a transform with an unknown member', rule({ transform: { name: 'upper', args: 1 } })],
  ['an offset for a zone', client({ timezone: '+05:30', mappings: {} }), '/clients/1/timezone'],
  ['a pattern of unknown letters', rule({ type: 'date', format: 'jj.mm.aaaa' }), `${FIELD}/format`],
  [
    'a pattern without an hour',
    rule({ type: 'datetime', format: 'dd.MM.yyyy' }),
    `${FIELD}/format`,
  ],
];

const NAMES: readonly Row[] = [
  [
    'an unknown operation',
    client({ mappings: { 'appointment.moved': null } }),
    '/clients/1/mappings/appointment.moved',
  ],
  ['an abbreviation for a zone', client({ timezone: 'Foo', mappings: {} }), '/clients/1/timezone'],
  [
    'an unknown zone of a field',
    rule({ type: 'datetime', timezone: 'Asia/Nowhere' }),
    `${FIELD}/timezone`,
  ],
  ['a template that extends an unknown one', template({ extends: 'u' }), '/templates/t/extends'],
  ['an unknown transform in its long form', rule({ transform: { name: 'lower' } })],
  [
    'a pattern with the month twice',
    rule({ type: 'date', format: 'dd MM MMM yyyy' }),
    `${FIELD}/format`,
  ],
  [
    'a pattern with h and no a',
    rule({ type: 'datetime', format: 'yyyyMMdd hh:mm' }),
    `${FIELD}/format`,
  ],
  [
    'a pattern with seconds and no minutes',
    rule({ type: 'datetime', format: 'yyyyMMdd HH ss' }),
    `${FIELD}/format`,
  ],
  [
    'a pattern that could be read in two ways',
    rule({ type: 'date', format: 'yyyydM' }),
    `${FIELD}/format`,
  ],
  [
    'a default that the value map does not know',
    rule({ valueMap: 'm', default: 'b' }),
    `${FIELD}/default`,
  ],
  ['a key that is dropped by the heir', heir({ fields: { his_appointment_id: null } })],
  [
    'an object over an inherited null, without fields',
    client(
      { extends: 't', mappings: { [TYPE]: { table: 'x' } } },
      { templates: { t: { mappings: { [TYPE]: null } } } },
    ),
    `${MAPPING}/fields`,
  ],
  [
    'a table in other letters',
    client({
      mappings: {
        [TYPE]: { fields: FIELDS },
        'appointment.updated': { table: 'Appointment', fields: FIELDS },
      },
    }),
    '/clients/1/mappings/appointment.updated/table',
  ],
  [
    'a datetime without a zone, whose offset is ignored',
    client({
      mappings: {
        [TYPE]: {
          fields: {
            ...FIELDS,
            s: { to: 's', type: 'datetime', format: 'yyyyMMddHHX', offset: 'ignore' },
          },
        },
      },
    }),
    FIELD,
  ],
  ['an unknown type', client({ mappings: { 'ward.created': null } })],
  ['an unknown template', client({ extends: 't' })],
  ['a circle', root({ templates: { a: { extends: 'b' }, b: { extends: 'a' } } })],
  ['an unknown zone', client({ timezone: 'Mars/Olympus', mappings: {} })],
  ['an unknown value map', rule({ valueMap: 'n' })],
  ['an unknown transform', rule({ transform: 'lower' })],
  ['a column twice', field('status')],
  ['a column twice in other letters', field('STATUS')],
  ['a constant over a field', mapping({ constants: { status: 1 }, fields: FIELDS })],
  ['no key', mapping({ fields: { his_status: 'status' } })],
  ['a key that nothing writes', mapping({ key: ['x'], fields: FIELDS })],
  ['a key of constants only', mapping({ key: ['site'], constants: { site: 1 }, fields: FIELDS })],
  ['a key with a default', mapping({ fields: { his_appointment_id: { to: 'id', default: 'x' } } })],
  [
    'an empty constant in the key',
    mapping({ key: ['id', 'site'], constants: { site: '' }, fields: FIELDS }),
  ],
  [
    'a datetime without a zone',
    client({ mappings: { [TYPE]: { fields: { ...FIELDS, s: { to: 's', type: 'datetime' } } } } }),
  ],
  ['a default of another type', rule({ type: 'integer', default: 'x' })],
  ['a value map of another type', rule({ type: 'integer', valueMap: 'm' })],
  [
    'tables that differ in their keys',
    client({
      mappings: {
        [TYPE]: { fields: FIELDS },
        'appointment.updated': { key: ['status'], fields: FIELDS },
      },
    }),
  ],
  [
    'columns that differ in their types',
    client({
      mappings: {
        [TYPE]: { fields: FIELDS },
        'appointment.updated': {
          fields: { ...FIELDS, his_status: { to: 'status', type: 'string' } },
        },
      },
    }),
  ],
  [
    'a mapping without fields that inherits none',
    client(
      { extends: 't', mappings: { [TYPE]: { table: 'x' } } },
      { templates: { t: { mappings: {} } } },
    ),
  ],
];

const cases = (rows: readonly Row[], verdict: DocumentCase['verdict']): DocumentCase[] =>
  rows.map(([name, document, at]) => ({
    name,
    document,
    verdict,
    ...(at === undefined ? {} : { at }),
  }));

/** Good and bad documents, for whoever judges documents. */
export const DOCUMENTS: readonly DocumentCase[] = [
  ...cases(GOOD, 'good'),
  ...cases(BAD, 'bad'),
  ...cases(NAMES, 'names'),
];
