import { randomInt } from 'node:crypto'
import type { CommandContext } from '../command/context.ts'
import { renderInstructions } from './instructions.ts'
import { listenToKeys } from './keyboard.ts'
import { type KeyAction, keyAction } from './keys.ts'
import { renderLiveLine } from './live-line.ts'
import { LiveScreen } from './live-screen.ts'
import { fetchLiveSite } from './live-view.ts'
import { NightReplay } from './night-replay.ts'
import { untilOrphaned } from './orphaned.ts'
import { renderReadyLine } from './ready-line.ts'
import { type RunningStack, startStack } from './stack.ts'

export interface DemoRunOptions {
  readonly json?: boolean
  readonly night: boolean
  readonly dir?: string
  readonly port?: number
}

/** Starts the demo, shows it, and returns when it was asked to stop and nothing of it is left. */
export async function runDemo(options: DemoRunOptions, context: CommandContext): Promise<void> {
  const quit = new AbortController()
  const signal = AbortSignal.any([context.stopSignal(), quit.signal, untilOrphaned(context.env)])
  const stack = await startUnlessStopped(options, context, signal)
  if (!stack) return
  const notes = new Notes(context)
  const night = options.night ? nightOf(stack, (text) => notes.add(text)) : undefined
  try {
    // Counted from the start of this process: loading the program is part of the wait.
    const readyAfterMs = performance.now()
    if (options.json) context.stdout(renderReadyLine(stack.demo))
    else context.stdout(renderInstructions(await instructionFacts(stack, readyAfterMs, options)))
    night?.start()
    if (options.json) await aborted(signal)
    else await watch(stack, night, { context, notes, signal, quit: () => quit.abort() })
  } finally {
    context.stderr('stopping ...\n')
    await night?.stop()
    await stack.stop()
  }
}

/** A Ctrl-C during the start is no failure: everything is undone and the command ends. */
async function startUnlessStopped(
  options: DemoRunOptions,
  context: CommandContext,
  signal: AbortSignal,
): Promise<RunningStack | undefined> {
  try {
    return await startStack({
      dir: options.dir,
      basePort: options.port,
      env: context.env,
      signal,
      onProgress: (text) => context.stderr(`${text} ...\n`),
    })
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}

async function instructionFacts(stack: RunningStack, readyAfterMs: number, options: DemoRunOptions) {
  return {
    demo: stack.demo,
    folder: stack.folder,
    keepsData: options.dir !== undefined,
    server: stack.server,
    readyAfterMs,
    obsUnitId: 1,
    hasKeys: process.stdin.isTTY === true,
  }
}

function nightOf({ demo }: RunningStack, onEnd: (text: string) => void): NightReplay {
  return new NightReplay({ site: demo.observatory, seed: randomInt(2 ** 31), onEnd })
}

/** Lines for the watcher: above the live line while there is one, plain otherwise. */
class Notes {
  show: (text: string) => void

  constructor(context: CommandContext) {
    this.show = (text) => context.stderr(`${text}\n`)
  }

  add(text: string): void {
    this.show(text)
  }
}

/** Draws until the demo is to stop. */
async function watch(
  stack: RunningStack,
  night: NightReplay | undefined,
  view: {
    readonly context: CommandContext
    readonly notes: Notes
    readonly signal: AbortSignal
    readonly quit: () => void
  },
): Promise<void> {
  const { context, notes, signal } = view
  const screen = new LiveScreen({
    write: context.stderr,
    isTerminal: context.isTerminal,
    width: () => process.stderr.columns ?? 120,
    render: async (width) =>
      renderLiveLine(
        {
          link: stack.link.conditions,
          night: night?.progress,
          site: await fetchLiveSite(stack.demo.observatory),
        },
        width,
      ),
  })
  const onKey = (key: string) => {
    const action = keyAction(key, stack.link.conditions.roundTripMs)
    if (action) act(action, stack, view.quit)
  }
  const giveBack = process.stdin.isTTY === true ? listenToKeys(process.stdin, onKey) : () => undefined
  notes.show = (text) => screen.note(text)
  screen.start()
  await aborted(signal)
  giveBack()
  await screen.stop()
}

function act(action: KeyAction, { link }: RunningStack, quit: () => void): void {
  switch (action.kind) {
    case 'cut':
      link.cut()
      break
    case 'restore':
      link.restore()
      break
    case 'half_open':
      link.halfOpen()
      break
    case 'delay':
      link.delay(action.roundTripMs)
      break
    case 'quit':
      quit()
      break
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
