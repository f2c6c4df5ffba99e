import type { Row } from './row.ts'

const columns: readonly { readonly title: string; readonly isNumber?: true; of(row: Row): string }[] = [
  { title: 'measure', of: (row) => row.measure },
  { title: 'value', isNumber: true, of: (row) => String(row.value) },
  { title: 'baseline', of: (row) => row.baseline },
  { title: 'its value', isNumber: true, of: (row) => String(row.baseline_value) },
  { title: 'ratio', isNumber: true, of: (row) => String(row.ratio) },
  { title: 'goal', of: (row) => row.goal },
  { title: '', of: (row) => (row.holds ? '' : 'MISSED') },
]

/** Pure: rows as a table of aligned columns, one line each. */
export function renderTable(rows: readonly Row[]): string {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ of }) => of(row)))]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)))
  return lines
    .map((line) => {
      const cells = line.map((cell, index) =>
        columns[index]!.isNumber ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!),
      )
      return cells.join('  ').trimEnd()
    })
    .join('\n')
}
