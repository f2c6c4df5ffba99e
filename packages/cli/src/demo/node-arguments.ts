import { createRequire } from 'node:module'
import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'

const preloads = ['--import', '--require', '-r'] as const

/**
 * The options of this Node for a child that works in another folder: Node looks a preloaded package (`--import tsx`)
 * up from the working directory, so its place is written out.
 */
export function portableNodeArguments(
  execArgv: readonly string[],
  resolve: (name: string) => string = createRequire(import.meta.url).resolve,
): readonly string[] {
  return execArgv.map((argument, index) => {
    const isValue = preloads.some((option) => option === execArgv[index - 1])
    if (isValue) return place(argument, resolve)
    const option = preloads.find((preload) => argument.startsWith(`${preload}=`))
    return option === undefined ? argument : `${option}=${place(argument.slice(option.length + 1), resolve)}`
  })
}

/** A package's name becomes its file; paths and URLs are left as they are. */
function place(name: string, resolve: (name: string) => string): string {
  const isPackage = !isAbsolute(name) && !name.startsWith('.') && !URL.canParse(name)
  return isPackage ? pathToFileURL(resolve(name)).href : name
}
