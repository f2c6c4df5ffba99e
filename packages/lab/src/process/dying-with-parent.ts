import { existsSync } from 'node:fs'

/**
 * The command that runs a server so that it gets SIGINT when this process is killed, wherever `setpriv` (of
 * util-linux) exists; elsewhere the command itself, and the next start cleans up.
 */
export function dyingWithParent(command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path))
  return setpriv === undefined ? command : [setpriv, '--pdeathsig', 'INT', '--', ...command]
}
