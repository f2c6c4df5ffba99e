import { OutpostError } from '../../errors/outpost-error.ts'
import type { Reply } from './replies.ts'

/** What a redis-server says of itself. */
export interface ServerFacts {
  readonly version: string
  /** Random identity of this run of the server. */
  readonly run: string
  readonly role: string
  /** Of those settings that durability rests on; undefined where CONFIG is forbidden. */
  readonly config: ReadonlyMap<string, string> | undefined
}

export type Durability = 'full' | 'relaxed'

interface Flaw {
  readonly message: string
  readonly hint: string
}

const settings = ['appendonly', 'appendfsync', 'no-appendfsync-on-rewrite', 'maxmemory-policy'] as const

type Command = (args: readonly string[]) => Promise<Reply>

/** Asks the server. CONFIG may be forbidden: then nothing is known of it. */
export async function readServerFacts(command: Command): Promise<ServerFacts> {
  const info = String(await command(['INFO', 'server', 'replication']))
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const config = await command(['CONFIG', 'GET', ...settings]).catch((error: unknown) => {
    if (/NOPERM|unknown command/i.test(String(error))) return undefined
    throw error
  })
  return {
    version: field('redis_version'),
    run: field('run_id'),
    role: field('role'),
    config: config === undefined ? undefined : configMap(config),
  }
}

/** RESP3 answers a map, which the client gives as an object; RESP2 a flat list. */
function configMap(reply: unknown): ReadonlyMap<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply as Record<string, string>))
  return new Map(
    reply.flatMap((name, index) => (index % 2 === 0 ? [[String(name), String(reply[index + 1])]] : [])),
  )
}

/**
 * What may be promised of a write that this server acknowledges. Pure. Error: `config_invalid` naming everything that
 * is wrong and the line of redis.conf that mends it.
 */
export function judgeServer(facts: ServerFacts, allowed: Durability): Durability {
  const flaws = [...findFlaws(facts, allowed)]
  if (flaws.length > 0) {
    throw new OutpostError(
      'config_invalid',
      `This Redis cannot keep a journal: ${flaws.map(({ message }) => message).join('; ')}.`,
      {
        hint: flaws.map(({ hint }) => hint).join(' '),
      },
    )
  }
  return facts.config?.get('appendfsync') === 'always' ? 'full' : 'relaxed'
}

function* findFlaws({ version, role, config }: ServerFacts, allowed: Durability): Iterable<Flaw> {
  if (Number.parseInt(version, 10) < 7) {
    yield { message: `it is version ${version}`, hint: 'Use Redis 7.0 or later.' }
  }
  if (role !== 'master') {
    yield {
      message: 'it is a replica of another Redis',
      hint: 'Name the primary in REDIS_HOST and REDIS_PORT.',
    }
  }
  if (config === undefined) {
    yield {
      message: 'CONFIG GET is forbidden, so that its durability cannot be seen',
      hint: 'Let the user of the site run it: `ACL SETUSER <user> +config|get`.',
    }
    return
  }
  if (config.get('appendonly') !== 'yes') yield line('appendonly', config, 'yes')
  const isSynced = config.get('appendfsync') === 'always'
  if (!isSynced && (allowed === 'full' || config.get('appendfsync') !== 'everysec')) {
    yield line('appendfsync', config, 'always', allowed === 'full' ? relaxing : undefined)
  }
  if (config.get('no-appendfsync-on-rewrite') !== 'no') yield line('no-appendfsync-on-rewrite', config, 'no')
  if (config.get('maxmemory-policy') !== 'noeviction') yield line('maxmemory-policy', config, 'noeviction')
}

const relaxing =
  'Or set JOURNAL_DURABILITY=relaxed with `appendfsync everysec`: then the last seconds before a crash may be lost, and every answer says so.'

function line(name: string, config: ReadonlyMap<string, string>, wanted: string, more?: string): Flaw {
  const hint = `Put \`${name} ${wanted}\` into redis.conf and restart Redis.`
  return {
    message: `${name} is ${config.get(name) ?? 'unknown'}`,
    hint: more === undefined ? hint : `${hint} ${more}`,
  }
}
