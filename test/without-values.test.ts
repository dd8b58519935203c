import { describe, expect, it } from 'vitest';
import { ConfigurationError, StorageError } from '../src/errors.ts';
import {
  causedBySqlState,
  isDefinedState,
  sqliteCode,
  sqlState,
  withoutValues,
} from '../src/without-values.ts';

const error = (message: string, members: object = {}, options: ErrorOptions = {}): Error =>
  Object.assign(new Error(message, options), members);

describe('withoutValues', () => {
  it.each<[string, Error, string]>([
    [
      'what is missing',
      error('relation "his_events" does not exist', { code: '42P01' }),
      'relation "his_events" does not exist',
    ],
    [
      'a connection',
      error('Connection terminated unexpectedly'),
      'Connection terminated unexpectedly',
    ],
    [
      'a connection that was tried several times',
      new AggregateError([
        error('connect ECONNREFUSED ::1:5432', { code: 'ECONNREFUSED', syscall: 'connect' }),
      ]),
      'connect ECONNREFUSED',
    ],
    [
      'SQLite, of its schema',
      error('no such table: his_events', { errcode: 1 }),
      'no such table: his_events',
    ],
    [
      'SQLite, of itself',
      error('database or disk is full', { errcode: 13 }),
      'database or disk is full',
    ],
    ['better-sqlite3', error('no such column: x', { code: 'SQLITE_ERROR' }), 'no such column: x'],
    [
      'a constraint',
      error('UNIQUE constraint failed: appointment.note', { errcode: 2067 }),
      'UNIQUE constraint failed: appointment.note',
    ],
    [
      'Drizzle',
      error(
        'Failed query: insert\nparams: Zoë',
        {},
        { cause: error('permission denied for table job', { code: '42501' }) },
      ),
      'permission denied for table job',
    ],
    [
      'Knex',
      error('insert into job values (\'Zoë - x\') - relation "job" does not exist', {
        code: '42P01',
      }),
      'relation "job" does not exist',
    ],
  ])('keeps what a driver says of %s', (_, given, message) => {
    expect(withoutValues(given).message).toBe(message);
  });

  it.each<[string, Error, string]>([
    [
      'a value',
      error('invalid input syntax for type integer: "Zoë"', { code: '22P02' }),
      'PostgreSQL refused it (22P02).',
    ],
    ['a constraint', error('Key (a)=(Zoë)', { code: '23505' }), 'PostgreSQL refused it (23505).'],
    // As an adapter hands it over that drops `where`.
    [
      'a RAISE',
      error('no: Zoë', { code: 'P0001', column: 'Zoë' }),
      'PostgreSQL refused it (P0001).',
    ],
    [
      'a RAISE with a code of its own',
      error('no: Zoë', { code: 'ZZ001', column: 'Zoë' }),
      'PostgreSQL refused it (ZZ001).',
    ],
    [
      'a function',
      error('column "Zoë" does not exist', {
        code: '42703',
        where: 'SQL statement "SELECT Zoë"',
        column: 'Zoë',
      }),
      'PostgreSQL refused it (42703).',
    ],
    [
      'Prisma',
      error('Invalid invocation:\nRaw query failed. Message: `Zoë`', { code: 'P2010' }),
      'PostgreSQL refused it (P2010).',
    ],
    [
      'a trigger of SQLite',
      error('no: Zoë', { errcode: 1811 }),
      'SQLite refused it (SQLITE_CONSTRAINT_TRIGGER).',
    ],
    [
      'a function of SQLite',
      error('bad JSON path: Zoë', { code: 'SQLITE_ERROR' }),
      'SQLite refused it (SQLITE_ERROR).',
    ],
  ])('leaves out what is said of %s', (_, given, message) => {
    const made = withoutValues(given);
    expect(made.message).toBe(message);
    expect(JSON.stringify([Object.entries(made), made.stack])).not.toContain('Zoë');
  });

  it('drops the command that a client of Redis was given', () => {
    const command = { name: 'evalsha', args: ['Zoë'] };
    const made = withoutValues(
      error('WRONGTYPE Operation against a key', { name: 'ReplyError', command }),
    );
    expect(String(made)).toBe('ReplyError: WRONGTYPE Operation against a key');
    expect(JSON.stringify(Object.entries(made))).not.toContain('Zoë');
  });

  it('keeps names that the server gives, the code and the place', () => {
    const members = { constraint: 'one_note', schema: 's', table: 't', column: 'c', dataType: 'd' };
    const given = error('duplicate', {
      code: '23505',
      detail: 'Zoë',
      parameters: ['Zoë'],
      ...members,
    });
    const made = withoutValues(given);
    expect(Object.fromEntries(Object.entries(made))).toEqual({ code: '23505', ...members });
    expect(made.stack).toContain('without-values.test.ts');
  });

  it('leaves out the message of what a host throws, and keeps its name', () => {
    const made = withoutValues(new RangeError('no Zoë'), 'host');
    expect(String(made)).toBe('RangeError: The message is left out, because it may hold values.');
    expect(made.stack).toContain('without-values.test.ts');
    expect(withoutValues('Zoë', 'host').message).toBe('What was thrown is no error.');
  });

  it('leaves our own errors as they are, but for their causes', () => {
    const own = new ConfigurationError('x must be 1.');
    expect(withoutValues(own)).toBe(own);
    const made = withoutValues(new StorageError('It failed.', { cause: error('Zoë') }), 'host');
    expect(made).toBeInstanceOf(StorageError);
    expect(made).toMatchObject({ message: 'It failed.', code: 'storage_unavailable' });
    expect((made.cause as Error).message).not.toContain('Zoë');
    // Once is enough: what a driver's error kept is not lost on its way to the host.
    const driver = withoutValues(
      new StorageError('It failed.', { cause: error('Connection lost') }),
    );
    expect(withoutValues(driver, 'host')).toBe(driver);
  });

  it('ends where errors are causes of each other', () => {
    const one = error('a');
    const two = error('b', {}, { cause: one });
    one.cause = two;
    expect(withoutValues(one, 'host')).toBeInstanceOf(Error);
  });

  it.each<[string, Error, string]>([
    ['of several lines', error('the first\nZoë\nZoë'), 'the first'],
    ['behind several statements', error('select Zoë - a - gone'), 'gone'],
    ['that is long', error('x'.repeat(300)), 'x'.repeat(200)],
    ['with errors beside it', new AggregateError([error('Zoë')], 'Both failed.'), 'Both failed.'],
    ['of a call without a code', error('Zoë', { syscall: 'connect' }), 'connect'],
    ['of a call with a strange code', error('Zoë', { syscall: 'open', code: 'Zoë' }), 'open'],
    ['with a state that only looks like a value', error('too long', { code: '42622' }), 'too long'],
    [
      'with a code of Node, as long as a state',
      error('write EPIPE', { code: 'EPIPE' }),
      'write EPIPE',
    ],
    [
      'of SQLite',
      error('table job has no column named x', { errcode: 1 }),
      'table job has no column named x',
    ],
    [
      'of SQLite',
      error('table "job" already exists', { errcode: 1 }),
      'table "job" already exists',
    ],
    ['of SQLite', error('no such index: x', { errcode: 1 }), 'no such index: x'],
    ['of SQLite', error('no such savepoint: x', { errcode: 1 }), 'no such savepoint: x'],
    ['of SQLite', error('duplicate column name: x', { errcode: 1 }), 'duplicate column name: x'],
    ['of SQLite', error('disk I/O error', { errcode: 266 }), 'disk I/O error'],
  ])('keeps of a message %s', (_, given, message) => {
    expect(withoutValues(given).message).toBe(message);
  });

  it.each<readonly [string, object, string, string]>([
    ['the words of a function', { errcode: 1 }, 'Zoë: no such table: x', 'SQLITE_ERROR'],
    ['words between', { errcode: 1 }, 'table job has no Zoë', 'SQLITE_ERROR'],
    ['a constraint of no kind', { errcode: 19 }, 'Zoë', 'SQLITE_CONSTRAINT'],
    ['a constraint nobody knows', { errcode: 531 }, 'Zoë', 'SQLITE_CONSTRAINT'],
    ...['FUNCTION', 'VTAB', 'TRIGGER'].map(
      (kind) =>
        [kind, { code: `SQLITE_CONSTRAINT_${kind}` }, 'Zoë', `SQLITE_CONSTRAINT_${kind}`] as const,
    ),
  ])('leaves out of SQLite %s', (_, members, message, code) => {
    const made = withoutValues(error(message, members));
    expect(made.message).toBe(`SQLite refused it (${code}).`);
  });

  it('looks for the first cause ten errors deep, and no deeper', () => {
    const chain = (length: number, last: Error): Error =>
      length === 1 ? last : error('Zoë', {}, { cause: chain(length - 1, last) });
    const last = () => error('permission denied', { code: '42501' });
    expect(withoutValues(chain(10, last()))).toMatchObject({
      message: 'permission denied',
      code: '42501',
    });
    expect(withoutValues(chain(11, last())).message).toBe('What was thrown is no error.');
    expect(causedBySqlState(chain(10, last()))).toBe('42501');
    expect(causedBySqlState(chain(11, last()))).toBeUndefined();
    const one = error('a');
    one.cause = one;
    expect(causedBySqlState(one)).toBeUndefined();
    expect(causedBySqlState('42501')).toBeUndefined();
  });

  it.each(['TypeError', 'ReplyError', 'error', 'DOMException', `${'x'.repeat(60)}Error`])(
    'keeps the name %s',
    (name) => {
      expect(withoutValues(error('x', { name })).name).toBe(name);
    },
  );

  it.each([
    'Zoë',
    'Zoë Error',
    'Error Zoë',
    'error: Zoë',
    'Zoë: error',
    'ZoëException',
    7,
    `${'x'.repeat(61)}Error`,
  ])('does not keep the name %j', (name) => {
    expect(withoutValues(error('x', { name })).name).toBe('Error');
  });

  it.each(['ECONNREFUSED', 'SQLITE_BUSY', 'P2010', `E${'X'.repeat(63)}`])(
    'keeps the code %s',
    (code) => {
      expect(Object.entries(withoutValues(error('x', { code })))).toEqual([['code', code]]);
      // Of the error that wraps, where what is wrapped has none.
      const wrapped = error('x', { code }, { cause: error('y') });
      expect(Object.entries(withoutValues(wrapped))).toEqual([['code', code]]);
    },
  );

  it.each(['Zoë', 'zoE_X', 'EX-zoe', 'E', '1AB', `E${'X'.repeat(64)}`, 7, ['EX'], null, undefined])(
    'does not keep the code %j',
    (code) => {
      expect(Object.entries(withoutValues(error('x', { code })))).toEqual([]);
    },
  );

  it('keeps the number of SQLite, where it is one', () => {
    expect(Object.entries(withoutValues(error('x', { errcode: 13 })))).toEqual([['errcode', 13]]);
    expect(Object.entries(withoutValues(error('x', { errcode: 'Zoë' })))).toEqual([]);
  });

  it('keeps names as long as PostgreSQL has them, of what is text', () => {
    const made = withoutValues(
      error('x', { code: '42703', column: 'c'.repeat(99), table: ['Zoë'], constraint: null }),
    );
    expect(Object.entries(made)).toEqual([
      ['code', '42703'],
      ['column', 'c'.repeat(63)],
    ]);
  });

  it('makes up no cause', () => {
    expect('cause' in withoutValues(new StorageError('It failed.'))).toBe(false);
  });

  it('has members that errors have, and lists none of them', () => {
    const made = withoutValues(error('x', { name: 'ReplyError' }));
    for (const name of ['name', 'stack']) {
      expect(Object.getOwnPropertyDescriptor(made, name), name).toMatchObject({
        configurable: true,
        enumerable: false,
        writable: true,
      });
    }
  });

  describe('the place', () => {
    const place = '    at work (/srv/app.js:7:11)';
    const at = (stack: unknown, message = 'Zoë') =>
      withoutValues(error(message, { stack, name: 'RangeError' }), 'host').stack;
    const HEAD = 'RangeError: The message is left out, because it may hold values.';

    it('is kept, without the message', () => {
      expect(at(`RangeError: Zoë\n${place}\n${place}`)).toBe(`${HEAD}\n${place}\n${place}`);
      expect(at(`Zoë\n${place}`)).toBe(`${HEAD}\n${place}`);
      expect(at(`RangeError\n${place}`, '')).toBe(`${HEAD}\n${place}`);
    });

    it('is no line of the message', () => {
      const message = `x\n    at Zoë (y.js:1:1)`;
      expect(at(`RangeError: ${message}\n${place}`, message)).toBe(`${HEAD}\n${place}`);
    });

    it('is no other line', () => {
      const stack = `RangeError: Zoë\nZoë\n${place}\nZoë    at Zoë\n  at Zoë`;
      expect(at(stack)).toBe(`${HEAD}\n${place}`);
    });

    it('is unknown where the message is not found in it, or it is no text', () => {
      expect(at(`RangeError: another\n    at Zoë (y.js:1:1)`)).toBe(HEAD);
      for (const stack of [undefined, null, 7, { toString: () => 'Zoë' }]) {
        expect(at(stack)).toBe(HEAD);
      }
    });
  });
});

