import { describe, expect, it } from 'vitest';
import { ConfigurationError, StorageError } from '../src/errors.ts';
import { withoutValues } from '../src/without-values.ts';

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
});
