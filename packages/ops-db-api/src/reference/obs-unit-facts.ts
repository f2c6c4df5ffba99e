import { sourceFacts } from './source-facts.ts'

/** A planned unit of observing, as it is repeated night after night. */
export interface ObsUnitFact {
  readonly name: string
  readonly program: 'GEco' | 'Cal' | 'ENG'
  readonly source: string
  readonly instrument: 'Prime-Cam' | 'CHAI'
  readonly kind: 'science' | 'pointing' | 'focus' | 'skydip' | 'planet'
  readonly scan: 'constant_el' | 'pong' | 'daisy'
  readonly duration_s: number
}

const planets = ['Mars', 'Jupiter', 'Saturn', 'Uranus', 'Neptune']
const pointingSources = ['3C 273', '3C 279', 'IRC+10216', 'CRL 618']
const cameraFields = [
  'NGC 253',
  'E-CDFS',
  'COSMOS',
  '30 Doradus',
  'Centaurus A',
  'Chamaeleon I',
  'Rho Ophiuchi A',
]

const calibration: readonly ObsUnitFact[] = [
  ...pointingSources.map((source) => unit('pointing', source, 'daisy', 180)),
  ...planets.map((source) => unit('planet', source, 'daisy', 600)),
  unit('focus', 'Crab Nebula', 'daisy', 300),
  unit('focus', '3C 279', 'daisy', 300),
  unit('skydip', 'Skydip 20-90', 'constant_el', 300),
]

function unit(
  kind: 'pointing' | 'planet' | 'focus' | 'skydip',
  source: string,
  scan: ObsUnitFact['scan'],
  duration_s: number,
): ObsUnitFact {
  return {
    name: `${kind} ${source}`,
    program: 'Cal',
    source,
    instrument: 'Prime-Cam',
    kind,
    scan,
    duration_s,
  }
}

const isCalibrator = (name: string) =>
  planets.includes(name) || pointingSources.includes(name) || name.startsWith('Skydip')

const science: readonly ObsUnitFact[] = sourceFacts
  .filter(({ name, type }) => type === 'fixed' && !isCalibrator(name))
  .map(({ name }) => {
    const isCamera = cameraFields.includes(name)
    return {
      name: `${name} ${isCamera ? 'map' : 'lines'}`,
      program: 'GEco',
      source: name,
      instrument: isCamera ? 'Prime-Cam' : 'CHAI',
      kind: 'science',
      scan: isCamera ? 'pong' : 'constant_el',
      duration_s: 1800,
    }
  })

/** The units of the demonstration night and of the tests: calibration first, so that their ids are the lowest. */
export const obsUnitFacts: readonly ObsUnitFact[] = [...calibration, ...science]
