/**
 * Major version of the ledger on main, with what a site asks of it. A site works with every ledger of its own major
 * version, older or newer; with another one it applies nothing and goes on recording.
 */
export const ledgerMajor = 1
