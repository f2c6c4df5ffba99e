import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
let building: Promise<unknown> | undefined

/** Builds the packages once per run. Error: with the compiler's words, when they do not compile. */
export async function build(): Promise<void> {
  building ??= promisify(execFile)('npx', ['--no-install', 'tsc', '-b'], { cwd: root }).catch(
    (error: { stdout?: string }) => {
      throw new Error(`The packages do not compile:\n${error.stdout}`)
    },
  )
  await building
}
