import tseslint from 'typescript-eslint'

/** A package imports only packages listed above it: outpost, lab, ops-db-api, cli. */
const layers = [
  { package: 'outpost', forbidden: ['@outpost/*'] },
  { package: 'lab', forbidden: ['@outpost/ops-db-api', '@outpost/cli'] },
  { package: 'ops-db-api', forbidden: ['@outpost/cli', '@outpost/lab'] },
]

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/*.js', '**/*.mjs'] },
  {
    files: ['**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
  ...layers.map(({ package: name, forbidden }) => ({
    files: [`packages/${name}/src/**/*.ts`],
    ignores: ['**/*.test.ts', '**/*.spec-suite.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: forbidden }] },
  })),
)
