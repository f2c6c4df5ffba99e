export type { CommandContext } from './command/context.ts'
export { buildProgram, eachCommand } from './command/program.ts'
export { run } from './command/run.ts'
