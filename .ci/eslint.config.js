import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  {
    ignores: [
      'dist/',
      'coverage/',
      'docs/api/',
      '.data/',
      'src/schemas/envelope-validator.ts',
      'test/package/use.*',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './examples/tsconfig.json'],
        tsconfigRootDir: `${import.meta.dirname}/..`,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // isolatedDeclarations wants the annotation.
      '@typescript-eslint/no-inferrable-types': 'off',
      // Contradicts no-non-null-assertion.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { ignoreRestSiblings: true, argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      // Index signatures are read with brackets, so that a misspelt property stays an error.
      '@typescript-eslint/dot-notation': 'off',
      // An empty setting in the environment means the same as a missing one.
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { string: true } },
      ],
    },
  },
  {
    files: ['test/**', 'examples/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**', 'examples/**', 'src/testing/**'],
    // fast-check and fixtures pass whatever a caller might.
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
