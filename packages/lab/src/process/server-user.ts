import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { LabError } from '../errors/lab-error.ts'

/** Whom a server runs as: empty for "as we are", a user and group id when we are root. */
export interface ServerUser {
  readonly uid?: number
  readonly gid?: number
}

/**
 * PostgreSQL and pgbouncer refuse to run as root, so root lends them the user `postgres`, or `nobody` where there
 * is none. Everybody else runs them as oneself, and then `initdb` needs a passwd entry to take a name from.
 */
export async function serverUser(): Promise<ServerUser> {
  if (process.getuid?.() !== 0) {
    assertHasPasswdEntry()
    return {}
  }
  const passwd = await readFile('/etc/passwd', 'utf8')
  const found = userNamed(passwd, 'postgres') ?? userNamed(passwd, 'nobody')
  if (found === undefined) {
    throw new LabError(
      'lab_user',
      'Running as root, and neither a user "postgres" nor "nobody" exists to run the servers as.',
    )
  }
  return found
}

/** The ids of a user in the text of a passwd file. */
export function userNamed(passwd: string, name: string): Required<ServerUser> | undefined {
  for (const line of passwd.split('\n')) {
    const [user, , uid, gid] = line.split(':')
    if (user === name && uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

function assertHasPasswdEntry(): void {
  try {
    userInfo()
  } catch (cause) {
    throw new LabError(
      'lab_user',
      `The user id ${process.getuid?.()} has no passwd entry, and PostgreSQL's initdb refuses to run without one.`,
      {
        cause,
        hint: 'Start the container with a user of its /etc/passwd, or add a line for this user id there.',
      },
    )
  }
}
