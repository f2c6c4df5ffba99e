import { createHmac, timingSafeEqual } from 'node:crypto'
import { OutpostError } from '../errors/outpost-error.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import type { Position } from './position.ts'
import { timelineFrom } from './timeline.ts'
import { mergeTokens, type SeenRecord, type Token } from './token.ts'

/** Limits of a token: entries of each sort, and characters of its text (it travels in a header). */
export const tokenLimits = { positions: 8, seen: 16, siteNameLength: 63, textLength: 6_000 } as const

const version = 1
const macBytes = 32
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const systemIdentifier = /^[0-9]{1,20}$/

type PositionFields = readonly [
  lineage: string,
  system: string,
  timeline: number,
  lsn: string,
  volatile: 0 | 1,
]
type SeenFields = readonly [site: string, epoch: string, seq: number]

/**
 * Writes and reads the text of tokens: base64url over a version byte, the canonical content and an HMAC-SHA256 of
 * both. Signing keeps clients from making up positions that no node will ever reach. The content is not secret.
 *
 * @example
 * const codec = new TokenCodec(process.env.SECRET_KEY)
 * const text = codec.encode(mergeTokens(codec.decode(request.headers['outpost-token']), own))
 */
export class TokenCodec {
  readonly #key: Buffer

  /** Errors: `config_invalid` when the key has fewer than 16 characters. */
  constructor(secretKey: string) {
    if (secretKey.length < 16) {
      throw new OutpostError(
        'config_invalid',
        `SECRET_KEY has ${secretKey.length} characters, it needs at least 16.`,
      )
    }
    // A key of its own, so that a signature made for another purpose with the same secret is worth nothing here.
    this.#key = createHmac('sha256', secretKey).update('outpost-token').digest()
  }

  /** Equal content gives equal text. Errors: `token_invalid` when it is over {@link tokenLimits}. */
  encode(token: Token): string {
    const { positions, seen } = mergeTokens(token)
    if (positions.length > tokenLimits.positions || seen.length > tokenLimits.seen) {
      throw invalid(`it would hold ${positions.length} positions and ${seen.length} journal records`)
    }
    const content = JSON.stringify([positions.map(toPositionFields), seen.map(toSeenFields)])
    const signed = Buffer.concat([Buffer.from([version]), Buffer.from(content, 'utf8')])
    const text = Buffer.concat([signed, this.#sign(signed)]).toString('base64url')
    if (text.length > tokenLimits.textLength) throw invalid(`it would be ${text.length} characters long`)
    return text
  }

  /** Errors: `token_invalid` for anything that {@link encode} with the same key did not make. */
  decode(text: string): Token {
    if (text.length > tokenLimits.textLength) throw invalid(`it is ${text.length} characters long`)
    const bytes = Buffer.from(text, 'base64url')
    // Node skips characters that are not base64url; only the one text that stands for these bytes is accepted.
    if (bytes.length <= macBytes || bytes.toString('base64url') !== text) throw invalid('it is not base64url')
    const signed = bytes.subarray(0, -macBytes)
    if (!timingSafeEqual(this.#sign(signed), bytes.subarray(-macBytes)))
      throw invalid('its signature does not match')
    if (signed[0] !== version) throw invalid(`its version ${signed[0]} is not known here`)
    return parseContent(signed.subarray(1).toString('utf8'))
  }

  #sign(bytes: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(bytes).digest()
  }
}

function toPositionFields(position: Position): PositionFields {
  const { lineage, systemIdentifier: system, timeline, lsn, isVolatile } = position
  const fields = [lineage, system, timeline, formatLsn(lsn), isVolatile ? 1 : 0] as const
  if (!isPositionFields(fields))
    throw invalid(`a position has the lineage ${lineage} and the system ${system}`)
  return fields
}

function toSeenFields(record: SeenRecord): SeenFields {
  const fields = [record.site, record.epoch, record.seq] as const
  if (!isSeenFields(fields))
    throw invalid(`a record has the epoch ${record.epoch} and the number ${record.seq}`)
  return fields
}

/** The signature vouches for who wrote it; the shape is checked all the same, because it is the edge. */
function parseContent(json: string): Token {
  try {
    const content: unknown = JSON.parse(json)
    if (Array.isArray(content) && content.length === 2) {
      const [positions, seen] = content as readonly unknown[]
      if (
        Array.isArray(positions) &&
        positions.every(isPositionFields) &&
        Array.isArray(seen) &&
        seen.every(isSeenFields)
      ) {
        return { positions: positions.map(fromPositionFields), seen: seen.map(fromSeenFields) }
      }
    }
  } catch (cause) {
    throw invalid('its content cannot be read', cause)
  }
  throw invalid('its content has another shape')
}

function isPositionFields(fields: unknown): fields is PositionFields {
  if (!Array.isArray(fields) || fields.length !== 5) return false
  const [lineage, system, timeline, lsn, isVolatile] = fields as readonly unknown[]
  return (
    isMatch(lineage, uuid) &&
    isMatch(system, systemIdentifier) &&
    typeof timeline === 'number' &&
    typeof lsn === 'string' &&
    (isVolatile === 0 || isVolatile === 1)
  )
}

function isSeenFields(fields: unknown): fields is SeenFields {
  if (!Array.isArray(fields) || fields.length !== 3) return false
  const [site, epoch, seq] = fields as readonly unknown[]
  return (
    typeof site === 'string' &&
    site.length > 0 &&
    site.length <= tokenLimits.siteNameLength &&
    isMatch(epoch, uuid) &&
    Number.isSafeInteger(seq) &&
    (seq as number) >= 0
  )
}

function isMatch(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value)
}

function fromPositionFields([lineage, system, timeline, lsn, isVolatile]: PositionFields): Position {
  return {
    systemIdentifier: system,
    timeline: timelineFrom(timeline),
    lsn: parseLsn(lsn),
    lineage,
    isVolatile: isVolatile === 1,
  }
}

function fromSeenFields([site, epoch, seq]: SeenFields): SeenRecord {
  return { site, epoch, seq }
}

function invalid(why: string, cause?: unknown): OutpostError {
  return new OutpostError(
    'token_invalid',
    `The token cannot be used: ${why}.`,
    cause === undefined ? {} : { cause },
  )
}
