import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Node's own arguments to run a TypeScript program of this folder from source. */
export function programArguments(name: string): readonly string[] {
  return ['--conditions=@outpost/source', '--import', 'tsx', fileURLToPath(new URL(name, import.meta.url))]
}

export interface Ended {
  readonly output: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Runs a command to its end; `onOutput` sees the output so far and may stop it through `kill`. */
export function runProgram(
  command: string,
  args: readonly string[],
  onOutput: (output: string, kill: () => void) => void = () => {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString()
      onOutput(output, () => child.kill('SIGKILL'))
    })
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ output, code, signal }))
  })
}
