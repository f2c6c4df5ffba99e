/** Facts of the observatory: its place, programs, instruments and data locations. Degrees, metres. */
export const observatoryFacts = {
  observatory: {
    name: 'CCAT Observatory',
    latitude_deg: -22.985639,
    longitude_deg: -67.740278,
    altitude_m: 5611.8,
  },
  telescope: { name: 'FYST', aperture_m: 6 },
} as const

export const instrumentFacts = [
  {
    name: 'Prime-Cam',
    kind: 'camera',
    description: 'Seven modules in one cryostat, 220 to 850 GHz',
    modules: ['c', 'i1', 'i2', 'i3', 'i4', 'i5', 'i6'],
  },
  {
    name: 'CHAI',
    kind: 'heterodyne',
    description: 'Heterodyne array at two frequencies',
    modules: ['LFA', 'HFA'],
  },
] as const

export const programFacts = [
  { name: 'GEco', description: 'Galactic ecology: the life cycle of the interstellar medium' },
  { name: 'Cal', description: 'Calibration: pointing, focus, skydips and planets' },
  { name: 'ENG', description: 'Engineering and commissioning' },
] as const

export const dataLocationFacts = [
  { name: 'observatory-computer', kind: 'computer', site: 'observatory', path: '/data/raw' },
  { name: 'observatory-buffer', kind: 'buffer', site: 'observatory', path: '/buffer/raw' },
  { name: 'cologne-buffer', kind: 'buffer', site: 'main', path: '/buffer/raw' },
  { name: 'cologne-archive', kind: 'archive', site: 'main', path: '/archive/raw' },
  { name: 'institute-archive', kind: 'archive', site: 'institute', path: '/archive/raw' },
] as const

export const roleFacts = [
  { name: 'admin', description: 'Everything, including tokens' },
  { name: 'operator', description: 'Records observations' },
  { name: 'observer', description: 'Reads' },
] as const

export const userFacts = [
  { username: 'admin', role: 'admin', full_name: 'Administrator' },
  { username: 'telescope', role: 'operator', full_name: 'Telescope control' },
  { username: 'astronomer', role: 'observer', full_name: 'Astronomer on duty' },
] as const
