#!/usr/bin/env node
import { processContext } from './command/context.ts'
import { run } from './command/run.ts'

process.exitCode = await run(process.argv.slice(2), processContext())
