import { readFileSync } from 'node:fs'
import { type Rebuilt, verdictOn } from './verdict.ts'

/**
 * Opens rebuilt journals: `check-program.ts <file>`, the file holding `[{folder, told}]` as JSON. Prints one verdict
 * per line. A process of its own, because LMDB ends its process on a page that makes no sense.
 */
for (const rebuilt of JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Rebuilt[]) {
  process.stdout.write(`${await verdictOn(rebuilt)}\n`)
}
