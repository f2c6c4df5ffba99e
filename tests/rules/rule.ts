/** A test, named by the file that vitest runs and by what stands in its title. */
export interface RuleTest {
  readonly file: string
  /** Found in the title of the test, and unique enough to run it alone. */
  readonly title: string
  /** What `it.each` puts at the end of the title, when one case is meant. */
  readonly filled?: string
  /** Where the title stands, when the file runs a suite that is kept elsewhere. */
  readonly suite?: string
}

/** One place that keeps a rule, how to take it out, and the test that must fail then. */
export interface Guard {
  /** What this place ensures, as half a sentence. */
  readonly ensures: string
  /** From the root of the repository. */
  readonly file: string
  /** Exact text that occurs once in the file. */
  readonly find: string
  /** What stands there when the rule is taken out. */
  readonly replace: string
  readonly test: RuleTest
}

/** One rule of the protocol between journal, main, replica and reader. */
export interface Rule {
  readonly number: string
  readonly title: string
  /** The failure that there would be without it. */
  readonly prevents: string
  readonly guards: readonly Guard[]
}
