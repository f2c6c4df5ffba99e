import { spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RuleTest } from './rule.ts'

export interface TestRun {
  readonly passed: readonly string[]
  readonly failed: readonly { readonly name: string; readonly messages: string }[]
}

interface JsonReport {
  readonly testResults: readonly {
    readonly message?: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

const deadlineMs = 180_000
/** The version whose binaries come with the workspace. */
const major = 18

/** Matches the full name of the test, on one version of PostgreSQL where it needs one. */
export function namePattern({ file, title, filled }: RuleTest): RegExp {
  const server = /\.(pg|cluster|process)\.test\.ts$/.test(file) ? `PostgreSQL ${major}.*` : ''
  const escaped = `${title}${filled ?? ''}`.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`${server}${escaped}${filled === undefined ? '' : '$'}`)
}

/** Runs the named tests of one file in a tree, which must have vitest installed. */
export async function runTests(root: string, file: string, patterns: readonly RegExp[]): Promise<TestRun> {
  const report = join(root, 'report.json')
  await rm(report, { force: true })
  const pattern = patterns.map(({ source }) => `(?:${source})`).join('|')
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const options = ['--reporter=json', `--outputFile.json=${report}`, '--testTimeout=45000']
  const output = await ended(root, [vitest, 'run', file, '-t', pattern, ...options])
  const text = await readFile(report, 'utf8').catch(() => {
    throw new Error(`No report of ${file}:\n${output.slice(-2_000)}`)
  })
  return readReport(JSON.parse(text) as JsonReport)
}

function readReport({ testResults }: JsonReport): TestRun {
  const tests = testResults.flatMap((result) => result.assertionResults)
  const broken = testResults.filter((result) => result.assertionResults.length === 0)
  return {
    passed: tests.filter(({ status }) => status === 'passed').map(({ fullName }) => fullName),
    failed: [
      ...tests
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => ({ name: fullName, messages: failureMessages.join('\n') })),
      ...broken.map(({ message }) => ({ name: 'the file', messages: `SyntaxError: ${message ?? ''}` })),
    ],
  }
}

async function ended(cwd: string, args: readonly string[]): Promise<string> {
  let output = ''
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  child.stderr.on('data', (chunk) => (output += String(chunk)))
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), deadlineMs)
  await new Promise((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  return output
}