describe('sqlState', () => {
  it('is five digits and capitals', () => {
    expect(sqlState({ code: '42P01' })).toBe('42P01');
    for (const code of ['42p01', '42P011', '42P0', 'x42P01', '42P01 ', 42_501, null, undefined]) {
      expect(sqlState({ code }), String(code)).toBeUndefined();
    }
    for (const none of [null, undefined, 'code', 7]) expect(sqlState(none)).toBeUndefined();
  });

  // The classes of appendix A of PostgreSQL's manual.
  const CLASSES =
    '00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX';

  it.each(CLASSES.split(' '))('%s is a class of PostgreSQL', (one) => {
    for (const rest of ['000', '001', 'P01']) expect(isDefinedState(one + rest)).toBe(true);
  });

  it.each(
    '10 29 2A 2C 2E 2Z 30 33 35 37 3A 3C 3E 41 43 45 4A 50 52 59 5A 71 73 A0 F1 FA HU H0 P1 Q0 X0 XY ZZ E0 EE'.split(
      ' ',
    ),
  )('%s is a class of nobody', (one) => {
    for (const rest of ['000', '001', '42P']) expect(isDefinedState(one + rest)).toBe(false);
  });

  it('is none where Node names an error with five letters', () => {
    expect(isDefinedState('EPIPE')).toBe(true);
    expect(isDefinedState('EPIP0')).toBe(false);
    expect(isDefinedState('E0000')).toBe(false);
  });
});

