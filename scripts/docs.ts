import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { referencePages } from './reference-pages.ts'

for (const [path, content] of referencePages()) {
  const file = join(import.meta.dirname, '..', 'docs', path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
  process.stdout.write(`docs/${path}\n`)
}
