/** A source of observation: ICRS J2000 in degrees, a NAIF id for a body of the solar system. */
export interface SourceFact {
  readonly name: string
  readonly type: 'fixed' | 'solar_system' | 'constant_elevation'
  readonly ra_deg?: number
  readonly dec_deg?: number
  readonly naif_id?: number
  readonly note: string
}

const fixed = (name: string, ra_deg: number, dec_deg: number, note: string): SourceFact => ({
  name,
  type: 'fixed',
  ra_deg,
  dec_deg,
  note,
})

const body = (name: string, naif_id: number, note: string): SourceFact => ({
  name,
  type: 'solar_system',
  naif_id,
  note,
})

/** Well-known submillimetre sources and calibrators; a few arcseconds for extended regions. */
export const sourceFacts: readonly SourceFact[] = [
  fixed('Orion KL', 83.8104, -5.3751, 'star-forming core'),
  fixed('Sgr A*', 266.41684, -29.00781, 'Galactic centre'),
  fixed('IRC+10216', 146.98919, 13.27877, 'evolved star and calibrator'),
  fixed('CRL 618', 70.72333, 36.11492, 'secondary calibrator'),
  fixed('3C 273', 187.27792, 2.05239, 'quasar and pointing source'),
  fixed('3C 279', 194.04653, -5.78931, 'quasar and pointing source'),
  fixed('Centaurus A', 201.36506, -43.01911, 'radio galaxy'),
  fixed('NGC 253', 11.888, -25.28822, 'starburst galaxy'),
  fixed('Crab Nebula', 83.63308, 22.0145, 'polarisation calibrator'),
  fixed('30 Doradus', 84.6765, -69.1009, 'Large Magellanic Cloud'),
  fixed('Eta Carinae', 161.26477, -59.68443, 'massive star'),
  fixed('NGC 6334 I', 260.2225, -35.78361, 'star-forming region'),
  fixed('W49N', 287.555, 9.10333, 'star-forming region'),
  fixed('W51', 290.93292, 14.50972, 'star-forming region'),
  fixed('Rho Ophiuchi A', 246.6125, -24.38333, 'nearby cloud'),
  fixed('Chamaeleon I', 166.7, -77.3, 'nearby cloud'),
  fixed('E-CDFS', 53.117, -27.808, 'deep field'),
  fixed('COSMOS', 150.11916, 2.20583, 'deep field'),
  body('Mars', 499, 'primary calibrator'),
  body('Jupiter', 599, 'beam map'),
  body('Saturn', 699, 'beam map'),
  body('Uranus', 799, 'primary calibrator'),
  body('Neptune', 899, 'primary calibrator'),
  { name: 'Skydip 20-90', type: 'constant_elevation', note: 'opacity' },
]
