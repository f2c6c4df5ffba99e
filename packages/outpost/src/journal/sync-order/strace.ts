import { execFileSync } from 'node:child_process'

const isInstalled = (() => {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** Whether a test that needs strace may be left out: never in CI, where it must be installed. */
export const mustSkip = !isInstalled && process.env.CI !== 'true'

if (mustSkip) {
  process.stderr.write('SKIPPED: syncs and disk errors are not checked, because strace is not installed.\n')
}
