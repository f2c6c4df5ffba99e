/** What a site answers about a decision on a dead letter. */
export interface DecisionDocument {
  readonly decision: 'replay' | 'edit' | 'resolve' | 'discard'
  readonly on: string
  readonly decided: number
  readonly waiting: number
  readonly transaction_id: string | null
  readonly transaction_state: string | null
  readonly dry_run: boolean
}

const done = { replay: 'replayed', edit: 'edited', resolve: 'resolved', discard: 'discarded' } as const

export function renderDecision(answer: DecisionDocument): string {
  const { decision, on, decided, waiting, transaction_id: id, transaction_state: state } = answer
  const others =
    decided > 1 ? ` with ${count(decided - 1)} that ${decided === 2 ? 'waits' : 'wait'} for it` : ''
  const what = answer.dry_run ? 'would be' : 'is'
  const follows =
    waiting === 0
      ? ''
      : `${count(waiting)} ${waiting === 1 ? 'waits' : 'wait'} for ${id === null ? 'the decision' : id}.\n`
  const where = id === null ? '' : `Transaction ${id} (${state ?? 'buffered'}) says so to main.\n`
  return `${on} ${what} ${done[decision]}${others}.\n${where}${follows}`
}

function count(transactions: number): string {
  return transactions === 1 ? '1 transaction' : `${transactions} transactions`
}
