import type { ColumnType } from '../../postgres/catalog.ts'
import { arrayText } from './array.ts'
import { booleanText } from './boolean.ts'
import { byteaText } from './bytea.ts'
import { bitText, bpcharText, nameText, plainText, varcharText } from './character.ts'
import { checkText } from './check-text.ts'
import { compositeText } from './composite.ts'
import { dateText } from './date.ts'
import { enumText } from './enum.ts'
import { floatText } from './float.ts'
import { integerText } from './integer.ts'
import { intervalText } from './interval.ts'
import { jsonbText, jsonText } from './json.ts'
import { multirangeText } from './multirange.ts'
import { inetText, macaddrText } from './network.ts'
import { numericText } from './numeric.ts'
import { rangeText } from './range.ts'
import { timeText } from './time.ts'
import { timestampText } from './timestamp.ts'
import { uuidText } from './uuid.ts'
import { refuse } from './value-problem.ts'

type Encode = (value: unknown, type: ColumnType) => string

const baseTypes: ReadonlyMap<string, Encode> = new Map<string, Encode>([
  ['int2', integerText],
  ['int4', integerText],
  ['int8', integerText],
  ['oid', integerText],
  ['float4', floatText],
  ['float8', floatText],
  ['numeric', numericText],
  ['bool', booleanText],
  ['text', plainText],
  ['varchar', varcharText],
  ['bpchar', bpcharText],
  ['name', nameText],
  ['bit', bitText],
  ['varbit', bitText],
  ['uuid', uuidText],
  ['date', dateText],
  ['timestamp', timestampText],
  ['timestamptz', timestampText],
  ['time', timeText],
  ['timetz', timeText],
  ['interval', intervalText],
  ['bytea', byteaText],
  ['json', jsonText],
  ['jsonb', jsonbText],
  ['inet', inetText],
  ['cidr', inetText],
  ['macaddr', macaddrText],
  ['macaddr8', macaddrText],
])

/**
 * A value other than null in its type's canonical text. Throws a `ValueProblem`. Types without a rule of their own
 * (xml, tsvector, geometry, extensions) are passed through as text; main validates them.
 */
export function encodeValue(value: unknown, type: ColumnType): string {
  switch (type.kind) {
    case 'base':
      return (baseTypes.get(type.base) ?? passThrough)(value, type)
    case 'enum':
      return enumText(value, type)
    case 'array':
      return arrayText(value, type, encodeValue)
    case 'composite':
      return compositeText(value, type, encodeValue)
    case 'range':
      return rangeText(value, type, encodeValue)
    case 'multirange':
      return multirangeText(value, type, encodeValue)
  }
}

function passThrough(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  return typeof value === 'string'
    ? checkText(value)
    : refuse(value, 'cannot be written as this type: send its text')
}
