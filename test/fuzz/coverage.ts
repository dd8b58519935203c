/**
 * Coverage of the code under test: each file is compiled with a counter at every branch it can take,
 * as it is loaded. Installed by importing it; only what is imported later is counted.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** How often each branch was taken since somebody set them to 0. */
export const hits: Uint32Array = new Uint32Array(2 ** 16);

const words = new Set<string>();
let branches = 0;

/** How many branches there are in what was loaded. */
export function countBranches(): number {
  return branches;
}

/** The texts and characters that the code compares with, which no chance would find. */
export function wordsOfCode(): readonly string[] {
  return [...words];
}

(globalThis as Record<string, unknown>)['__hits'] = hits;
process.setSourceMapsEnabled(true);

const { factory } = ts;

function count(): ts.Expression {
  const element = factory.createElementAccessExpression(
    factory.createIdentifier('__hits'),
    branches++,
  );
  return factory.createPostfixIncrement(element);
}

function counted(expression: ts.Expression): ts.Expression {
  return factory.createParenthesizedExpression(factory.createComma(count(), expression));
}

function countedBlock(statement: ts.Statement | undefined): ts.Block {
  const statements =
    statement === undefined ? [] : ts.isBlock(statement) ? statement.statements : [statement];
  return factory.createBlock([factory.createExpressionStatement(count()), ...statements], true);
}

const LAZY: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

function addCounters(context: ts.TransformationContext): ts.Transformer<ts.SourceFile> {
  const visit = (node: ts.Node): ts.Node => {
    collectWord(node);
    // Types are gone after compilation, and hold no branches.
    return ts.isTypeNode(node) ? node : addCounter(ts.visitEachChild(node, visit, context));
  };
  return (file) => ts.visitEachChild(file, visit, context);
}

function addCounter(node: ts.Node): ts.Node {
  if (ts.isIfStatement(node)) {
    const { expression, thenStatement, elseStatement } = node;
    return factory.updateIfStatement(
      node,
      expression,
      countedBlock(thenStatement),
      countedBlock(elseStatement),
    );
  }
  if (ts.isConditionalExpression(node)) {
    const { condition, questionToken, whenTrue, colonToken, whenFalse } = node;
    return factory.updateConditionalExpression(
      node,
      condition,
      questionToken,
      counted(whenTrue),
      colonToken,
      counted(whenFalse),
    );
  }
  if (ts.isBinaryExpression(node) && LAZY.has(node.operatorToken.kind)) {
    return factory.updateBinaryExpression(node, node.left, node.operatorToken, counted(node.right));
  }
  if (ts.isCaseClause(node)) {
    const first = factory.createExpressionStatement(count());
    return factory.updateCaseClause(node, node.expression, [first, ...node.statements]);
  }
  if (ts.isDefaultClause(node)) {
    const first = factory.createExpressionStatement(count());
    return factory.updateDefaultClause(node, [first, ...node.statements]);
  }
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) {
    const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken, body } = node;
    return factory.updateArrowFunction(
      node,
      modifiers,
      typeParameters,
      parameters,
      type,
      equalsGreaterThanToken,
      counted(body),
    );
  }
  // Bodies of functions, loops and handlers.
  if (ts.isBlock(node)) return countedBlock(node);
  return node;
}

function collectWord(node: ts.Node): void {
  const isText = ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node);
  if (isText && node.text.length <= 40) words.add(node.text);
  if (ts.isNumericLiteral(node)) {
    const value = Number(node.text);
    words.add(node.text);
    if (value < 256) words.add(String.fromCharCode(value));
  }
}

/** Compiles the text of a module, with its counters. */
function instrument(source: string, fileName: string): string {
  return ts.transpileModule(source, {
    fileName,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
    },
    transformers: { before: [addCounters] },
  }).outputText;
}

const covered: string[] = [new URL('../../src/', import.meta.url).href];

/** Counts in what begins with this address too. */
export function cover(url: string): void {
  covered.push(url);
}

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.ts') || !covered.some((start) => url.startsWith(start))) {
      return nextLoad(url, context);
    }
    const file = fileURLToPath(url);
    const source = instrument(readFileSync(file, 'utf8'), file);
    return { format: 'module', shortCircuit: true, source };
  },
});
