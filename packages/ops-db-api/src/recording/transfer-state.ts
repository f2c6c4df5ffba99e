/** States of a transfer. A failed one can be tried again; a completed one never changes. */
export const transferStates = ['pending', 'running', 'completed', 'failed'] as const

export type TransferState = (typeof transferStates)[number]

/** The complete transition table: state → the states it may change to. */
export const transferTransitions: Readonly<Record<TransferState, readonly TransferState[]>> = {
  pending: ['running', 'completed', 'failed'],
  running: ['completed', 'failed'],
  completed: [],
  failed: ['pending', 'running'],
}

/** State of a package. */
export const packageStates = ['waiting', 'transferring', 'archived', 'failed'] as const

export type PackageState = (typeof packageStates)[number]

/** What a change of its transfer makes of the package, complete. */
export const packageStateAfter: Readonly<Record<TransferState, PackageState>> = {
  pending: 'waiting',
  running: 'transferring',
  completed: 'archived',
  failed: 'failed',
}

export function canChangeTransfer(from: TransferState, to: TransferState): boolean {
  return transferTransitions[from].includes(to)
}

export function isTransferState(value: unknown): value is TransferState {
  return transferStates.some((state) => state === value)
}

/** True for a state that nothing leads out of. */
export function isTransferEnd(value: unknown): boolean {
  return isTransferState(value) && transferTransitions[value].length === 0
}
