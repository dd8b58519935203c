import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** What is read of a JSON Schema here. */
export interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly if?: Schema;
  readonly then?: Schema;
  readonly enum?: readonly unknown[];
  readonly enumDescriptions?: readonly string[];
  readonly doNotSuggest?: boolean;
  readonly type?: string | readonly string[];
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
}

/**
 * A format as lines: `/clients/<any>/extends?` for a member that may be left out, `/version = 1` for a
 * word it may be. `<any>` stands for any name, `-` for an item of a list.
 */
export type Format = readonly string[];

/** The format as its JSON Schema has it. */
export function formatOfSchema(root: Schema): Format {
  const lines = new Set<string>();
  const read = (schema: Schema, path: string): void => {
    if (schema.$ref !== undefined) {
      read(root.definitions![schema.$ref.slice('#/definitions/'.length)]!, path);
    }
    for (const each of schema.anyOf ?? []) read(each, path);
    if (schema.then !== undefined) read(schema.then, path);
    for (const word of schema.enum ?? []) lines.add(`${path} = ${JSON.stringify(word)}`);
    if (schema.items !== undefined) read(schema.items, `${path}/-`);
    const { additionalProperties: others, properties = {}, required = [] } = schema;
    if (typeof others === 'object') read(others, `${path}/<any>`);
    for (const [name, member] of Object.entries(properties)) {
      // Where any name may stand, those that are written down are only offered.
      if (others !== false) {
        read(member, `${path}/<any>`);
        continue;
      }
      lines.add(`${path}/${name}${required.includes(name) ? '' : '?'}`);
      read(member, `${path}/${name}`);
    }
  };
  read(root, '');
  return [...lines].sort();
}

/** The format as the types of `src/mapping/document.ts` have it. */
export function formatOfTypes(): Format {
  const file = new URL('../../src/mapping/document.ts', import.meta.url);
  const source = ts.createSourceFile('x.ts', readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const declared = new Map<string, ts.InterfaceDeclaration | ts.TypeAliasDeclaration>();
  for (const statement of source.statements) {
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      declared.set(statement.name.text, statement);
    }
  }

  const lines = new Set<string>();
  const readMembers = (members: readonly ts.TypeElement[], path: string): void => {
    for (const member of members.filter(ts.isPropertySignature)) {
      const name = (member.name as ts.Identifier).text;
      lines.add(`${path}/${name}${member.questionToken === undefined ? '' : '?'}`);
      read(member.type!, `${path}/${name}`);
    }
  };
  const readNamed = (name: string, path: string): void => {
    const declaration = declared.get(name);
    if (declaration === undefined) return;
    if (ts.isInterfaceDeclaration(declaration)) readMembers(declaration.members, path);
    else read(declaration.type, path);
  };
  const read = (type: ts.TypeNode, path: string): void => {
    if (ts.isUnionTypeNode(type)) for (const each of type.types) read(each, path);
    else if (ts.isTypeOperatorNode(type) || ts.isParenthesizedTypeNode(type)) read(type.type, path);
    else if (ts.isArrayTypeNode(type)) read(type.elementType, `${path}/-`);
    else if (ts.isTypeLiteralNode(type)) readMembers(type.members, path);
    else if (ts.isLiteralTypeNode(type)) {
      if (ts.isStringLiteral(type.literal))
        lines.add(`${path} = ${JSON.stringify(type.literal.text)}`);
      if (ts.isNumericLiteral(type.literal)) lines.add(`${path} = ${type.literal.text}`);
    } else if (ts.isTypeReferenceNode(type)) {
      const name = (type.typeName as ts.Identifier).text;
      if (name === 'Readonly') read(type.typeArguments![0]!, path);
      else if (name === 'Record') read(type.typeArguments![1]!, `${path}/<any>`);
      else readNamed(name, path);
    }
  };
  readNamed('MappingDocument', '');
  return [...lines].sort();
}