describe('sqliteCode', () => {
  it.each([
    [1, 'SQLITE_ERROR'],
    [5, 'SQLITE_BUSY'],
    [517, 'SQLITE_BUSY'],
    [6, 'SQLITE_LOCKED'],
    [262, 'SQLITE_LOCKED'],
    [13, 'SQLITE_FULL'],
    [18, 'SQLITE_TOOBIG'],
    [19, 'SQLITE_CONSTRAINT'],
    [531, 'SQLITE_CONSTRAINT'],
    [20, 'SQLITE_MISMATCH'],
    [275, 'SQLITE_CONSTRAINT_CHECK'],
    [787, 'SQLITE_CONSTRAINT_FOREIGNKEY'],
    [1299, 'SQLITE_CONSTRAINT_NOTNULL'],
    [1555, 'SQLITE_CONSTRAINT_PRIMARYKEY'],
    [1811, 'SQLITE_CONSTRAINT_TRIGGER'],
    [2067, 'SQLITE_CONSTRAINT_UNIQUE'],
    [3091, 'SQLITE_CONSTRAINT_DATATYPE'],
    [10, 'SQLITE'],
  ])('of %i is %s', (errcode, code) => {
    expect(sqliteCode({ errcode, code: 'ERR_SQLITE_ERROR' })).toBe(code);
  });

  it('is the name that better-sqlite3 gives, and none of others', () => {
    expect(sqliteCode({ code: 'SQLITE_BUSY_SNAPSHOT' })).toBe('SQLITE_BUSY_SNAPSHOT');
    for (const none of [
      { code: 'ERR_SQLITE_ERROR' },
      { code: 5 },
      { errcode: '5' },
      {},
      null,
      undefined,
    ]) {
      expect(sqliteCode(none)).toBeUndefined();
    }
  });
});
