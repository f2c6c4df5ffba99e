import type { Random } from '../../overlay/property/random.spec-suite.ts'

/** One write of the model: a node, a new value of a node, or a link between two nodes. */
export type Step =
  | { readonly kind: 'node'; readonly id: number; readonly parent: number | null }
  | { readonly kind: 'value'; readonly id: number; readonly value: number }
  | { readonly kind: 'link'; readonly id: number; readonly from: number; readonly to: number }

export interface Planned {
  readonly number: number
  readonly steps: readonly Step[]
  /** Main has the name of its first node under another id. */
  readonly isPoisoned: boolean
  /** What becomes of it while nothing is mended. */
  readonly fate: 'applied' | 'rejected' | 'parked'
  /** Numbers of the rejected transactions that it waits for. */
  readonly waitsFor: ReadonlySet<number>
}

/**
 * Random transactions on a growing graph of rows, and what must become of each, told without any dependency index: a
 * row that a refused transaction wrote is tainted, and whoever touches a tainted row waits and taints what it writes.
 */
export class ConeModel {
  readonly plan: Planned[] = []
  /** All rows as if nothing had failed. */
  readonly nodes = new Map<number, { readonly name: string; value: number; readonly parent: number | null }>()
  readonly links = new Map<number, { readonly from: number; readonly to: number }>()
  readonly #random: Random
  readonly #first: number
  readonly #taint = new Map<number, ReadonlySet<number>>()
  #next: number

  /** Ids and names begin at `first`, so that worlds on one main do not meet. */
  constructor(random: Random, first: number) {
    this.#random = random
    this.#first = first
    this.#next = first
  }

  nameOf(id: number): string {
    return `node ${id}`
  }

  /** The next transaction; `poison` is how likely a new node of it is refused. */
  next(poison: number): Planned {
    const count = 1 + this.#random.below(3)
    const own = new Set<number>()
    const steps = Array.from({ length: count }, () => this.#step(own))
    const isPoisoned = steps.some(({ kind }) => kind === 'node') && this.#random.chance(poison)
    const number = this.plan.length
    const waitsFor = new Set(steps.flatMap((step) => [...this.#sources(step)]))
    const fate = waitsFor.size > 0 ? 'parked' : isPoisoned ? 'rejected' : 'applied'
    if (fate !== 'applied') {
      const sources = fate === 'rejected' ? new Set([number]) : waitsFor
      for (const step of steps)
        if (step.kind !== 'link')
          this.#taint.set(step.id, new Set([...sources, ...(this.#taint.get(step.id) ?? [])]))
    }
    const planned: Planned = { number, steps, isPoisoned, fate, waitsFor }
    this.plan.push(planned)
    return planned
  }

  /** Everything is mended: nothing is tainted any more. */
  mend(): void {
    this.#taint.clear()
  }

  #step(own: Set<number>): Step {
    const known = [...this.nodes.keys()]
    const any = (): number => known[this.#random.below(known.length)]!
    const kind = known.length === 0 ? 0 : this.#random.below(4)
    if (kind <= 1) {
      const id = this.#next++
      const parent = known.length === 0 || this.#random.chance(0.3) ? null : any()
      own.add(id)
      this.nodes.set(id, { name: this.nameOf(id), value: 0, parent })
      return { kind: 'node', id, parent }
    }
    if (kind === 2) {
      const id = any()
      const value = this.#random.below(1_000_000)
      this.nodes.get(id)!.value = value
      return { kind: 'value', id, value }
    }
    const link = { id: this.#next++, from: any(), to: any() }
    this.links.set(link.id, { from: link.from, to: link.to })
    return { kind: 'link', ...link }
  }

  #sources(step: Step): ReadonlySet<number> {
    const touched =
      step.kind === 'link'
        ? [step.from, step.to]
        : step.kind === 'node'
          ? [step.id, step.parent ?? -1]
          : [step.id]
    return new Set(touched.flatMap((id) => [...(this.#taint.get(id) ?? [])]))
  }

  get range(): readonly [number, number] {
    return [this.#first, this.#next - 1]
  }
}
