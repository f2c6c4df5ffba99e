import { type TransactionState, transactionStates, transitions } from './state.ts'

/** The transition table as a mermaid state diagram: the docs show the code's own table, not a drawing of it. */
export function stateDiagram(): string {
  const lines = ['stateDiagram-v2', '  [*] --> buffered']
  for (const from of transactionStates) lines.push(...arrowsFrom(from))
  return `${lines.join('\n')}\n`
}

function arrowsFrom(from: TransactionState): readonly string[] {
  const targets = transitions[from]
  return targets.length === 0 ? [`  ${from} --> [*]`] : targets.map((to) => `  ${from} --> ${to}`)
}
