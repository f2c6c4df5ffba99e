// `npm test`: every test on real servers; ends with the line `N passed, N failed`.
// Arguments are handed to vitest: `npm test -- packages/lab`.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'outpost-test-'))
const report = join(folder, 'report.json')
const child = spawn(
  'npx',
  [
    '--no-install',
    'vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { stdio: ['ignore', 'inherit', 'inherit'] },
)
const code = await new Promise((resolve) => child.on('close', resolve))

let summary = {
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numFailedTestSuites: 0,
  testResults: [],
}
try {
  summary = JSON.parse(readFileSync(report, 'utf8'))
} catch (error) {
  process.stdout.write(`No test report was written: ${error.message}\n`)
}
rmSync(folder, { recursive: true, force: true })
// A file that fails to load has no test of its own: it counts as one failure.
const brokenFiles = summary.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
)
for (const file of brokenFiles) process.stdout.write(`failed to run: ${file.name}\n`)
const failed = summary.numFailedTests + brokenFiles.length
const skipped = summary.numPendingTests > 0 ? `, ${summary.numPendingTests} skipped` : ''
process.stdout.write(`${summary.numPassedTests} passed, ${failed} failed${skipped}\n`)
process.exit(code === 0 && failed === 0 && summary.numPassedTests > 0 ? 0 : 1)
