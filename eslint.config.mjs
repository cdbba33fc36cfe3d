import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Functions whose results differ between engines, since ECMAScript leaves their precision open. */
const inexact = [
  ...['acos', 'acosh', 'asin', 'asinh', 'atan', 'atan2', 'atanh', 'cbrt', 'cos', 'cosh', 'exp', 'expm1', 'hypot'],
  ...['log', 'log10', 'log1p', 'log2', 'pow', 'sin', 'sinh', 'tan', 'tanh'],
]
const restricted = (object, properties, message) => properties.map((property) => ({ object, property, message }))
const noExit = restricted('process', ['exit'], 'Throw a CompileError; only the command line ends the process.')
const pure = [
  'compiler/core/**',
  'compiler/features/**',
  'compiler/onnx/**',
  'compiler/passes/**',
  'compiler/schedule/**',
  'compiler/wasm/**',
  'compiler/train/**',
  'compiler/compress/**',
  'compiler/package/**',
]

export default defineConfig(
  // assembly/ is AssemblyScript: another language in the same clothes.
  globalIgnores(['dist/', '**/out/', 'assembly/', '**/*.generated.ts']),
  tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'prefer-const': 'error',
      // `const { x: _, ...rest } = value` is how to leave a member out.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
    },
  },
  {
    files: ['**/*.ts'],
    // Deno has a configuration of its own, which TypeScript does not read.
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['examples/deno/*.ts'] } } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
    },
  },
  {
    files: ['compiler/**', 'runtime/**'],
    ignores: ['compiler/cli/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': ['error', ...noExit],
    },
  },
  {
    files: pure,
    rules: {
      'no-restricted-properties': [
        'error',
        ...noExit,
        ...restricted('Math', inexact, 'Engines differ in it; use compiler/core/math/index.ts.'),
        ...restricted('Math', ['random'], 'The same input must give the same bytes; take a seed.'),
      ],
      'no-restricted-globals': [
        'error',
        { name: 'Date', message: 'Compiling never reads a clock.' },
        { name: 'performance', message: 'Compiling never reads a clock.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          // The same as Math.pow; powers of two are exact everywhere.
          selector: "BinaryExpression[operator='**']:not([left.raw=/^2n?$/])",
          message: 'Engines differ in it; use compiler/core/math/index.ts.',
        },
      ],
    },
  },
)
